from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.running.writing import harmless, text_bytes, write_all, write_whole


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


def test_files_that_belong_together_appear_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(MedGenError, match="is a folder"):
        write_all({tmp_path / "a": b"new", tmp_path: b"new"})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="Links need rights there.")
def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"new"
    assert len(list((tmp_path / "there").iterdir())) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Rights are others there.")
def test_what_is_write_protected_is_refused_and_other_rights_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(MedGenError, match="is write-protected"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    path.chmod(0o640)
    write_whole(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_name_that_is_too_long_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MedGenError, match="cannot be written"):
        write_whole(tmp_path / ("a" * 300), b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="File names are texts there.")
def test_a_name_from_an_old_disc_works(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"M\xfcller.csv")
    write_whole(path, text_bytes(path.name))
    assert path.read_bytes() == b"M?ller.csv"
    path.chmod(0o444)
    with pytest.raises(MedGenError) as caught:
        write_whole(path, b"x")
    str(caught.value).encode()


def test_files_that_belong_together_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    real, calls = os.replace, []

    def second_fails(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr("os.replace", second_fails)
    with pytest.raises(MedGenError, match="No space left"):
        write_all({tmp_path / "a": b"new", tmp_path / "b": b"new", tmp_path / "c": b"new"})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("fault", ["replace", "copy", "none"])
def test_nothing_is_left_beside_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"old")
    (tmp_path / "c").symlink_to(tmp_path / "a")

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    files = {tmp_path / "a": b"new", tmp_path / "b": b"new"}
    if fault == "replace":
        monkeypatch.setattr("os.replace", fails)
    elif fault == "copy":
        monkeypatch.setattr("os.link", fails)
        monkeypatch.setattr("shutil.copy2", fails)
    else:
        files[tmp_path / "c"] = b"newer"
    if fault == "none":
        write_all(files)
        assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"newer", b"new")
    else:
        with pytest.raises(MedGenError, match="No space left"):
            write_all(files)
        assert {(tmp_path / name).read_bytes() for name in "ab"} == {b"old"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]


def test_folders_that_were_made_in_vain_are_taken_away(tmp_path: Path) -> None:
    with pytest.raises(MedGenError, match="cannot be written"):
        write_whole(tmp_path / "new" / "deep" / ("a" * 300), b"x")
    assert not list(tmp_path.iterdir())
