"""Progression against plain implementations of the same, in one run: ratios, not promises.

    python -m benchmarks.progression [KNEES]

With the folder ``knee-radiographs`` of docs/data.md, ``fast`` projection is compared with the published one on twenty
validation knees.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medgen.cli.progression import open_extrapolator
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.architecture import StyleGANSizes
from napari_medgen.progression.cohort.latent_index import LatentIndex
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.grader import expected_grade
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.networks.stylegan_layers import modulated_conv
from napari_medgen.progression.projection import Projection, project
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.allocator import keep_freed_memory
from napari_medgen.running.progress import drive

_KNEES = 20


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median over some runs, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def own_weights(x: Tensor, weight: Tensor, styles: Tensor, bias: Tensor) -> Tensor:
    """Modulated convolution as the paper writes it: weights for each image, one grouped convolution."""
    count, inside, height, width = x.shape
    scaled = weight[None] * styles[:, None, :, None, None]
    scaled = scaled * (scaled.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    out = F.conv2d(x.reshape(1, -1, height, width), scaled.reshape(-1, inside, 3, 3), padding=1, groups=count)
    return out.reshape(count, -1, height, width) + bias[:, None, None]


def modulation() -> None:
    """One layer of the 64-pixel level, forward and back to the styles, batch of eight."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(8, 64, 64, 64), torch.randn(64, 64, 3, 3, requires_grad=True), torch.zeros(64)
    styles = torch.rand(8, 64, requires_grad=True)

    def run(conv: Callable[..., Tensor]) -> None:
        torch.autograd.grad(conv(x, weight, styles, bias).sum(), [weight, styles])

    ours, plain = (seconds(lambda conv=conv: run(conv)) for conv in (modulated_conv, own_weights))  # type: ignore[misc]
    print(f"modulated convolution, forward and back: {ours * 1e3:.0f} ms; weights for each image {plain * 1e3:.0f} ms")
    print(f"  {plain / ours:.1f}x")


def published_generator() -> None:
    """The published 256-pixel generator, random weights."""
    generator = Generator(StyleGANSizes()).eval().requires_grad_(False)
    ws = generator.spread(generator.mapping(torch.randn(1, 512)))
    with torch.no_grad():
        print(f"published 256-pixel generator, one image: {seconds(lambda: generator.synthesis(ws), 3):.2f} s")


def neighbours() -> None:
    """A million latents of 512, searched exactly."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((1_000_000, 512), np.float32)
    index, query = LatentIndex(latents), rng.standard_normal(512).astype(np.float32)

    def plain() -> np.ndarray:
        """As the official code has it: both brought to length one, and the length of the difference."""
        units = latents / np.linalg.norm(latents, axis=1, keepdims=True)
        return np.linalg.norm(units - query / np.linalg.norm(query), axis=1).argsort()[:8]

    ours = seconds(lambda: index.nearest(query, 8), 3)
    begun = time.perf_counter()
    expected = plain()
    peer = time.perf_counter() - begun
    assert np.array_equal(index.nearest(query, 8)[0], expected)
    print(f"8 neighbours among 1,000,000 x 512: {ours:.2f} s; written out as published {peer:.2f} s")
    print(f"  {peer / ours:.0f}x, the same neighbours")


def knees(folder: Path, extrapolator: Extrapolator) -> Tensor:
    """Four validation knees of each grade, (20, 1, H, W) in [-1, 1]."""
    files = [file for grade in "01234" for file in sorted((folder / "val" / grade).glob("*.jpg"))[: _KNEES // 5]]
    images = [replace(read_radiograph(file), laterality=file.stem[-1]) for file in files]  # type: ignore[arg-type]
    return torch.cat([frame_of(image, extrapolator.architecture)[1] for image in images])


def projections(folder: Path) -> None:
    """``fast`` and the encoder alone against the published projection: error, and seconds a knee."""
    extrapolator = open_extrapolator("knee-progression")
    frames = knees(folder, extrapolator)
    graded = expected_grade(extrapolator.grader.probabilities(to_grey(frames)))
    asked = {
        "published": ProjectionRequest("published"),
        "fast, W": ProjectionRequest("fast"),
        "fast, W+": ProjectionRequest("fast", space="W+"),
        "encoder": ProjectionRequest("encoder"),
    }
    found: dict[str, tuple[Projection, float]] = {}
    for name, request in asked.items():
        begun = time.perf_counter()
        parts = project(frames, extrapolator.generator, extrapolator.encoder, extrapolator.grader, request)
        found[name] = drive(parts), (time.perf_counter() - begun) / len(frames)
    peer, peer_time = found["published"]
    for name, (one, each) in found.items():
        said = expected_grade(extrapolator.grader.probabilities(one.images))
        print(
            f"{name}: PSNR {one.psnr.mean():.2f} dB, perceptual {one.perceptual.mean():.3f} "
            f"({one.perceptual.mean() / peer.perceptual.mean():.2f} of the published), grade off by "
            f"{(said - graded).abs().mean():.2f}, {each:.2f} s a knee in a batch of {len(frames)} (1/{peer_time / each:.0f})"
        )
        assert math.isfinite(each)


def main() -> None:
    """Run everything."""
    keep_freed_memory()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    modulation()
    published_generator()
    neighbours()
    if len(sys.argv) > 1:
        projections(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
