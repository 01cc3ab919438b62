from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.worklist import read_worklist


def test_a_folder_lists_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.png", "notes.txt", "a.json", ".hidden.png", "pair.hdr", "pair.img"):
        (tmp_path / name).write_bytes(b"")
    assert [case.name for case in read_worklist(tmp_path)] == ["a", "b", "pair"]


def test_a_table_lists_its_lines_in_their_order(tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        (tmp_path / name).write_bytes(b"")
    table = tmp_path / "cases.csv"
    table.write_text("Case,Path\nsecond,y.png\n,x.png\n")
    cases = read_worklist(table)
    assert [case.name for case in cases] == ["second", "x"]
    assert cases[0].path == (tmp_path / "y.png").resolve()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name\nx\n", "no column path"),
        ("path\nmissing.png\n", "line 2: missing.png does not exist"),
        ("path,name\n,x\n", "line 2: no file is named"),
        ("", "no column path"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path: Path, text: str, what: str) -> None:
    table = tmp_path / "cases.csv"
    table.write_text(text)
    with pytest.raises(ImageError, match=what):
        read_worklist(table)


def test_an_empty_folder_and_what_is_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no NIfTI"):
        read_worklist(tmp_path)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80path")
    with pytest.raises(ImageError, match="not a table"):
        read_worklist(tmp_path / "binary.csv")
