"""Prepare CTs of 512 x 512 x 300 voxels, with a kill in between, and encode and decode one by a model of the shipped design.

    python scripts/large_ct.py ct-crops --count 200

The CTs are one of the crops, tiled, int16 Hounsfield units, under many names. Prints seconds and the most memory that each
part had (docs/cluster.md). The network's weights are random: what is measured is memory and time.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SHAPE = (300, 512, 512)  # slices, rows, columns; the grid has four slices more, for it must divide by eight
RECIPE = """
task = "volumes"
name = "large-ct"
[about]
title = "Large CT"
description = "Memory and time of large volumes."
data = "tiled crops"
licence = "none"
intended_use = "Measuring."
limits = "All."
[data]
shape = [{0}, {1}, {2}]
spacing = [1.5, 1.5, 1.5]
window = [-1000.0, 1000.0]
validation = 0.0
[autoencoder.sizes]
n_hiddens = 16
downsample = [4, 4, 4]
padding_type = "constant"
[denoiser.sizes]
architecture = "conv-unet"
channels = 8
widths = [16, 16]
"""


def main() -> None:
    """Make the CTs, prepare them, encode and decode one."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("crops", type=Path)
    asked.add_argument("--count", type=int, default=200)
    asked.add_argument("--work", type=Path, default=Path("work/large-ct"))
    asked.add_argument("--cluster", default="")
    asked.add_argument("--part", choices=("all", "prepare", "dataset", "network", "encode", "decode"), default="all")
    given = asked.parse_args()
    if given.part in ("encode", "decode"):
        network(given.work, given.part)
        return
    if given.part == "dataset":
        dataset(given.work, given.cluster)
        return
    if given.part in ("all", "prepare"):
        prepare(given.crops, given.work, given.count, given.cluster)
    for part in ("encode", "decode") if given.part in ("all", "network") else ():
        subprocess.run([sys.executable, __file__, str(given.crops), "--work", str(given.work), "--part", part], check=True)


def prepare(crops: Path, work: Path, count: int, cluster: str) -> None:
    """Prepare CTs with a kill in the middle."""
    import nibabel as nib

    shutil.rmtree(work, ignore_errors=True)
    (work / "images").mkdir(parents=True)
    crop = next(path for path in sorted(crops.glob("*.nii.gz")) if "ct" in path.name.lower())
    voxels = np.asarray(nib.load(crop).dataobj).astype(np.int16)
    tiled = np.tile(voxels, [-(-n // m) for n, m in zip(SHAPE[::-1], voxels.shape, strict=True)])
    whole = tiled[: SHAPE[2], : SHAPE[1], : SHAPE[0]]
    nib.save(nib.Nifti1Image(whole, np.diag([1.5, 1.5, 1.5, 1.0])), work / "ct.nii")
    for number in range(count):
        (work / "images" / f"ct-{number:04d}.nii").symlink_to("../ct.nii")
    (work / "recipe.toml").write_text(RECIPE.format(SHAPE[0] + 4, *SHAPE[1:]))
    command = [sys.executable, __file__, str(crops), "--work", str(work), "--part", "dataset", "--cluster", cluster]
    begun = time.monotonic()
    first = subprocess.Popen(command, start_new_session=True)
    while first.poll() is None and time.monotonic() - begun < 60:
        time.sleep(0.5)
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    begun = time.monotonic()
    subprocess.run(command, check=True)
    took = time.monotonic() - begun
    usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{count} CTs, killed after a minute and given again: {took:.0f} s more, {usage:.1f} GiB at most", flush=True)


def dataset(work: Path, cluster: str) -> None:
    """Prepare what is not prepared yet."""
    from napari_medgen.running.progress import drive
    from napari_medgen.running.shards import Placement
    from napari_medgen.volumes.training.dataset import build_dataset
    from napari_medgen.volumes.training.recipe import read_recipe

    drive(build_dataset(read_recipe(work / "recipe.toml"), work / "images", work / "prepared", Placement(cluster, 1)))


def network(work: Path, part: str) -> None:
    """Encode, or decode, one prepared CT."""
    import torch

    from napari_medgen.running.room import scratch_folder
    from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes
    from napari_medgen.volumes.streaming import decode_streamed, encode_in_slabs, scratch_bytes

    torch.manual_seed(0)
    sizes = VQGANSizes(padding_type="constant", n_codes=4096)
    net = VQGAN(sizes).eval().to(memory_format=torch.channels_last_3d)
    begun = time.monotonic()
    if part == "encode":
        volumes = np.load(work / "prepared" / "volumes.npy", mmap_mode="r")
        latent = encode_in_slabs(net, torch.from_numpy(volumes[0].astype(np.float32))[None, None])
        np.save(work / "latent.npy", latent.numpy())
    else:
        scratch = scratch_folder(scratch_bytes(sizes, SHAPE))
        image = decode_streamed(net, torch.from_numpy(np.load(work / "latent.npy")), quantise=False, scratch=scratch)
        print(f"{tuple(image.shape[2:])} voxels, scratch {scratch}, mean {image.mean():.4f}, deviation {image.std():.4f}")
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{part}: {time.monotonic() - begun:.0f} s, {usage:.1f} GiB at most", flush=True)


if __name__ == "__main__":
    main()
