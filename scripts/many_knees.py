"""Build a cohort of fifty thousand radiographs, twenty of them broken, with a kill in the middle; print what came of it.

    python scripts/many_knees.py knee-radiographs --count 50000 --cluster local:2

The radiographs are those of the folder under other names, each with other bytes after its end, so that no two are one file.
Prints time, memory and how many were left out (docs/cluster.md).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_BROKEN = 900  # bytes that are left of a broken file
_FIRST_DAY = datetime.date(2004, 2, 1)


def main() -> None:
    """Make the folder, build, kill, build again."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("images", type=Path)
    asked.add_argument("--count", type=int, default=50_000)
    asked.add_argument("--broken", type=int, default=20)
    asked.add_argument("--kill-after", type=int, default=600, metavar="SHARDS")
    asked.add_argument("--cluster", default="local:2")
    asked.add_argument("--work", type=Path, default=Path("work/many-knees"))
    given = asked.parse_args()
    images, cohort = given.work / "images", given.work / "cohort"
    shutil.rmtree(given.work, ignore_errors=True)
    broken = make(given.images, images, given.count, given.broken)
    command = [sys.executable, "-m", "napari_medgen", "cohort", "build", str(images), "--out", str(cohort)]
    command += ["--projection", "encoder", "--cluster", given.cluster]

    begun = time.monotonic()
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while first.poll() is None and sum(1 for _ in (cohort / "shards").glob("*.npz")) < given.kill_after:
        time.sleep(1)
    if first.poll() is not None:
        sys.exit("It ended before it could be killed.")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = len(list((cohort / "shards").glob("*.npz")))
    print(f"killed after {minutes(begun)}: {kept} shards are kept", flush=True)

    begun = time.monotonic()
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = Watch(second.pid)
    status = second.wait()
    with (cohort / "failures.csv").open(newline="") as file:
        failed = {row["file"] for row in csv.DictReader(file)}
    found = json.loads(
        subprocess.check_output([sys.executable, "-m", "napari_medgen", "cohort", "info", str(cohort), "--json"])
    )
    print(f"given again: {minutes(begun)} more, exit status {status}, {found['visits']} visits")
    print(f"failures.csv: {len(failed)} files, {'exactly the broken ones' if failed == broken else 'NOT the broken ones'}")
    print(f"memory at most: {watch.command:.2f} GB in the command, {watch.workers:.2f} GB in each worker")


def make(source: Path, out: Path, count: int, broken: int) -> set[str]:
    """Fill a folder with radiographs; the names of those that are broken."""
    out.mkdir(parents=True)
    files = sorted(source.glob("train/**/*.jpg"))
    names = set()
    for number in range(count):
        file = files[number % len(files)]
        day = _FIRST_DAY + datetime.timedelta(days=365 * (number // len(files)))
        name = f"{file.stem[:-1]}_{number:08d}_{day:%Y%m%d}_{file.stem[-1]}.jpg"
        content = file.read_bytes()
        if number % (count // broken) == 7 and len(names) < broken:
            content = content[:_BROKEN]
            names.add(name)
        (out / name).write_bytes(content + number.to_bytes(4, "big"))
    return names


def minutes(begun: float) -> str:
    """Since then, for a person."""
    whole, seconds = divmod(round(time.monotonic() - begun), 60)
    return f"{whole} min {seconds} s"


class Watch:
    """The most memory that a command and its children had, in GB."""

    def __init__(self, pid: int) -> None:
        self.command = self.workers = 0.0
        self._pid = pid
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        import psutil

        whole = psutil.Process(self._pid)
        while whole.is_running():
            try:
                self.command = max(self.command, whole.memory_info().rss / 1e9)
                for child in whole.children(recursive=True):
                    self.workers = max(self.workers, child.memory_info().rss / 1e9)
            except psutil.Error:
                pass
            time.sleep(2)


if __name__ == "__main__":
    main()
