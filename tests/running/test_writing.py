from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.running.writing import harmless, write_whole


def test_a_file_appears_whole_with_the_usual_rights(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "new" / "a.csv", b"one")
    assert path.read_bytes() == b"one"
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]
    if sys.platform != "win32":
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MedGenError, match="is a folder"):
        write_whole(tmp_path, b"x")
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(MedGenError, match="cannot be written"):
        write_whole(tmp_path / "file" / "a.csv", b"x")
    assert (tmp_path / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd|x", "@SUM(1)", "\t=1", "\r=1"])
def test_cells_that_a_spreadsheet_would_compute_are_quoted(cell: str) -> None:
    assert harmless(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["a", "", "-1.5", "+3", "knee-1", 5, -2.5, None])
def test_other_cells_stay(cell: object) -> None:
    assert harmless(cell) == cell
