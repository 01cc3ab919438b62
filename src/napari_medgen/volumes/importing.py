"""Turn the two checkpoints of the official Medical Diffusion code into a model folder.

Stage one is a Lightning ``.ckpt`` (its configuration says what the shapes cannot), stage two the trainer's
``model-*.pt``, of which the averaged weights are taken. Neither Lightning nor OmegaConf is needed and nothing in the files
is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_medgen.errors import ModelError
from napari_medgen.imaging.orientation import CANONICAL, Codes
from napari_medgen.models.card import imported_card, model_name
from napari_medgen.models.checkpoints import plain, read_checkpoint
from napari_medgen.models.folder import ModelFolder, build_network, write_folder
from napari_medgen.models.weights import beside, weights_named
from napari_medgen.volumes.architecture import AUTOENCODER_FILE, DENOISER_FILE, VolumeArchitecture
from napari_medgen.volumes.diffusion import Schedule
from napari_medgen.volumes.networks.denoisers import build_denoiser
from napari_medgen.volumes.networks.unet3d import Unet3DSizes
from napari_medgen.volumes.networks.vqgan import VQGAN, Triple, VQGANSizes

Tensors = dict[str, torch.Tensor]
_VQGAN_NAMES = ("codebook.embeddings", "encoder.conv_first.conv.weight")
_DENOISER_NAMES = ("init_conv.weight", "time_rel_pos_bias.relative_attention_bias.weight")
_TRAINING_PARTS = ("image_discriminator.", "video_discriminator.", "perceptual_model.")


def import_official(
    vqgan: str | Path,
    ddpm: str | Path,
    out: str | Path,
    *,
    shape: Triple | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    axes: Codes = CANONICAL,
    name: str = "",
) -> ModelFolder:
    """Import a pair of official checkpoints.

    Parameters
    ----------
    vqgan, ddpm
        The Lightning checkpoint of stage one and the trainer's of stage two.
    out
        The model folder to write.
    shape
        Voxels (D, H, W) of a volume. The checkpoints do not say it: by default a cube whose latent is as high as the
        denoiser is wide, which is the official convention for height.
    spacing, axes
        Millimetres between voxels and direction of (D, H, W); not in the checkpoints either.
    name
        Name of the model; the folder's by default.

    Raises
    ------
    ModelError
        If a file is not such a checkpoint, holds code, lacks a tensor, or the two do not belong together.
    """
    out = Path(out)
    name = model_name(name, out)
    autoencoder_sizes, autoencoder = read_vqgan(vqgan)
    denoiser_sizes, denoiser, timesteps, own = read_ddpm(ddpm)
    _require_same(autoencoder, own, Path(vqgan).name, Path(ddpm).name)
    if shape is None:
        d, h, w = (denoiser_sizes.dim * factor for factor in autoencoder_sizes.downsample)
        shape = (d, h, w)
    codes = autoencoder["codebook.embeddings"]
    try:
        architecture = VolumeArchitecture(
            shape=shape,
            spacing=spacing,
            axes=axes,
            intensities=(-1.0, 1.0),
            autoencoder=autoencoder_sizes,
            denoiser=denoiser_sizes,
            timesteps=timesteps,
            prediction="noise",
            latent_range=(float(codes.min()), float(codes.max())),
        )
    except ValidationError as error:
        raise ModelError(f"These checkpoints do not fit together: {error.errors()[0]['msg']}.") from None
    card = imported_card(
        name,
        "volumes",
        architecture,
        f"Imported from {Path(vqgan).name} and {Path(ddpm).name}.",
        "Grey values are the network's own (-1 to 1). Shape, spacing and axes were given at import, not read.",
        "Research. Not for diagnosis.",
    )
    return write_folder(out, card, {AUTOENCODER_FILE: autoencoder, DENOISER_FILE: denoiser})


def read_vqgan(path: str | Path) -> tuple[VQGANSizes, Tensors]:
    """Sizes and inference tensors of an official stage-one checkpoint."""
    path = Path(path)
    content = read_checkpoint(path)
    found, config = weights_named(content, _VQGAN_NAMES), _config(content)
    if found is None:
        raise ModelError(f"{path.name} is not a VQ-GAN checkpoint: it holds no codebook.")
    if weights_named(content, _DENOISER_NAMES) is not None:
        raise ModelError(f"{path.name} is a diffusion checkpoint, not the VQ-GAN checkpoint of stage one.")
    tensors = {key: value for key, value in found[1].items() if not key.startswith(_TRAINING_PARTS)}
    model, dataset = (part if isinstance(part := config.get(key), dict) else {} for key in ("model", "dataset"))
    if "downsample" not in model:
        raise ModelError(f"{path.name} holds no configuration, so its downsampling factors are unknown.")
    try:
        n_codes, dim = tensors["codebook.embeddings"].shape
        sizes = VQGANSizes(
            n_hiddens=tensors["encoder.conv_first.conv.weight"].shape[0],
            downsample=model["downsample"],
            embedding_dim=dim,
            n_codes=n_codes,
            image_channels=dataset.get("image_channels") or tensors["encoder.conv_first.conv.weight"].shape[1],
            num_groups=model.get("num_groups") or 32,
            padding_type=model.get("padding_type") or "replicate",
            padding_reach="encoder",
        )
    except (LookupError, ValueError, TypeError):
        raise ModelError(f"{path.name} is a VQ-GAN of a kind that this version does not know.") from None
    build_network(lambda: VQGAN(sizes), tensors, f"VQ-GAN in {path.name}", missing_ok=".initialised")
    kept = {k: v for k, v in tensors.items() if k not in ("codebook.N", "codebook.z_avg")}
    return sizes, kept


def read_ddpm(path: str | Path) -> tuple[Unet3DSizes, Tensors, int, Tensors]:
    """Sizes and tensors of an official stage-two checkpoint's denoiser, averaged ones where it has them.

    Returns
    -------
    tuple
        Sizes, tensors, the length of the schedule, and the tensors of the VQ-GAN that the checkpoint carries with it; none
        where it does not.
    """
    path = Path(path)
    content = read_checkpoint(path)
    found = weights_named(content, _DENOISER_NAMES)
    if found is None:
        raise ModelError(f"{path.name} is not a diffusion checkpoint: it holds no denoiser.")
    prefix, tensors = found
    # Rotary frequencies are constants, saved ten times over.
    tensors = {key: value for key, value in tensors.items() if not key.endswith("rotary_emb.freqs")}
    betas = beside(content, prefix, "betas")
    timesteps = 0 if betas is None or betas.dim() != 1 else len(betas)
    if betas is None or timesteps < 2 or not _cosine(betas.numpy()):
        raise ModelError(f"{path.name} was not trained on the cosine schedule; it cannot be sampled here.")
    sizes = _unet_sizes(tensors, path.name)
    build_network(lambda: build_denoiser(sizes), tensors, f"denoiser in {path.name}")
    own = weights_named(content, _VQGAN_NAMES)
    return sizes, tensors, timesteps, own[1] if own is not None else {}


def _cosine(betas: NDArray[np.float32]) -> bool:
    return bool(np.allclose(betas, Schedule.cosine(len(betas)).betas, rtol=1e-4, atol=1e-7))


def _require_same(given: Tensors, carried: Tensors, vqgan: str, ddpm: str) -> None:
    """Refuse a VQ-GAN that is not the one that the diffusion model learned to speak to.

    Raises
    ------
    ModelError
        If tensors that both files hold differ by more than half precision does.
    """
    both = [key for key in given if key in carried and given[key].is_floating_point()]
    for key in both:
        a, b = given[key], carried[key]
        if a.shape != b.shape or a.dtype != b.dtype or not torch.allclose(a, b, rtol=2e-2, atol=2e-3):
            raise ModelError(
                f"{ddpm} was trained on another VQ-GAN than {vqgan}: their {key} differ; give the one of the same training."
            )


def _config(content: dict[str, Any]) -> dict[str, Any]:
    found = plain(content.get("hyper_parameters", {}))
    if isinstance(found, dict):
        config = found.get("cfg", found)
        return config if isinstance(config, dict) else {}
    return {}


def _unet_sizes(tensors: Tensors, name: str) -> Unet3DSizes:
    try:
        first = tensors["init_conv.weight"]
        if first.dim() != 5 or any(tensor.dim() == 0 and key.endswith("weight") for key, tensor in tensors.items()):
            raise ValueError("a weight without axes")
        dim, channels = first.shape[0], first.shape[1]
        levels = 1 + max(int(key.split(".")[1]) for key in tensors if key.startswith("downs."))
        widths = [tensors[f"downs.{level}.0.block1.proj.weight"].shape[0] for level in range(levels)]
        heads = tensors["time_rel_pos_bias.relative_attention_bias.weight"].shape[1]
        hidden = tensors["init_temporal_attn.fn.fn.fn.to_out.weight"].shape[1]
        return Unet3DSizes(
            dim=dim,
            multipliers=tuple(width // dim for width in widths),
            channels=channels,
            out_channels=tensors["final_conv.1.weight"].shape[0],
            heads=heads,
            head_width=hidden // heads,
        )
    except (LookupError, ValueError, ZeroDivisionError):
        raise ModelError(f"The denoiser in {name} is of a kind that this version does not know.") from None
