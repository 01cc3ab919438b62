"""How fast work is alone and beside other work: this checkout, and another one.

    python -m benchmarks.beside                                     # spinning threads (PyTorch's default), and passive ones
    python -m benchmarks.beside --against ../napari-medgen-before   # another checkout as it is, and this one as it is

Each measurement is a process of its own that samples volumes of brain-t1 (20 steps and decoding), explains a knee as a press
in the window does, or projects a cohort, alone and beside processes that keep one and two cores busy. Seconds are medians;
quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

_BUSY = "while True:\n    sum(range(10**6))\n"
_KNOBS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_HERE = Path(__file__).parents[1]
_KNEES = 16


def sample() -> Callable[[], Any]:
    """A volume of brain-t1."""
    from napari_medgen.models.catalogue import STARTER
    from napari_medgen.models.folder import open_folder
    from napari_medgen.running.devices import choose_device
    from napari_medgen.running.progress import drive
    from napari_medgen.volumes.model import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    generator = VolumeGenerator(open_folder(STARTER / "brain-t1"), choose_device("cpu"))
    return lambda: drive(generator.sample(SampleRequest(seed=1)))


def explain() -> Callable[[], Any]:
    """Ten presses of Explain on a knee: answer, doubts and map."""
    from napari_medgen.running.progress import drive
    from napari_medgen.saliency.request import ExplainRequest
    from napari_medgen.viewer.explain.work import ask_models

    image = _knee(0)

    def press() -> Any:
        return drive(ask_models(("knee-kl",), lambda: image, ExplainRequest(), explain=True, anyway=True))

    return lambda: [press() for _ in range(10)]


def cohort() -> Callable[[], Any]:
    """A cohort of 16 knees, fast projection in 5 steps."""
    from PIL import Image

    from napari_medgen.cli.progression import open_extrapolator
    from napari_medgen.progression.cohort.visits import visits_of_names
    from napari_medgen.progression.cohort_building import BuildRequest, build_cohort
    from napari_medgen.progression.request import ProjectionRequest
    from napari_medgen.running.progress import drive

    extrapolator, root = open_extrapolator("knee-progression", device="cpu"), Path(tempfile.mkdtemp())
    for number in range(_KNEES):
        Image.fromarray(_knee(number).pixels).save(root / f"{9000 + number}_0_20040301_l.png")
    request = BuildRequest(tuple(visits_of_names(root)), root, ProjectionRequest("fast", 5))
    return lambda: drive(build_cohort(request, extrapolator, Path(tempfile.mkdtemp()) / "cohort"))


def _knee(seed: int) -> Any:
    import numpy as np

    from napari_medgen.imaging.radiograph import Radiograph

    pixels = np.random.default_rng(seed).integers(0, 255, (224, 224)).astype(np.uint8)
    return Radiograph(pixels, (0, 255), laterality="L")


CASES: dict[str, Callable[[], Callable[[], Any]]] = {case.__name__: case for case in (sample, explain, cohort)}


def _measure(what: str, runs: int) -> None:
    """Print the seconds of each run, as JSON."""
    work = CASES[what]()
    work()
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    print(json.dumps(times))


def _run(what: str, runs: int, busy: int, source: Path, knobs: dict[str, str]) -> list[float]:
    environment = {key: value for key, value in os.environ.items() if key not in _KNOBS} | knobs
    environment["PYTHONPATH"] = os.pathsep.join((str(source / "src"), str(_HERE)))
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(busy)]
    try:
        command = [sys.executable, str(Path(__file__).resolve()), "--measure", what, "--runs", str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd="/")
        times: list[float] = json.loads(done.stdout.splitlines()[-1])
        return times
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", choices=tuple(CASES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path)
    chosen = parser.parse_args()
    if chosen.measure:
        _measure(chosen.measure, chosen.runs)
        return
    first, second = ("that checkout", "this one") if chosen.against else ("spinning", "passive")
    # Any knob that a user has set keeps ours away; libgomp does not know this one.
    slow = (chosen.against, {}) if chosen.against else (_HERE, {"KMP_BLOCKTIME": "200"})
    print(f"| work | beside | {first}, s | {second}, s | faster |\n| --- | --- | --- | --- | --- |")
    for what, case in CASES.items():
        for busy, beside in ((0, "nothing"), (1, "one busy core"), (2, "two busy cores")):
            before = median(_run(what, chosen.runs, busy, *slow))
            after = median(_run(what, chosen.runs, busy, _HERE, {}))
            title = (case.__doc__ or what).rstrip(".")
            print(f"| {title} | {beside} | {before:.2f} | {after:.2f} | {before / after:.1f}x |", flush=True)


if __name__ == "__main__":
    main()
