from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.imaging.listing import list_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.nii", "a.NII.GZ", "._a.nii.gz", ".hidden.nii", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    for place in (".ipynb_checkpoints", "__MACOSX", "sub-01"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "c.nii").write_bytes(b"x")
    return tmp_path


def test_what_systems_leave_behind_is_not_meant(folder: Path) -> None:
    found = list_files(folder, "**/*", (".nii", ".nii.gz"))
    assert [path.relative_to(folder).as_posix() for path in found] == ["a.NII.GZ", "b.nii", "sub-01/c.nii"]


def test_a_folder_that_is_itself_hidden_may_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "a.png").write_bytes(b"x")
    assert [path.name for path in list_files(tmp_path / ".data")] == ["a.png"]
