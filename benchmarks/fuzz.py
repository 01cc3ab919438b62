"""Change good files at random and hand them to every reader; list what was neither opened nor a sentence.

    python -m benchmarks fuzz                          # a minute, all kinds
    python -m benchmarks fuzz --minutes 60 --seed 7    # longer, with other changes
    python -m benchmarks fuzz nifti --only 1234        # that one file again, with its traceback

The files are those that pydicom and nibabel ship for their own tests, and models, checkpoints and cohorts made here. Each
kind is read in a process of its own with a limit of memory; a process that dies or does not answer is a finding, and the
next one goes on after it. So is a file that takes longer, or more memory, than any that the limits allow; the last kind,
"bomb", is small files that ask for just that. Every file follows from the seed and its number alone.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks import mutations

_SILENCE = 45.0  # seconds without an answer after which a process hangs
_MEMORY = 12 * 2**30
# What a file may take: an image of half a gigabyte, six times over in the decoder's process; a model of one, twice.
_MOST_MEMORY, _MOST_SECONDS = 4 * 2**30, 30.0
_ALLOWED = {"NAPARI_MEDGEN_LARGEST_IMAGE": "0.5", "NAPARI_MEDGEN_LARGEST_MODEL": "1"}


def _reader(kind: str) -> Callable[[Path], object]:
    """What the window or the command line would call for a file of this kind."""
    if kind in ("nifti", "nrrd"):
        from napari_medgen.imaging.files import read_volume
        from napari_medgen.viewer.layers.volumes import image_options

        return lambda path: image_options(read_volume(path))
    if kind in ("png", "jpeg", "dicom", "compressed"):
        from napari_medgen.imaging.files import read_radiograph

        return lambda path: read_radiograph(path).grey()
    if kind == "checkpoint":
        from napari_medgen.models.checkpoints import named_tensors, plain, read_checkpoint

        return lambda path: (named_tensors(content := read_checkpoint(path)), plain(content.get("hyper_parameters")))
    if kind == "snapshot":
        from napari_medgen.progression.importing import import_snapshot

        return lambda path: import_snapshot(path, path.parent / "imported")
    if kind == "model":
        return _open_model
    if kind == "bomb":
        return lambda path: _reader(_KIND_OF_ENDING[path.name.split(".", 1)[1]])(path)
    from napari_medgen.progression.cohort.folder import open_cohort

    return lambda path: open_cohort(path).trajectories


_KIND_OF_ENDING = {
    "nii.gz": "nifti",
    "nrrd": "nrrd",
    "png": "png",
    "jpg": "jpeg",
    "dcm": "dicom",
    "pt": "checkpoint",
}


def _open_model(path: Path) -> object:
    from napari_medgen.models.folder import open_folder
    from napari_medgen.progression.model import load_networks
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.volumes.model import VolumeGenerator

    folder = open_folder(path)
    return {"saliency": Classifier, "progression": load_networks, "volumes": VolumeGenerator}[folder.card.task](folder)  # type: ignore[operator]


def work(kind: str, seed: int, begin: int, end: int, traceback: bool = False) -> None:
    """Read files of one kind, from one number to another; a line of JSON each."""
    import warnings

    from napari_medgen.errors import MedGenError

    warnings.simplefilter("ignore")
    read = _reader(kind)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        make = mutations.maker(kind, Path(name))
        for number in range(begin, end):
            path = make(seed, number)
            begun = time.perf_counter()
            try:
                read(path)
                outcome, detail = "opened", ""
            except MedGenError as error:
                outcome, detail = "sentence", str(error)
            except Exception as error:
                if traceback:
                    raise
                outcome, detail = "traceback", f"{type(error).__name__}: {str(error)[:120]}"
            seconds, memory = time.perf_counter() - begun, _most_memory()
            if memory > _MOST_MEMORY and outcome != "traceback":
                outcome, detail = "memory", f"{memory / 2**30:.1f} GiB; {detail}"
            elif seconds > _MOST_SECONDS and outcome != "traceback":
                outcome, detail = "slow", f"{seconds:.0f} s; {detail}"
            line = {"number": number, "outcome": outcome, "detail": detail, "seconds": seconds, "memory": memory}
            print(json.dumps(line), flush=True)
            if outcome == "memory":
                return  # what was taken once cannot be told from what the next one takes


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, ValueError):
        pass


class _Kind:
    """One kind of file, read to its end by as many processes as it takes."""

    def __init__(self, kind: str, seed: int, count: int, until: float) -> None:
        self.kind, self.seed, self.count, self.until = kind, seed, count, until
        self.outcomes: Counter[str] = Counter()
        self.findings: list[str] = []
        self.sentences: Counter[str] = Counter()
        self.peak, self.slowest = 0, 0.0

    def run(self) -> None:
        begin = 0
        while begin < self.count and time.monotonic() < self.until:
            begin = self._process(begin)

    def _process(self, begin: int) -> int:
        """Read from ``begin`` on until the end, or until the process dies or hangs; the number to go on with."""
        command = [sys.executable, "-m", "benchmarks.fuzz", "--work", self.kind, "--seed", str(self.seed)]
        command += ["--begin", str(begin), "--count", str(self.count)]
        lines: queue.Queue[str | None] = queue.Queue()
        environment = os.environ | _ALLOWED
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:

            def listen() -> None:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.put(line)
                lines.put(None)

            threading.Thread(target=listen, daemon=True).start()
            number = begin
            while True:
                try:
                    line = lines.get(timeout=_SILENCE)
                except queue.Empty:
                    self._found(number, "hang", f"no answer for {_SILENCE:.0f} s")
                    process.kill()
                    return number + 1
                if line is None:
                    break
                said = json.loads(line)
                number = said["number"] + 1
                if said["outcome"] not in ("opened", "sentence"):
                    self._found(said["number"], said["outcome"], said["detail"])
                else:
                    self.outcomes[said["outcome"]] += 1
                    self.sentences[said["detail"]] += said["outcome"] == "sentence"
                self.peak, self.slowest = max(self.peak, said["memory"]), max(self.slowest, said["seconds"])
                if time.monotonic() > self.until:
                    process.kill()
                    return self.count
            process.wait()
            if number < self.count and process.returncode:
                self._found(number, "died", f"exit status {process.returncode}")
                return number + 1
            return number

    def _found(self, number: int, outcome: str, detail: str) -> None:
        self.outcomes[outcome] += 1
        self.findings.append(f"{self.kind} --seed {self.seed} --only {number}: {outcome}: {detail}")


def _most_memory() -> int:
    """Bytes that this process and those that it started have taken at most; 0 where the system does not say."""
    own = os.getpid()
    try:
        started = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in (own, *started)]
        lines = [line for text in texts for line in text.splitlines() if line.startswith("VmHWM:")]
        return sum(int(line.split()[1]) * 1024 for line in lines)
    except OSError:
        return 0


def main(arguments: list[str] | None = None) -> int:
    """Run and print the table; the exit status is the number of findings, at most 100."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks fuzz", description=__doc__.split("\n\n")[0] if __doc__ else ""
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(mutations.KINDS)}; all by default")
    parser.add_argument("--minutes", type=float, default=1.0, help="for all kinds together")
    parser.add_argument("--count", type=int, default=10**9, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="this file alone, with its traceback")
    parser.add_argument("--begin", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--work", choices=mutations.KINDS, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.work:
        _limit_memory()
        work(asked.work, asked.seed, asked.begin, asked.count)
        return 0
    if unknown := set(asked.kinds) - set(mutations.KINDS):
        parser.error(f"there is no kind {unknown.pop()}; there are {', '.join(mutations.KINDS)}")
    if asked.only is not None:
        work(asked.kinds[0], asked.seed, asked.only, asked.only + 1, traceback=True)
        return 0
    kinds = asked.kinds or mutations.KINDS
    findings: list[str] = []
    titles = ("tried", "opened", "sentence", "traceback", "memory, time", "hang, died", "most memory", "longest")
    print(f"| {'kind':10} | {' | '.join(titles)} |\n|{' --- |' * 9}")
    end = time.monotonic() + asked.minutes * 60
    for place, name in enumerate(kinds):
        # What a kind leaves of its time goes to the others.
        left = (end - time.monotonic()) / (len(kinds) - place)
        kind = _Kind(name, asked.seed, asked.count, time.monotonic() + max(left, 1.0))
        kind.run()
        counts = kind.outcomes
        pairs = (("opened",), ("sentence",), ("traceback",), ("memory", "slow"), ("hang", "died"))
        row = tuple(sum(counts[name] for name in names) for names in pairs)
        numbers = " | ".join(f"{number:,}" for number in (counts.total(), *row))
        print(f"| {name:10} | {numbers} | {kind.peak / 2**30:.2f} GiB | {kind.slowest:.1f} s |", flush=True)
        findings += kind.findings
    for finding in findings:
        print(finding)
    return min(len(findings), 100)


if __name__ == "__main__":
    sys.exit(main())
