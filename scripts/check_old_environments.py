"""Import checkpoints that the old environments of the official codes really write, and compare with the official outputs.

    python scripts/check_old_environments.py classifier PYTHON   # Python 3.6 with PyTorch 1.1 (Medical-Robust-Training)
    python scripts/check_old_environments.py stylegan PYTHON     # Python 3.7 with PyTorch 1.7 (StyleGAN2-ADA)

PYTHON is an interpreter that has that PyTorch and NumPy. It gets names and shapes of the official networks, fills them by the
rule of the golden values, and writes a file as the official code does, with all that lies beside the weights. Nothing of it
is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

_FILL = """
import argparse, collections, datetime, json, math, pickle, sys, types, zlib
import numpy as np, torch
def filled(name, shape):
    leaf = name.rsplit(".", 1)[-1]
    b = torch.from_numpy(np.sin(0.37 * np.arange(int(np.prod(shape))) + zlib.crc32(name.encode()) % 997)).reshape(shape)
"""
_CLASSIFIER = """
    if leaf == "num_batches_tracked": return torch.tensor(0)
    if leaf == "running_var": return (1 + 0.5 * b.abs()).float()
    if leaf == "running_mean": return (0.1 * b).float()
    if len(shape) >= 2: return (b * math.sqrt(2 / (np.prod(shape) / shape[0]))).float()
    return (1 + 0.1 * b if leaf == "weight" else 0.1 * b).float()
about = json.load(open(sys.argv[1]))
state = collections.OrderedDict(("module." + name, filled(name, shape)) for name, shape in about)
net = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
torch.save({"epoch": 3, "state_dict": state, "best": np.float64(0.9), "scores": np.arange(3.0), "seen": {1, 2},
    "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "random": np.random.get_state(),
    "args": argparse.Namespace(lr=0.1), "when": datetime.date(2020, 1, 1), "frozen": frozenset([1]), "raw": b"x"}, sys.argv[2])
"""
_STYLEGAN = """
    if leaf == "resample_filter":
        line = np.array([1.0, 3, 3, 1]); return torch.from_numpy(np.outer(line, line) / 64).float()
    if name.endswith("affine.bias"): b = 1 + 0.1 * b
    elif name.startswith("mapping.fc") and leaf == "weight": b = 100 * b
    elif leaf not in ("weight", "noise_const", "const", "w_avg"): b = 0.1 * b
    return b.float()
about = json.load(open(sys.argv[1]))
persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")
sys.modules.update({"torch_utils": types.ModuleType("torch_utils"), "torch_utils.persistence": persistence,
    "dnnlib": types.ModuleType("dnnlib"), "dnnlib.util": util})
exec("class EasyDict(dict):\\n    pass", util.__dict__); util.EasyDict.__module__ = "dnnlib.util"
exec("def _reconstruct_persistent_obj(meta):\\n    raise SystemExit('it ran')", persistence.__dict__)
persistence._reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
class Network(object):
    def __init__(self, **kwargs): self.state = dict(_parameters=collections.OrderedDict(), _buffers=collections.OrderedDict(),
        _modules=collections.OrderedDict(), _non_persistent_buffers_set=set(), training=False, **kwargs)
    def __reduce__(self): return persistence._reconstruct_persistent_obj, (util.EasyDict(type="class", version=6,
        module_src="raise SystemExit('it ran')", class_name="Generator", state=self.state),)
kwargs = util.EasyDict(z_dim=512, w_dim=512, c_dim=0, img_resolution=256, img_channels=1, mapping_kwargs=util.EasyDict(num_layers=2),
    synthesis_kwargs=util.EasyDict(channel_base=16384, channel_max=512, num_fp16_res=4, conv_clamp=256))
root = Network(_init_args=(), _init_kwargs=kwargs)
for name, shape in about:
    *parts, leaf = name.split(".")
    place = root
    for part in parts: place = place.state["_modules"].setdefault(part, Network(conv_clamp=256) if part.startswith("conv") else Network())
    tensor = filled(name, shape)
    if leaf in ("resample_filter", "noise_const", "w_avg"): place.state["_buffers"][leaf] = tensor
    else: place.state["_parameters"][leaf] = torch.nn.Parameter(tensor)
pickle.dump(dict(training_set_kwargs=util.EasyDict(path="x"), G=None, D=None, G_ema=root, augment_pipe=None), open(sys.argv[2], "wb"))
"""


def _write(python: str, script: str, network: torch.nn.Module, target: Path) -> str:
    """Let an old interpreter write a file; its versions."""
    about = target.with_suffix(".json")
    about.write_text(json.dumps([(name, list(tensor.shape)) for name, tensor in network.state_dict().items()]))
    subprocess.run([python, "-c", _FILL + script, str(about), str(target)], check=True)
    said = "import sys, torch; print('Python %d.%d' % sys.version_info[:2] + ', PyTorch ' + torch.__version__)"
    return subprocess.run([python, "-c", said], check=True, capture_output=True, text=True).stdout.strip()


def classifier(python: str, folder: Path) -> None:
    """The dual-batch-norm ResNet-50."""
    from golden import GOLDEN, assert_golden
    from napari_medgen.saliency.architecture import ResNetSizes
    from napari_medgen.saliency.importing import import_classifier
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.saliency.network import ResNet

    made = _write(python, _CLASSIFIER, ResNet(ResNetSizes(classes=8)), folder / "checkpoint_best.pth")
    model = import_classifier(folder / "checkpoint_best.pth", folder / "model", [f"finding {i}" for i in range(8)])
    network = Classifier(model).network
    place = torch.arange(2 * 3 * 64 * 64, dtype=torch.float64)
    images = ((torch.sin(0.05 * place) + 1) / 2).float().view(2, 3, 64, 64)
    for domain in (0, 1):
        with torch.no_grad():
            assert_golden(network(images, domain), GOLDEN["resnet50dsbn_8"][f"logits_bn{domain}"])
    print(f"{made}: ResNet-50 with two batch norms imported; its logits are the official ones to 1e-3 of their spread.")


def stylegan(python: str, folder: Path) -> None:
    """The 256 generator of StyleGAN2-ADA."""
    from golden import GOLDEN, assert_golden
    from napari_medgen.progression.architecture import StyleGANSizes
    from napari_medgen.progression.importing import import_snapshot
    from napari_medgen.progression.model import load_networks
    from napari_medgen.progression.networks.stylegan import Generator

    made = _write(python, _STYLEGAN, Generator(StyleGANSizes()), folder / "network-snapshot.pkl")
    generator, _ = load_networks(import_snapshot(folder / "network-snapshot.pkl", folder / "model"))
    golden = GOLDEN["stylegan2ada_256_1ch_auto2"]
    with torch.no_grad():
        w = generator.eval().mapping(torch.sin(0.3 * torch.arange(512.0))[None])
        assert_golden(generator.synthesis(generator.spread(w)), golden["img_const"])
    print(f"{made}: StyleGAN2-ADA's generator imported; its image is the official one to 1e-3 of its spread.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        {"classifier": classifier, "stylegan": stylegan}[sys.argv[1]](sys.argv[2], Path(name))
