"""Train on a lent GPU from one small archive, or a folder of images; what came of it is copied every few minutes.

    napari-medgen prepare brain-t1 --data DATA --out brain-t1.npz            # before, where the images are
    python scripts/train_on_gpu.py brain-t1 brain-t1.npz --out results       # on the machine with the GPU

The package need not be installed: this checkout is used. What is under ``--out`` is small: averaged weights in half
precision (a file a network), logs and the newest pictures in one archive, and at the end the model's folder. A run that was
stopped goes on from ``--work`` when the same command is given again. Fetch ``--out`` as long as the machine is there: one
that is given back takes everything with it. ``--set`` changes entries of the recipe, for a trial.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
_KEPT = (  # checkpoint, what of it, and what the weights are called
    ("autoencoder", "net", "autoencoder"),
    ("denoiser", "mean", "denoiser"),
    ("classifier", "mean", "classifier"),
    ("networks", "mean_generator", "generator"),
    ("networks", "mean_encoder", "encoder"),
)


def main() -> int:
    """Train, and copy out as it goes; the exit status is the training's."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("recipe")
    asked.add_argument("archive", type=Path)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--work", type=Path)
    asked.add_argument("--name", help="of what comes back, instead of the recipe's")
    asked.add_argument("--every", type=float, default=120.0, help="seconds between two copies")
    asked.add_argument("--set", action="append", default=[], dest="change")
    given = asked.parse_args()
    name = given.name or Path(given.recipe).stem
    work = given.work or Path("work") / f"gpu-{name}"
    model = work / "model"
    command = [sys.executable, "-m", "napari_medgen", "train", given.recipe, "--data", str(given.archive)]
    command += ["--work", str(work), "--out", str(model)]
    for change in given.change:
        command += ["--set", change]
    if any(work.glob("*.pt")):
        command.append("--resume")
    paths = os.pathsep.join(path for path in (str(ROOT / "src"), os.environ.get("PYTHONPATH", "")) if path)
    given.out.mkdir(parents=True, exist_ok=True)
    training = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})
    begun = copied = time.monotonic()
    try:
        while training.poll() is None:
            time.sleep(1)
            if time.monotonic() - copied > given.every:
                copied = time.monotonic()
                bring_back(name, work, given.out)
    finally:
        training.terminate()
    print(f"{name}: ended with {training.returncode} after {time.monotonic() - begun:.0f} s")
    bring_back(name, work, given.out)
    if training.returncode == 0:
        pack(model, given.out / f"{name}.tar")
        for path in given.out.glob(f"{name}-*.safetensors"):
            path.unlink()  # the model has them
    return training.returncode


def bring_back(name: str, work: Path, out: Path) -> None:
    """Copy the newest weights, logs and pictures; what is being written at the moment is left for the next time."""
    import torch
    from safetensors.torch import save_file

    for stage, kept, called in _KEPT:
        with contextlib.suppress(OSError, RuntimeError, EOFError, KeyError):
            file = work / f"{stage}.pt"
            state = torch.load(file, map_location="cpu", weights_only=True)[kept]  # noqa: TID251  (our own)
            part = out / f"{name}-{called}.part"
            save_file({key: value.half().contiguous() for key, value in state.items() if value.is_floating_point()}, part)
            part.replace(out / f"{name}-{called}.safetensors")
    with contextlib.suppress(OSError):
        _pack_logs(name, work, out)


def _pack_logs(name: str, work: Path, out: Path) -> None:
    part = out / f"{name}-logs.part"
    with tarfile.open(part, "w:gz") as archive:
        for path in work.glob("*.csv"):
            archive.add(path, path.name)
        for stage in ("autoencoder", "denoiser", "networks"):
            for path in sorted((work / stage).glob("*.png"))[-2:]:
                archive.add(path, f"{stage}/{path.name}")
    part.replace(out / f"{name}-logs.tar.gz")


def pack(model: Path, path: Path) -> None:
    """A model's folder in one file."""
    with tarfile.open(path, "w") as archive:
        archive.add(model, model.name)


if __name__ == "__main__":
    sys.exit(main())
