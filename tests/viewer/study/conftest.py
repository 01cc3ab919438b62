"""A study window on a small study."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from napari_medgen.study.case_table import NewCase, import_cases
from napari_medgen.study.protocol_file import with_entry
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.templating import protocol_text
from napari_medgen.viewer.study.tour import KeyReader, settle
from napari_medgen.viewer.study.window import StudyWindow
from napari_medgen.viewer.work.queue import file_queue
from study_support import MakeStudy, a_volume, maker, run


@pytest.fixture
def make_study(tmp_path: Path) -> MakeStudy:
    """Makes studies that need no window."""
    return maker(tmp_path)


@pytest.fixture(autouse=True)
def nothing_left(qapp: Any) -> Iterator[None]:
    """Windows of a test are gone before the next one begins: napari's own fixture looks for theirs."""
    yield
    for _ in range(3):
        settle(0.02)
        gc.collect()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """Makes a study from a template, with other entries where they are given."""

    def make(template: str = "turing", cases: list[NewCase] | None = None, count: int = 3, **entries: Any) -> Study:
        folder = tmp_path / "study"
        folder.mkdir()
        text = protocol_text(template, "test", ["R1", "R2"], 5)
        for name, value in entries.items():
            text = with_entry(text, name, yaml.safe_load(value) if isinstance(value, str) else value)
        (folder / PROTOCOL).write_text(text)
        truth = {"real": True} if template == "turing" and "questions" not in entries else {}
        chosen = cases or [NewCase(a_volume(n, synthetic=n % 2 == 1), truth, source=f"secret-{n}") for n in range(count)]
        study: Study = run(import_cases(Study.open(folder), chosen))
        return study

    return make


@pytest.fixture
def opened(qapp: Any) -> Iterator[Callable[..., KeyReader]]:
    """Opens the window of a study, and has a reader with a keyboard before it."""
    windows: list[StudyWindow] = []

    def open_(study: Study, reader: str = "R1", **more: Any) -> KeyReader:
        window = StudyWindow(Study.open(study.folder), reader)
        window.resize(1000, 700)
        window.show()
        settle(0.1)
        windows.append(window)
        return KeyReader(window, **more)

    yield open_
    for window in windows:
        try:
            window.close()
        except RuntimeError:
            continue  # a test closed it
    windows.clear()
    file_queue().wait(10)
    settle(0.05)
