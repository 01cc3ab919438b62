"""Numbers come back in order, are kept, and nothing that is known is computed again."""

from __future__ import annotations

from pathlib import Path

import pytest

import cluster_support
from napari_medgen.errors import MedGenError, WritingError
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.shards import Placement, Shard

PIECES = [Shard(f"number {n}", n) for n in range(5)]


class Squares:
    """Squares numbers, fails on some, and counts what it was asked."""

    def __init__(self, *fails: int) -> None:
        self.fails, self.asked = fails, list[int]()

    def __call__(self, number: int) -> Steps[tuple[int, float]]:
        yield Progress(0, 1)
        self.asked.append(number)
        if number in self.fails:
            raise MedGenError(f"{number} cannot be squared.")
        return number, number * number + 0.1


def of(work: Squares, notes: Path | None, plan: str = "a", pieces: list[Shard[int]] = PIECES) -> list[list[float]]:
    found: list[list[float]] = drive(gather(work, pieces, Gathering(notes=notes), [plan], "Squaring"))
    return found


def test_the_same_request_takes_what_is_known(tmp_path: Path) -> None:
    broken = Squares(3)
    with pytest.raises(MedGenError, match=r"^Squaring: 1 of 5 failed\. number 3: 3 cannot be squared\.$"):
        of(broken, tmp_path)
    again = Squares()
    assert of(again, tmp_path) == [[n, n * n + 0.1] for n in range(5)]
    assert again.asked == [3]
    assert of(Squares(), None) == of(again, tmp_path)
    assert again.asked == [3]


def test_another_request_or_another_piece_is_computed(tmp_path: Path) -> None:
    work = Squares()
    of(work, tmp_path)
    of(work, tmp_path, plan="b")
    assert len(work.asked) == 10
    of(work, tmp_path, pieces=[*PIECES[:4], Shard("number 4", 40)])
    assert work.asked[10:] == [40]


def test_what_a_result_speaks_of_must_be_there_still(tmp_path: Path) -> None:
    work = Squares()
    of(work, tmp_path)
    drive(gather(work, PIECES, Gathering(notes=tmp_path), ["a"], "Squaring", lambda result: result[0] != 2))
    assert work.asked[5:] == [2]


def test_two_runs_do_not_write_the_same_notes(tmp_path: Path) -> None:
    first = gather(Squares(), PIECES, Gathering(notes=tmp_path), ["a"], "Squaring")
    next(first)
    with pytest.raises(WritingError, match="being worked on by another run"):
        of(Squares(), tmp_path)
    first.close()


def test_a_piece_s_progress_says_what_is_done() -> None:
    seen: list[Progress] = []
    drive(gather(Squares(), PIECES, Gathering(), ["a"], "Squaring"), seen.append)
    assert (seen[-1].step, seen[-1].total) == (5, 5)
    assert seen[-1].message.startswith("Squaring: ")


def test_workers_stay_for_all_that_is_gathered() -> None:
    gathering = Gathering(Placement("local:1", 1))
    with gathering.workers():
        pids = {
            one[0]
            for plan in ("a", "b")
            for one in drive(gather(cluster_support.threads, PIECES[:2], gathering, [plan], "Asking"))
        }
    assert len(pids) == 1
