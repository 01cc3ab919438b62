"""Series as archives hold them after years: what could be read wrongly without a word is told apart, refused or told."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from napari_medgen.errors import ImageError
from napari_medgen.imaging import derived_dicom
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.series import writing
from napari_medgen.imaging.series.finding import Found, dicom_files, find_series
from napari_medgen.imaging.series.grouping import Series
from napari_medgen.imaging.series.headers import read_frames
from napari_medgen.imaging.series.reading import name_of, read_stack, thumbnails
from napari_medgen.imaging.series.writing import write_series as write_volume
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import drive
from series_support import AXIAL, SHAPE, SPACING, assert_in_place, positions, write_enhanced, write_series, write_slice


def found(folder: Path) -> Found:
    return drive(find_series(dicom_files(folder)))


def volumes(series: Series, *, even: bool = False) -> list[Volume]:
    return [drive(read_stack(series, stack, even=even)) for stack in series.stacks]


def flat(value: int) -> np.ndarray:
    return np.full(SHAPE, value, np.int16)


@pytest.mark.parametrize(
    ("tag", "text"), [("RescaleIntercept", "-1O24"), ("RescaleIntercept", "-1024,"), ("RescaleSlope", "2,5")]
)
def test_a_rescale_that_is_no_number_is_refused_and_not_left_out(tag: str, text: str, tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a", positions(1)[0], RescaleSlope="1.0000", RescaleIntercept="-1024.0")
    known = {"RescaleSlope": b"1.0000", "RescaleIntercept": b"-1024.0 "}[tag]
    path.write_bytes(path.read_bytes().replace(known, text.encode().ljust(len(known))))
    with pytest.raises(ImageError, match="does not allow"):
        found(tmp_path)


def test_of_several_intercepts_the_first_counts(tmp_path: Path) -> None:
    write_slice(tmp_path / "a", positions(1)[0], pixels=flat(1024), RescaleSlope="1", RescaleIntercept=["-1024", "-1024"])
    (volume,) = volumes(found(tmp_path).series[0])
    assert (volume.voxels == 0).all()


def test_energies_reference_times_and_phases_are_told_apart(tmp_path: Path) -> None:
    for number, (key, values) in enumerate(
        {
            "KVP": ("80", "140"),
            "FrameReferenceTime": ("500", "1500"),
            "NominalPercentageOfCardiacPhase": (10.0, 20.0),
        }.items()
    ):
        for part, value in enumerate(values):
            for place_number, place in enumerate(positions(4)):
                tags: dict[str, Any] = {key: value, "SeriesInstanceUID": f"1.2.{number}", "InstanceNumber": place_number + 1}
                write_slice(tmp_path / key / f"{part}{place_number}", place, pixels=flat(part), **tags)
        (series,) = found(tmp_path / key).series
        assert [sorted(np.unique(volume.voxels)) for volume in volumes(series)] == [[0], [1]]


def test_what_only_numbers_could_tell_apart_is_told_to_be_a_guess_or_refused(tmp_path: Path) -> None:
    number = 0
    for part in range(2):
        for place in positions(4):
            number += 1
            write_slice(tmp_path / f"{number}", place, SeriesInstanceUID="1.2", InstanceNumber=number, pixels=flat(part))
    (series,) = found(tmp_path).series
    assert all("order of their numbers" in volume.remarks[0] for volume in volumes(series))
    (tmp_path / "3").unlink()
    (series,) = found(tmp_path).series
    with pytest.raises(ImageError, match="nothing in their headers tells which belong together"):
        volumes(series)


def test_segments_that_leave_out_empty_frames_are_not_mixed(tmp_path: Path) -> None:
    places = [*positions(4)[1:], *positions(4)[:2]]
    path = write_enhanced(tmp_path / "seg", places)
    data = pydicom.dcmread(path)
    data.Modality = "SEG"
    for group, segment in zip(data.PerFrameFunctionalGroupsSequence, (1, 1, 1, 2, 2), strict=True):
        item = Dataset()
        item.ReferencedSegmentNumber = segment
        group.SegmentIdentificationSequence = Sequence([item])
    data.save_as(path)
    (series,) = found(tmp_path).series
    assert [(stack.apart, len(stack.frames)) for stack in series.stacks] == [("segment 1", 3), ("segment 2", 2)]


def test_phases_whose_slices_lie_between_each_other_are_two_volumes(tmp_path: Path) -> None:
    for part, aside in enumerate((0.0, 1.25)):
        for number, place in enumerate(positions(6)):
            tags = {"AcquisitionNumber": part + 1, "SliceThickness": 2.5, "SeriesInstanceUID": "1.2"}
            write_slice(tmp_path / f"{part}{number}", place + np.array([0, 0, aside]), pixels=flat(100 * (part + 1)), **tags)
    (series,) = found(tmp_path).series
    assert [sorted(np.unique(volume.voxels)) for volume in volumes(series)] == [[100], [200]]


def test_slices_that_were_scanned_in_two_turns_are_one_volume(tmp_path: Path) -> None:
    """Every second one first: they touch each other, so that the two turns belong together."""
    for number, place in enumerate(positions(8)):
        tags = {"AcquisitionNumber": number % 2 + 1, "SliceThickness": 2.5, "SeriesInstanceUID": "1.2"}
        write_slice(tmp_path / f"{number}", place, **tags)
    (series,) = found(tmp_path).series
    assert [len(stack.frames) for stack in series.stacks] == [8]


@pytest.mark.parametrize("tag", ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_two_people_studies_or_frames_of_reference_are_not_one_volume(tag: str, tmp_path: Path) -> None:
    for number, place in enumerate(positions(8)):
        tags: dict[str, Any] = {tag: "1.5" if number < 4 else "1.6", "SeriesInstanceUID": ""}
        write_slice(tmp_path / f"{number}", place, **tags)
    stacks = [stack for series in found(tmp_path).series for stack in series.stacks]
    assert [len(stack.frames) for stack in stacks] == [4, 4]


def test_an_identifier_that_an_anonymiser_repeats_costs_no_slice(tmp_path: Path) -> None:
    for number, place in enumerate(positions(6)):
        write_slice(tmp_path / f"{number}", place, SOPInstanceUID="1.2.3", SeriesInstanceUID="1.2", InstanceNumber=number)
    (series,) = found(tmp_path).series
    assert len(series.stacks[0].frames) == 6


def test_thin_slices_below_and_thick_ones_above_are_uneven_and_not_full_of_holes(tmp_path: Path) -> None:
    heights = [*np.arange(0, 12.5, 2.5), *np.arange(15, 60, 5)]
    for number, z in enumerate(heights):
        thick = 2.5 if z < 12.5 else 5.0
        write_slice(tmp_path / f"{number}", [0, 0, z], SliceThickness=thick, SeriesInstanceUID="1.2")
    (series,) = found(tmp_path).series
    with pytest.raises(ImageError, match=r"2\.50 to 5\.00 mm apart"):
        volumes(series)


def test_slices_farther_apart_than_their_files_say_are_told(tmp_path: Path) -> None:
    write_series(tmp_path, positions(10)[::2], SpacingBetweenSlices=2.5)
    (volume,) = volumes(found(tmp_path).series[0])
    assert any("5 mm apart where their files say 2.5" in remark for remark in volume.remarks)


def test_even_slices_are_made_of_what_lies_behind_each_other_alone(tmp_path: Path) -> None:
    places = [np.array([x, 0.0, z]) for x, z in ((0, 0), (20, 2), (-20, 5), (0, 6))]
    write_series(tmp_path / "wander", places)
    with pytest.raises(ImageError, match="straight line"):
        volumes(found(tmp_path / "wander").series[0], even=True)
    heights = sorted([*np.arange(0, 50, 2.5), *(np.arange(0, 50, 2.5) + 0.012)])
    write_series(tmp_path / "near", [np.array([0, 0, z]) for z in heights])
    with pytest.raises(ImageError, match="almost the same place"):
        volumes(found(tmp_path / "near").series[0], even=True)


def test_voxels_of_a_few_micrometres_are_a_volume(tmp_path: Path) -> None:
    tags = {"PixelSpacing": [0.008, 0.008], "SliceThickness": 0.008}
    write_series(tmp_path, [np.array([0, 0, 0.008 * number]) for number in range(6)], **tags)
    (volume,) = volumes(found(tmp_path).series[0])
    assert volume.voxels.shape[0] == 6
    assert volume.spacing[0] == pytest.approx(0.008)


@pytest.mark.parametrize("cosines", [[2, 0, 0, 0, 2, 0], [1, 0, 0, 0.5, 0.8660254, 0], [1, 0, 0, 1, 0, 0]])
def test_directions_that_are_none_place_nothing_and_spoil_nothing_else(cosines: list[float], tmp_path: Path) -> None:
    write_series(tmp_path, positions(4))
    write_slice(tmp_path / "odd", positions(1)[0], ImageOrientationPatient=cosines)
    series = found(tmp_path).series
    assert sorted(len(stack.frames) for one in series for stack in one.stacks) == [4]
    assert sum(len(one.images) for one in series) == 1


def test_a_palette_is_no_volume_and_dark_high_values_are_told(tmp_path: Path) -> None:
    write_slice(tmp_path / "palette", positions(1)[0], PhotometricInterpretation="PALETTE COLOR")
    assert not found(tmp_path).series[0].stacks
    write_series(tmp_path / "dark", positions(3), PhotometricInterpretation="MONOCHROME1")
    (volume,) = volumes(found(tmp_path / "dark").series[0])
    assert any("high values dark" in remark for remark in volume.remarks)


@pytest.mark.parametrize("count", [300_000, 2**31, -3])
def test_a_number_of_frames_that_the_file_cannot_hold_is_refused_at_once(count: int, tmp_path: Path) -> None:
    path = write_slice(tmp_path / "many", positions(1)[0], NumberOfFrames=count)
    with pytest.raises(ImageError):
        read_frames(path)


def test_a_deflated_header_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medgen.running import limits

    path = write_slice(tmp_path / "a", positions(1)[0], ImageComments="x" * 10_000)
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    assert len(read_frames(path)) == 1
    monkeypatch.setattr(limits, "largest_image", lambda: 5000)
    with pytest.raises(ImageError, match="memory"):
        read_frames(path)


def test_a_slice_without_a_preamble_is_a_slice(tmp_path: Path) -> None:
    write_series(tmp_path, positions(4))
    path = next(tmp_path.glob("IM*"))
    data = pydicom.dcmread(path)
    del data.file_meta
    data.preamble = None
    data.save_as(path, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\x00"
    (series,) = found(tmp_path).series
    assert len(series.stacks[0].frames) == 4
    assert_in_place(*volumes(series))


def test_what_names_a_person_is_no_body_part(tmp_path: Path) -> None:
    for number, part in enumerate(("DOE JANE", "ABDOMEN 1950", "CHEST")):
        write_slice(tmp_path / f"{number}" / "a", positions(1)[0], BodyPartExamined=part)
    names = [name_of(found(tmp_path / f"{number}").series[0]) for number in range(3)]
    assert names == ["CT", "CT", "CT CHEST"]


def test_a_series_has_one_time_however_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime.datetime):
        calls = 0

        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            cls.calls += 1
            return cls(2026, 1, 1, 12, 0, cls.calls % 60)

    for module in (writing, derived_dicom):
        monkeypatch.setattr(module.datetime, "datetime", Clock)
    own = Volume.on_grid(np.zeros((5, 4, 4), np.int16), (1.0, 1.0, 1.0))
    written = drive(write_volume(own, tmp_path / "out"))
    assert len({pydicom.dcmread(path).StudyTime for path in written}) == 1


def test_synthetic_is_still_known_where_an_archive_stripped_private_notes(tmp_path: Path) -> None:
    own = Volume.on_grid(
        np.arange(64, dtype=np.int16).reshape(4, 4, 4), (1.0, 1.0, 1.0), provenance=Provenance(synthetic=True)
    )
    for path in drive(write_volume(own, tmp_path / "out")):
        data = pydicom.dcmread(path)
        data.remove_private_tags()
        data.save_as(path)
    (volume,) = volumes(found(tmp_path / "out").series[0])
    assert volume.provenance.synthetic


def test_real_values_that_are_no_numbers_become_background_and_are_told(tmp_path: Path) -> None:
    for number, place in enumerate(positions(3)):
        path = write_slice(tmp_path / f"{number}", place, SeriesInstanceUID="1.2")
        data = pydicom.dcmread(path)
        values = np.ones(SHAPE, np.float32)
        values[0, 0] = np.nan
        del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
        data.BitsAllocated, data.FloatPixelData = 32, values.tobytes()
        data.save_as(path)
    assert thumbnails([found(tmp_path).series[0].stacks[0].frames])[0] is not None
    (volume,) = volumes(found(tmp_path).series[0])
    assert np.isfinite(volume.voxels).all()
    assert volume.remarks


def test_stacks_stand_in_the_order_of_what_tells_them(tmp_path: Path) -> None:
    for value in (10, 2, 1):
        write_series(tmp_path, positions(3), seed=value, series="1.2", TemporalPositionIdentifier=value)
    (series,) = found(tmp_path).series
    assert [stack.apart for stack in series.stacks] == ["time point 1", "time point 2", "time point 10"]


def test_spacings_that_were_rounded_otherwise_are_one(tmp_path: Path) -> None:
    for number, place in enumerate(positions(4)):
        own = [SPACING[0], SPACING[1] + 2e-4 * (number % 2)]
        write_slice(tmp_path / f"{number}", place, AXIAL, PixelSpacing=own, SeriesInstanceUID="1.2")
    assert [len(stack.frames) for stack in found(tmp_path).series[0].stacks] == [4]
