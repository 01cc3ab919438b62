"""What a GPU makes of each system: ``python -m benchmarks gpu [--device cuda] [--compile] [--json FILE]``.

For whoever has one: five minutes, one table to send us. A row is one piece of work done in several ways on the same device;
what is quoted is the best of several runs after a first one, with the device waited for, and the most memory that it took.
Numbers are compared as well as times: half precision, another layout or compiling that changes what comes out is no gain. A
way that fails is a row that says so. On a CPU it runs too, which tries the benchmark and says nothing of a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.catalogue import find_model
from napari_medgen.progression.model import Extrapolator, classifier_name
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.devices import Device, choose_device, computes_bfloat16, free_memory, synchronise
from napari_medgen.running.progress import drive
from napari_medgen.saliency.frame_grader import FrameGrader
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import METHODS, ExplainRequest
from napari_medgen.volumes.decoding import decode_in_slabs
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest

Work = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """One piece of work, one way: seconds of the first call and of the best, bytes at the peak, and how far its numbers are
    from those of the plain way, as a share of their range."""

    work: str
    way: str
    first: float
    best: float
    peak: int
    off: float
    remark: str = ""


def main(words: list[str]) -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    asked.add_argument("--device", default="")
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--compile", action="store_true", help="also with torch.compile, which takes minutes")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args(words)
    device = choose_device(given.device, "float32")
    print(f"{device.label}, {device.identity}\n")
    print("| work | way | first | best | against float32 | peak | off by |\n| --- | --- | --- | --- | --- | --- | --- |")
    rows, plain = [], 0.0
    for row in measured(device, given.runs, compiled=given.compile):
        rows.append(row)
        plain = row.best if row.way == "float32" else plain
        print(_line(row, plain), flush=True)
    print()
    for sentence in checks(device):
        print(f"- {sentence}", flush=True)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def measured(device: Device, runs: int, *, compiled: bool) -> Iterator[Row]:
    """All rows."""
    for name in ("brain-t1", "hippocampus"):
        generator = VolumeGenerator(find_model(name), device)
        shape = generator.architecture.latent_shape
        latent = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).to(device.torch)
        image = torch.zeros(1, 1, *generator.architecture.shape, device=device.torch)
        step = torch.full((1,), 500, device=device.torch)
        works: dict[str, Callable[[], torch.Tensor]] = {
            "denoiser step": lambda g=generator, z=latent, t=step: g.denoiser(z, t, None),
            "decode": lambda g=generator, z=latent: g.autoencoder.decode(z, quantise=False),
            "decode in slabs": lambda g=generator, z=latent: decode_in_slabs(g.autoencoder, z, quantise=False),
            "encode": lambda g=generator, x=image: g.autoencoder.encode(x),
        }
        for what, work in works.items():
            yield from _ways(f"{name}: {what}", work, device, runs, compiled=compiled and what != "decode in slabs")
        for previews in (False, True):
            request = SampleRequest(steps=20, previews=previews)

            def sample(g: VolumeGenerator = generator, r: SampleRequest = request) -> Any:
                return drive(g.sample(r), lambda progress: progress.looked_at()).volume.voxels

            said = "20 steps with previews" if previews else "20 steps"
            yield _timed(f"{name}: {said}", "float32", sample, device, runs, None)
        del generator, works
        free_memory(thoroughly=True)
    knee, classifier = _knee(), Classifier(find_model("knee-kl"), device)
    for method in METHODS:

        def explain(m: Any = method) -> Any:
            return classifier.explain(knee, ExplainRequest(method=m)).values

        yield _timed(f"knee-kl: {method}", "float32", explain, device, runs, None)
    folder = find_model("knee-progression")
    grader = FrameGrader(Classifier(find_model(classifier_name(folder)), device))
    extrapolator = Extrapolator(folder, grader, None, device)
    for asked in (ProjectionRequest("encoder"), ProjectionRequest("fast", space="W+"), ProjectionRequest("published", 100)):

        def project(r: ProjectionRequest = asked) -> Any:
            return drive(extrapolator.project(knee, r)).projection.images.cpu().numpy()

        yield _timed(f"knee-progression: {asked.method}, {asked.count} steps", "float32", project, device, runs, None)


def _ways(what: str, work: Callable[[], torch.Tensor], device: Device, runs: int, *, compiled: bool) -> Iterator[Row]:
    """The same work in single precision, as an Ampere GPU rounds it, in half precision, and compiled."""

    def plain() -> torch.Tensor:
        with torch.no_grad():
            return work()

    def half() -> torch.Tensor:
        with torch.no_grad(), torch.autocast(device.kind, dtype=torch.bfloat16):
            return work()

    reference = _numbers(plain)
    yield _timed(what, "float32", plain, device, runs, None)
    if device.kind == "cuda":
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
            yield _timed(what, "tf32", plain, device, runs, reference)
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            yield _timed(what, "float32, cuDNN tries its ways", plain, device, runs, reference)
    if computes_bfloat16(device.name):  # where it is emulated it takes hundreds of times as long
        yield _timed(what, "bfloat16", half, device, runs, reference)
    if compiled:
        made = torch.compile(work)

        def quick() -> torch.Tensor:
            with torch.no_grad():
                found: torch.Tensor = made()
                return found

        yield _timed(what, "float32, compiled", quick, device, runs, reference)


def _timed(what: str, way: str, work: Work, device: Device, runs: int, reference: Any) -> Row:
    cuda = device.kind == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device.torch)
    times = []
    try:
        for _ in range(runs + 1):
            begun = time.perf_counter()
            work()
            synchronise(device.torch)
            times.append(time.perf_counter() - begun)
        off = 0.0 if reference is None else _off(_numbers(work), reference)
    except Exception as error:  # a way that a device has not is what this table is for
        return Row(what, way, math.nan, math.nan, 0, math.nan, str(error).splitlines()[0][:80])
    peak = int(torch.cuda.max_memory_allocated(device.torch)) if cuda else 0
    return Row(what, way, times[0], min(times[1:]), peak, off)


def _numbers(work: Work) -> Any:
    with contextlib.suppress(Exception):
        found = work()
        return found.float().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    return None


def _off(found: Any, reference: Any) -> float:
    if found is None or reference is None:
        return math.nan
    return float(np.abs(found - reference).max() / max(float(np.ptp(reference)), 1e-12))


def checks(device: Device) -> Iterator[str]:
    """What must hold beside the times, a sentence each."""
    request = SampleRequest(steps=5, seed=1, precision="float32")
    folder = find_model("hippocampus")
    here = drive(VolumeGenerator(folder, choose_device("cpu", "float32")).sample(request)).volume.voxels
    there = drive(VolumeGenerator(folder, device).sample(request)).volume.voxels
    yield f"A seed's volume here and on the CPU differ by {_off(there, here):.1e} of the range at most."
    again = drive(VolumeGenerator(folder, device).sample(request)).volume.voxels
    yield f"The same seed again differs by {_off(again, there):.1e}."
    free_memory(thoroughly=True)
    if device.kind == "cuda":
        yield f"Left on the GPU afterwards: {torch.cuda.memory_allocated(device.torch)} bytes."


def _line(row: Row, plain: float) -> str:
    if row.remark:
        return f"| {row.work} | {row.way} | | | | | {row.remark} |"
    peak = f"{row.peak / 2**20:.0f} MiB" if row.peak else ""
    times = f"{1000 * row.first:.1f} ms | {1000 * row.best:.1f} ms | {row.best / plain:.2f}"
    return f"| {row.work} | {row.way} | {times} | {peak} | {row.off:.1e} |"


def _knee() -> Radiograph:
    """The classifier's own example: of nobody."""
    from napari_medgen.imaging.files import read_radiograph

    example = find_model("knee-kl").path / "example.png"
    found = read_radiograph(example)
    return found if found.laterality else replace(found, laterality="L")
