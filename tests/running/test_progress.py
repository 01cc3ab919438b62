from __future__ import annotations

import pytest

from napari_medgen.running.progress import Progress, Steps, drive


def count(log: list[str], to: int = 3) -> Steps[str]:
    try:
        for step in range(to):
            yield Progress(step + 1, to)
    finally:
        log.append("closed")
    return "done"


def test_driving_returns_the_result_and_reports_each_step() -> None:
    seen: list[float] = []
    assert drive(count([]), lambda p: seen.append(p.fraction)) == "done"
    assert seen == pytest.approx([1 / 3, 2 / 3, 1])


def test_an_interruption_closes_the_computation() -> None:
    log: list[str] = []

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(count(log), interrupt)
    assert log == ["closed"]


def test_an_unknown_total_is_no_fraction() -> None:
    assert Progress(3, 0).fraction == 0
