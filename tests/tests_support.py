"""What several tests build: random models and checkpoints in the official layouts."""

from __future__ import annotations

import math
import sys
import types
import typing
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_medgen.models.card import ModelCard
from napari_medgen.models.folder import write_folder
from napari_medgen.volumes.architecture import AUTOENCODER_FILE, DENOISER_FILE, REFERENCE_FILE, VolumeArchitecture
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.copy_check import TrainingReference
from napari_medgen.volumes.diffusion import Schedule
from napari_medgen.volumes.model import pack_reference
from napari_medgen.volumes.networks.convnet import ConvUNet, ConvUNetSizes
from napari_medgen.volumes.networks.unet3d import Unet3D, Unet3DSizes
from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes

CONDITIONS = (
    Condition(name="age", label="Age (years)", kind="number", low=20, high=80),
    Condition(name="sex", label="Sex", kind="class", values=("F", "M")),
)


def write_tiny_model(path: Path, name: str = "tiny") -> Path:
    torch.manual_seed(0)
    vqgan = VQGAN(VQGANSizes(n_hiddens=4, num_groups=4, downsample=(4, 4, 4), embedding_dim=4, n_codes=32))
    sizes = ConvUNetSizes(channels=4, widths=(16, 16), groups=4, condition_width=3)
    denoiser = ConvUNet(sizes)
    architecture = VolumeArchitecture(
        shape=(16, 16, 32),
        spacing=(2.0, 3.0, 1.5),
        autoencoder=vqgan.sizes,
        denoiser=sizes,
        timesteps=20,
        prediction="velocity",
        latent_range=(-1.0, 1.0),
        conditions=CONDITIONS,
    )
    volumes = [np.random.default_rng(i).standard_normal((16, 16, 32)).astype(np.float32) for i in range(3)]
    reference = pack_reference(TrainingReference.of(volumes, ["a", "b", "c"]))
    preview = {"preview.weight": torch.randn(64, 4, 3, 3, 3) * 0.1, "preview.bias": torch.zeros(64)}
    card = ModelCard(
        name=name, title="Tiny", task="volumes", architecture=architecture.model_dump(mode="json"), checksums={}
    )
    weights = {
        AUTOENCODER_FILE: vqgan.state_dict(),
        DENOISER_FILE: denoiser.state_dict(),
        REFERENCE_FILE: reference | preview,
    }
    write_folder(path, card, weights)
    return path


def fill(network: torch.nn.Module) -> None:
    """The deterministic weights of the golden values: sines that depend on the tensor's name."""
    for name, tensor in network.state_dict().items():
        leaf = name.split(".")[-1]
        if leaf == "initialised":
            continue
        place = torch.arange(tensor.numel(), dtype=torch.float64)
        b = torch.sin(0.37 * place + zlib.crc32(name.encode()) % 997).view(tensor.shape)
        if leaf == "num_batches_tracked":
            continue
        if leaf in ("embeddings", "z_avg"):
            value = b
        elif leaf == "running_var":
            value = 1 + 0.5 * b.abs()
        elif leaf == "N":
            value = torch.ones_like(b)
        elif leaf == "gamma" or (leaf == "weight" and tensor.ndim == 1):
            value = 1 + 0.1 * b
        elif tensor.ndim >= 2:
            value = b * math.sqrt(2 / (tensor.numel() / tensor.shape[0]))
        else:
            value = 0.1 * b
        tensor.copy_(value.to(tensor.dtype))


def sines(*shape: int) -> torch.Tensor:
    """The golden values' input."""
    return torch.sin(0.05 * torch.arange(math.prod(shape), dtype=torch.float64)).float().view(shape)


def omegaconf_stand_in(value: Any, modules: dict[str, types.ModuleType]) -> Any:
    """A configuration pickled just as OmegaConf's nodes are, by classes of its names."""

    def node(module: str, name: str) -> Any:
        holder = modules.setdefault(module, types.ModuleType(module))
        if not hasattr(holder, name):
            setattr(holder, name, type(name, (), {"__module__": module}))
        return getattr(holder, name)()

    if isinstance(value, dict):
        made = node("omegaconf.dictconfig", "DictConfig")
        made.__dict__["_content"] = {key: omegaconf_stand_in(item, modules) for key, item in value.items()}
        made.__dict__["_metadata"] = node("omegaconf.base", "ContainerMetadata")
        made.__dict__["_metadata"].__dict__["ref_type"] = typing.Any
    elif isinstance(value, (list, tuple)):
        made = node("omegaconf.listconfig", "ListConfig")
        made.__dict__["_content"] = [omegaconf_stand_in(item, modules) for item in value]
    else:
        made = node("omegaconf.nodes", "AnyNode")
        made.__dict__["_val"] = value
    return made


def write_official(
    folder: Path, monkeypatch: Any, *, downsample: tuple[int, int, int] = (2, 4, 4), timesteps: int = 300
) -> tuple[Path, Path, VQGAN, Unet3D]:
    """A pair of checkpoints as Lightning 1.9 and the official trainer lay them out, and the networks inside."""
    torch.manual_seed(1)
    vqgan = VQGAN(VQGANSizes(downsample=downsample, n_codes=64))
    denoiser = Unet3D(Unet3DSizes(dim=16, multipliers=(1, 2)))
    state = {k: v for k, v in vqgan.state_dict().items() if not k.endswith("initialised")}
    training = {
        "image_discriminator.model0.0.weight": torch.zeros(4, 1, 4, 4),
        "perceptual_model.lin0.model.1.weight": torch.zeros(1),
    }
    modules: dict[str, types.ModuleType] = {"omegaconf": types.ModuleType("omegaconf")}
    config = {
        "model": {"n_hiddens": 16, "downsample": list(downsample), "num_groups": 32, "padding_type": "replicate"},
        "dataset": {"image_channels": 1},
    }
    stood_in = omegaconf_stand_in(config, modules)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    first, second = folder / "VQGAN.ckpt", folder / "model-7.pt"
    content = {
        "epoch": 3,
        "global_step": 7,
        "pytorch-lightning_version": "1.9.5",
        "state_dict": state | training,
        "callbacks": {},
        "optimizer_states": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"cfg": stood_in},
    }
    torch.save(content, first)
    rotary = {"init_temporal_attn.fn.fn.fn.rotary_emb.freqs": torch.zeros(16)}
    ema = {f"denoise_fn.{k}": v for k, v in (denoiser.state_dict() | rotary).items()}
    ema |= {f"vqgan.{k}": v for k, v in state.items()}
    ema["betas"] = torch.from_numpy(Schedule.cosine(timesteps).betas).float()
    worse = {k: torch.zeros_like(v) for k, v in ema.items()}
    torch.save({"step": 7000, "model": worse, "ema": ema, "scaler": {}}, second)
    return first, second, vqgan.eval(), denoiser.eval()
