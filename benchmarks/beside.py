"""How fast work is beside other work: threads that spin while they wait, as PyTorch has them, and passive ones.

    python -m benchmarks.beside

Each measurement is a process of its own that samples volumes of brain-t1 (20 steps and decoding) or explains a knee, alone
and beside a process with one and with two busy threads. Seconds are medians; quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

_BUSY = "import threading\ndef spin():\n    while True:\n        sum(range(10**6))\n"
_WAYS = {"spinning": {"KMP_BLOCKTIME": "200"}, "passive": {}}  # any knob that a user has set keeps ours away
_KNOBS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def measure(what: str, runs: int) -> None:
    """Print the seconds of each run, as JSON."""
    work = {"sample": _sampling, "explain": _explaining}[what]()
    work()
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    print(json.dumps(times))


def _sampling():  # type: ignore[no-untyped-def]
    from napari_medgen.models.catalogue import STARTER
    from napari_medgen.models.folder import open_folder
    from napari_medgen.running.devices import choose_device
    from napari_medgen.running.progress import drive
    from napari_medgen.volumes.generator import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    generator = VolumeGenerator(open_folder(STARTER / "brain-t1"), choose_device("cpu"))
    return lambda: drive(generator.sample(SampleRequest(seed=1)))


def _explaining():  # type: ignore[no-untyped-def]
    import numpy as np

    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.models.catalogue import STARTER
    from napari_medgen.models.folder import open_folder
    from napari_medgen.running.devices import choose_device
    from napari_medgen.saliency.classifier import Classifier

    classifier = Classifier(open_folder(STARTER / "knee-kl"), choose_device("cpu"))
    pixels = np.random.default_rng(0).integers(0, 255, (224, 224)).astype(np.uint8)
    image = Radiograph(pixels, (0, 255), laterality="L")
    return lambda: [classifier.explain(image) for _ in range(10)]


def _run(what: str, runs: int, way: str, busy: int) -> list[float]:
    environment = {key: value for key, value in os.environ.items() if key not in _KNOBS} | _WAYS[way]
    # A process each: the threads of one Python process would take turns.
    others = [subprocess.Popen([sys.executable, "-c", _BUSY + "spin()"]) for _ in range(busy)]
    try:
        command = [sys.executable, "-m", "benchmarks.beside", "--measure", what, "--runs", str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        times: list[float] = json.loads(done.stdout.splitlines()[-1])
        return times
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=("sample", "explain"))
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.measure:
        measure(chosen.measure, chosen.runs)
        return
    print(
        "| work | beside | spinning (PyTorch's default), s | passive (ours), s | faster |\n| --- | --- | --- | --- | --- |"
    )
    for what, title in (("sample", "a volume of brain-t1"), ("explain", "ten maps of a knee")):
        for busy, beside in ((0, "nothing"), (1, "one busy thread"), (2, "two busy threads")):
            found = {way: _run(what, chosen.runs, way, busy) for way in _WAYS}
            slow, fast = (median(found[way]) for way in _WAYS)
            print(f"| {title} | {beside} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f}x |", flush=True)


if __name__ == "__main__":
    main()
