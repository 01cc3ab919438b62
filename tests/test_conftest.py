"""The suite on a machine that has nothing beside the clone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROBE = """
import pytest

@pytest.fixture
def window():
    raise RuntimeError("a window was opened for a test that does not run")

def test_window_first(window, real_data):
    raise AssertionError

@pytest.mark.real_data
def test_marked(window):
    raise AssertionError

def test_plain():
    pass
"""


def pytest_in(folder: Path, *words: str) -> str:
    options = ("-p", "no:napari", "-p", "no:pytest-qt", "-p", "no:xvfb", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, *words, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder).stdout


def test_a_test_of_absent_data_is_skipped_before_its_fixtures_are_made(tmp_path: Path) -> None:
    tests = tmp_path / "clone" / "tests"
    tests.mkdir(parents=True)
    (tests / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tests / "test_probe.py").write_text(PROBE)
    assert re.search(r"1 passed, 2 skipped(, \d+ warnings?)? in", pytest_in(tests))
    # The marker is given to whoever asks for the data, so the real-data run counts each of them once.
    assert "2 skipped, 1 deselected" in pytest_in(tests, "-m", "real_data")
