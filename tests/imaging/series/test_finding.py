"""Where files come from: folders, discs, archives; what is no image costs itself alone."""

from __future__ import annotations

import errno
import io
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from napari_medgen.errors import ImageError
from napari_medgen.imaging.series.finding import dicom_files, find_series, unpacked
from napari_medgen.imaging.series.reading import read_stack
from napari_medgen.running.progress import drive
from series_support import assert_in_place, positions, write_series

DISC = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"


def test_a_dicomdir_stands_for_its_disc() -> None:
    files = dicom_files(DISC / "DICOMDIR")
    assert not any(path.name == "DICOMDIR" for path in files)
    numbers = [series.number for series in drive(find_series(dicom_files(DISC / "98892003"))).series]
    assert numbers == [1, 1, 1, 2, 2, 2, 700] or len(numbers) >= 3


def test_a_damaged_file_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    write_series(tmp_path, positions(4))
    (tmp_path / "broken").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff")
    found = drive(find_series(dicom_files(tmp_path)))
    assert len(found.series[0].stacks[0].frames) == 4
    assert all("broken" in failure for failure in found.failures)


def test_every_file_is_a_step(tmp_path: Path) -> None:
    write_series(tmp_path, positions(5))
    steps = list(find_series(dicom_files(tmp_path)))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("source", ["gone", "empty", "texts"])
def test_nothing_to_read_is_one_sentence(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no image")
    with pytest.raises(ImageError, match=source):
        dicom_files(tmp_path / source)


def test_a_file_without_an_image_is_one_sentence() -> None:
    report = DISC.parent / "reportsi.dcm"
    with pytest.raises(ImageError, match="no DICOM image"):
        drive(find_series([report]))


def test_a_zip_is_read_and_nothing_of_it_stays(tmp_path: Path) -> None:
    write_series(tmp_path / "in", positions(4))
    archive = Path(shutil.make_archive(str(tmp_path / "disc"), "zip", tmp_path / "in"))
    with unpacked(archive) as folder:
        (series,) = drive(find_series(dicom_files(folder))).series
        assert_in_place(drive(read_stack(series, series.stacks[0])))
    assert not folder.exists()
    with unpacked(tmp_path / "in") as same:
        assert same == tmp_path / "in"


def test_an_archive_names_no_place_outside_of_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../escaped", b"x")
        archive.writestr("/tmp/escaped-too", b"x")
    with unpacked(tmp_path / "bad.zip") as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["000000", "000001"]
    assert not (tmp_path.parent / "escaped").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medgen.running import limits

    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 10**6)
    monkeypatch.setattr(limits, "largest_image", lambda: 10**5)
    with pytest.raises(ImageError, match="bomb"), unpacked(tmp_path / "bomb.zip"):
        pass


def test_a_full_disk_is_no_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    write_series(tmp_path / "in", positions(2))
    archive = Path(shutil.make_archive(str(tmp_path / "disc"), "zip", tmp_path / "in"))
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode="r", *more: Full() if mode == "wb" else opened(path, mode, *more))
    with pytest.raises(ImageError, match="no room for it"), unpacked(archive):
        pass


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    write_series(tmp_path / "in", positions(2))
    archive = Path(shutil.make_archive(str(tmp_path / "disc"), "zip", tmp_path / "in"))
    content = bytearray(archive.read_bytes())
    content[200:260] = b"\xff" * 60
    archive.write_bytes(bytes(content))
    with pytest.raises(ImageError, match=r"disc\.zip"), unpacked(archive):
        pass
