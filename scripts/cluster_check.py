"""Build a cohort and sample volumes here, on local workers and on a scheduler, disturb them, and compare what comes out.

    python scripts/cluster_check.py knee-radiographs --split val --volumes 6

Prints two tables in Markdown (docs/cluster.md): files, seconds and ratios; and faults, with what became of the work. The
scheduler and its workers are programs of their own on this machine. The full disk is a small one in memory, for root alone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TOOL = (sys.executable, "-m", "napari_medgen")


def main() -> None:
    """Run all of it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("images", type=Path)
    asked.add_argument("--split", default="val")
    asked.add_argument("--volumes", type=int, default=6)
    asked.add_argument("--only", choices=("same", "faults"))
    asked.add_argument("--each", type=int, default=15, help="Radiographs of each grade that are explained and extrapolated.")
    asked.add_argument("--prepare", default="", help="RECIPE=FOLDER of volumes to prepare.")
    asked.add_argument("--attacked", type=int, default=256, help="Radiographs that are attacked.")
    asked.add_argument("--jobs", nargs="+", help="Names of the first table's lines; by default all.")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build = ("cohort", "build", str(given.images), "--layout", "surrogate", "--split", given.split)
        build += ("--projection", "encoder", "--threads", "1", "--out")
        sample = ("sample", "--model", "hippocampus", "--count", str(given.volumes), "--threads", "1", "--out")
        if given.only != "faults":
            jobs = {"cohort build": build, "sample": sample} | of_folders(given.images / given.split, root, given.each)
            curve = ("analyse", "robustness", "knee-kl", "--data", str(given.images), "--images", str(given.attacked))
            jobs["attack"] = (*curve, "--epsilon", "0.005", "--redraws", "1000", "--threads", "1", "--out")
            if given.prepare:
                recipe, _, folder = given.prepare.partition("=")
                prepare = ("prepare", recipe, "--data", folder, "--threads", "1")
                jobs["prepare"] = (*prepare, "--work", "{out}/work", "--out", "{out}/prepared.npz")
            compare(root, {name: job for name, job in jobs.items() if not given.jobs or name in given.jobs})
        if given.only != "same":
            disturb(root, build, sample)


def of_folders(split: Path, root: Path, each: int) -> dict[str, tuple[str, ...]]:
    """Commands on a folder with some radiographs of each grade, and one file that is none."""
    images = root / "images"
    images.mkdir()
    for grade in sorted(split.iterdir()):
        for file in sorted(grade.iterdir())[:each]:
            (images / file.name).symlink_to(file.resolve())
    (images / "broken.png").write_bytes(b"no picture")
    threads = ("--threads", "1", "--out")
    return {
        "explain a folder": ("explain", str(images), "--model", "knee-kl", "--method", "smoothgrad", *threads),
        "extrapolate a folder": ("extrapolate", str(images), "--projection", "fast", *threads),
    }


def compare(root: Path, jobs: dict[str, tuple[str, ...]]) -> None:
    """The same command in three places: are the files the same, and how long does it take?"""
    print("| | 1 process | 2 local workers | scheduler and 2 workers | files |\n| --- | --- | --- | --- | --- |")
    for name, job in jobs.items():
        took, made = [], []
        with scheduler() as address, worker(address), worker(address):
            for place in ("", "local:2", f"tcp://{address}"):
                out = root / f"{name} {place.partition(':')[0]}".replace(" ", "-")
                begun = time.monotonic()
                words = [word.format(out=out) for word in job] if "{out}" in "".join(job) else [*job, str(out)]
                run(*words, *(("--cluster", place) if place else ()))
                took.append(time.monotonic() - begun)
                made.append(contents(out))
        same = f"{len(made[0])}, identical" if made[0] == made[1] == made[2] else "DIFFERENT"
        cells = " | ".join(f"{one:.0f} s ({took[0] / one:.2f})" for one in took)
        print(f"| {name} | {cells} | {same} |", flush=True)


def disturb(root: Path, build: tuple[str, ...], sample: tuple[str, ...]) -> None:
    """What is killed, restarted or full in the middle; what is there at the end is compared with an undisturbed run."""
    print("\n| what happened | what became of it |\n| --- | --- |")
    wanted = root / "undisturbed"
    run(*build, str(wanted))
    faults = {
        "a worker killed (SIGKILL) in the middle": worker_killed,
        "the scheduler killed and started anew, its workers too": scheduler_restarted,
        "the command itself killed and given again": command_killed,
    }
    for number, (what, fault) in enumerate(faults.items()):
        out = root / f"fault-{number}"
        how = fault(build, out)
        same = "the same cohort" if contents(out) == contents(wanted) else "ANOTHER COHORT"
        print(f"| {what} | {how}: {same} |", flush=True)
    print(f"| the disk full in the middle of sampling | {disk_full(root, sample)} |", flush=True)


def worker_killed(build: tuple[str, ...], out: Path) -> str:
    """One of two workers, with its nanny."""
    with scheduler() as address, worker(address), worker(address) as victim:
        command = begin(*build, str(out), "--cluster", f"tcp://{address}")
        await_shards(out, 8)
        kill_tree(victim)
        return f"finished by the other, exit status {command.wait()}"


def scheduler_restarted(build: tuple[str, ...], out: Path) -> str:
    """The scheduler's program, and the workers, which leave with it."""
    with contextlib.ExitStack() as programs:
        first = programs.enter_context(contextlib.ExitStack())
        address = first.enter_context(scheduler())
        first.enter_context(worker(address))
        first.enter_context(worker(address))
        command = begin(*build, str(out), "--cluster", f"tcp://{address}")
        await_shards(out, 8)
        first.close()
        programs.enter_context(scheduler(address))
        programs.enter_context(worker(address))
        programs.enter_context(worker(address))
        status = command.wait()
        if status == 0:
            return "finished by the new one, exit status 0"
        run(*build, str(out), "--cluster", f"tcp://{address}")
        return f"ended with exit status {status} and a sentence, and went on when it was given again"


def command_killed(build: tuple[str, ...], out: Path) -> str:
    """The command, with its local workers."""
    command = begin(*build, str(out), "--cluster", "local:2")
    await_shards(out, 8)
    command.send_signal(signal.SIGKILL)
    command.wait()
    kept = len(list((out / "shards").glob("*.npz")))
    run(*build, str(out), "--cluster", "local:2")
    return f"{kept} shards were kept, the others made"


def disk_full(root: Path, sample: tuple[str, ...]) -> str:
    """A disk in memory that has room for some of the volumes, and more room afterwards."""
    disk = root / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        return "not tried: no small disk could be made here"
    try:
        first = subprocess.run([*TOOL, *sample, str(disk)], check=False, capture_output=True, text=True)
        there = len(list(disk.glob("*.nii.gz")))
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        run(*sample, str(disk))
        plain = root / "plain"
        run(*sample, str(plain))
        same = "the same files" if contents(disk) == contents(plain) else "OTHER FILES"
        said = first.stderr.strip().splitlines()[-1]
        return f"ended with {there} volumes, exit status {first.returncode} (“{said}”); given again with room: {same}"
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def run(*words: str) -> None:
    """A command of the product, which must succeed."""
    done = subprocess.run([*TOOL, *words], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")


def begin(*words: str) -> subprocess.Popen[bytes]:
    """A command in the background."""
    return subprocess.Popen([*TOOL, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def await_shards(out: Path, count: int) -> None:
    """Wait until so many shards of a cohort are there."""
    while len(list((out / "shards").glob("*.npz"))) < count:
        time.sleep(0.05)


def contents(folder: Path) -> dict[str, str]:
    """Files and their contents."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


@contextlib.contextmanager
def scheduler(address: str = "") -> Iterator[str]:
    """A scheduler of dask as a program of its own; where it listens."""
    if not address:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = address.split(":")
    with _program("distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"):
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
                break
            time.sleep(0.1)
        yield address


@contextlib.contextmanager
def worker(address: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of dask as a program of its own."""
    with _program("distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard") as started:
        yield started


@contextlib.contextmanager
def _program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    scratch = tempfile.mkdtemp()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DASK_TEMPORARY_DIRECTORY": scratch}
    started = subprocess.Popen(
        [sys.executable, "-m", *words], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield started
    finally:
        kill_tree(started)
        shutil.rmtree(scratch, ignore_errors=True)


def kill_tree(program: subprocess.Popen[bytes]) -> None:
    """A program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


if __name__ == "__main__":
    main()
