"""What belongs together: series are told apart, and within one what lies at the same place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid

from napari_medgen.imaging.series.finding import Found, dicom_files, find_series
from napari_medgen.imaging.series.reading import read_stack
from napari_medgen.running.progress import drive
from series_support import AXIAL, CORONAL, SAGITTAL, assert_in_place, positions, write_enhanced, write_series, write_slice


def found(folder: Path) -> Found:
    return drive(find_series(dicom_files(folder)))


def test_series_of_one_folder_are_told_apart_and_numbered(tmp_path: Path) -> None:
    write_series(tmp_path, positions(4), seed=1, SeriesNumber=7, SeriesDescription="late")
    write_series(tmp_path / "deeper", positions(6, CORONAL), CORONAL, seed=2, SeriesNumber=2)
    (tmp_path / "readme.txt").write_text("no image")
    (tmp_path / ".hidden").write_bytes(b"\0" * 128 + b"DICM")
    series = found(tmp_path).series
    assert [(one.number, len(one.stacks[0].frames)) for one in series] == [(2, 6), (7, 4)]
    assert series[1].title == "CT ABDOMEN late"


def test_a_scout_in_three_directions_is_three_stacks(tmp_path: Path) -> None:
    uid = generate_uid()
    for seed, directions in enumerate((AXIAL, CORONAL, SAGITTAL)):
        write_series(tmp_path, positions(2, directions), directions, seed=seed, series=uid)
    (series,) = found(tmp_path).series
    assert [len(stack.frames) for stack in series.stacks] == [2, 2, 2]
    for stack in series.stacks:
        assert_in_place(drive(read_stack(series, stack)))


@pytest.mark.parametrize(
    ("keyword", "values", "words"),
    [
        ("EchoTime", ["4.6", "9.2"], "echo time 4.6"),
        ("TemporalPositionIdentifier", ["1", "2", "3"], "time point 1"),
        ("AcquisitionNumber", ["5", "6"], "acquisition 5"),
        ("ImageType", ["ORIGINAL\\PRIMARY\\M", "ORIGINAL\\PRIMARY\\P"], "kind of image ORIGINAL PRIMARY M"),
    ],
)
def test_what_shares_a_series_is_told_by_what_differs(keyword: str, values: list[str], words: str, tmp_path: Path) -> None:
    uid = generate_uid()
    for seed, value in enumerate(values):
        write_series(tmp_path, positions(5), seed=seed, series=uid, **{keyword: value})
    (series,) = found(tmp_path).series
    assert [len(stack.frames) for stack in series.stacks] == [5] * len(values)
    assert series.stacks[0].apart == words


def test_a_number_that_changes_from_slice_to_slice_tells_nothing(tmp_path: Path) -> None:
    """Slices of one volume have times of their own, and some scanners count each as an acquisition."""
    for number, place in enumerate(positions(6)):
        tags = {"AcquisitionNumber": number, "AcquisitionTime": f"1200{number:02d}", "EchoTime": "3"}
        write_slice(tmp_path / f"{number}", place, SeriesInstanceUID="1.2.3", **tags)
    (series,) = found(tmp_path).series
    (stack,) = series.stacks
    assert len(stack.frames) == 6


def test_time_points_that_nothing_tells_apart_go_by_turns(tmp_path: Path) -> None:
    number = 0
    for _ in range(3):
        for place in positions(4):
            number += 1
            tags = {"InstanceNumber": number, "AcquisitionTime": f"1200{number:02d}"}
            write_slice(tmp_path / f"{number}", place, SeriesInstanceUID="1.2.3", **tags)
    (series,) = found(tmp_path).series
    assert [len(stack.frames) for stack in series.stacks] == [4, 4, 4]
    assert [frame.instance for frame in series.stacks[1].frames] == [5, 6, 7, 8]
    assert series.stacks[1].apart == "number 2 at each place"


def test_time_points_of_an_enhanced_file_are_stacks(tmp_path: Path) -> None:
    places = positions(3)
    write_enhanced(tmp_path / "one.dcm", [*places, *places], TemporalPositionIndex=[1, 1, 1, 2, 2, 2])
    (series,) = found(tmp_path).series
    assert [(stack.apart, len(stack.frames)) for stack in series.stacks] == [("time point 1", 3), ("time point 2", 3)]


def test_a_file_that_lies_there_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    write_series(tmp_path, positions(4))
    (tmp_path / "copies").mkdir()
    for path in list(tmp_path.glob("IM*"))[:2]:
        (tmp_path / "copies" / path.name).write_bytes(path.read_bytes())
    (series,) = found(tmp_path).series
    (stack,) = series.stacks
    assert len(stack.frames) == 4
    assert stack.notes == ("2 images of its series were there twice.",)
    assert "twice" in drive(read_stack(series, stack)).remarks[0]


def test_pictures_without_a_place_are_no_volume(tmp_path: Path) -> None:
    write_slice(tmp_path / "a", positions(1)[0], SeriesInstanceUID="1.2.3", ImagePositionPatient=None)
    write_slice(tmp_path / "b", positions(1)[0], SeriesInstanceUID="1.2.3", PixelSpacing=None)
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    pixels = np.zeros((6, 7 * 3), np.uint8)
    write_slice(tmp_path / "c", positions(1)[0], SeriesInstanceUID="1.2.3", pixels=pixels, Columns=7, **colour)
    (series,) = found(tmp_path).series
    assert not series.stacks
    assert len(series.images) == 3


def test_frames_of_a_film_that_share_one_place_are_no_volume(tmp_path: Path) -> None:
    frames = np.zeros((4 * 6, 7), np.int16)
    write_slice(tmp_path / "film", positions(1)[0], pixels=frames, Rows=6, NumberOfFrames=4)
    (series,) = found(tmp_path).series
    assert not series.stacks
    assert len(series.images) == 4


def test_other_sizes_and_spacings_are_other_stacks(tmp_path: Path) -> None:
    uid = generate_uid()
    write_series(tmp_path, positions(3), series=uid)
    write_series(tmp_path, positions(3), seed=1, series=uid, PixelSpacing=[3.0, 3.0])
    for number, place in enumerate(positions(3)):
        write_slice(tmp_path / f"x{number}", place, pixels=np.zeros((9, 9), np.int16), SeriesInstanceUID=uid)
    (series,) = found(tmp_path).series
    assert sorted(stack.shape for stack in series.stacks) == [(3, 6, 7), (3, 6, 7), (3, 9, 9)]
