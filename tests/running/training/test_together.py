"""The first process prepares alone, and the others neither wait for ever nor begin too early."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from napari_medgen.errors import RecipeError
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.training import together
from napari_medgen.running.training.together import first_alone


@dataclass
class Threads:
    """What Fabric is for processes, for two threads."""

    rank: int
    meeting: threading.Barrier
    told: list[Any] = field(default_factory=list)
    world_size: int = 2

    @property
    def is_global_zero(self) -> bool:
        return self.rank == 0

    def broadcast(self, word: str) -> str:
        if self.rank == 0:
            self.told.append(word)
        self.meeting.wait(10)
        return str(self.told[0])

    def barrier(self) -> None:
        self.meeting.wait(10)


def both(folder: Path, work: Any) -> list[Any]:
    meeting, told = threading.Barrier(2), []  # type: ignore[var-annotated]
    came: list[Any] = [None, None]

    def run(rank: int) -> None:
        try:
            came[rank] = drive(first_alone(Threads(rank, meeting, told), folder, lambda: work(rank)))  # type: ignore[arg-type]
        except Exception as error:
            came[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return came


def test_the_others_begin_when_the_first_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_BEAT", 0.05)
    monkeypatch.setattr(together, "_LOOK", 0.02)
    monkeypatch.setattr(together, "_PATIENCE", 1.0)  # less than the first takes: it is the signs of life that count
    began: list[int] = []

    def work(rank: int) -> Steps[str]:
        began.append(rank)
        yield Progress(0, 1)
        if rank == 0:
            time.sleep(1.5)
            (tmp_path / "made").write_text("there")
        return (tmp_path / "made").read_text()

    assert both(tmp_path, work) == ["there", "there"]
    assert began == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_where_the_first_fails_the_others_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_LOOK", 0.02)

    def work(rank: int) -> Steps[str]:
        yield Progress(0, 1)
        raise RecipeError("There are no files.")

    first, second = both(tmp_path, work)
    assert str(first) == "There are no files."
    assert "first process could not prepare" in str(second)


def test_a_first_process_that_is_lost_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_LOOK", 0.02)
    monkeypatch.setattr(together, "_PATIENCE", 0.3)
    (tmp_path / ".first-x").write_text("1")
    with pytest.raises(RecipeError, match="was lost"):
        drive(together._wait(tmp_path / ".first-x"))
