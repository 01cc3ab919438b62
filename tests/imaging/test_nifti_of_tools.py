"""NIfTI as the tools of the field write it: every voxel at the place, and with the value, that the tool meant.

The grey values of a file say where each voxel lies, so that nothing of its header can be misread without a difference.
What cannot be installed from a registry (FSL, ANTs, FreeSurfer, SPM, AFNI) is written as its source and its documentation
say that it writes; ANTs and Slicer write through ITK, and so does SimpleITK here; dcm2niix is run where it is installed.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from napari_medgen.imaging.nifti import read_nifti, write_nifti
from napari_medgen.imaging.volume import Volume

SHAPE = (6, 7, 5)
WEIGHTS = np.array([1.0, 10.0, 100.0])  # of right, front and top in a grey value


def says(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Where grey values are right: what a voxel's place amounts to, less what it holds."""
    places = np.indices(values.shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    return np.abs((places @ WEIGHTS).reshape(values.shape) - values)


def grey(affine: np.ndarray) -> np.ndarray:
    """Grey values (float) that say where each voxel lies under an affine."""
    places = np.indices(SHAPE).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    return (places @ WEIGHTS).reshape(SHAPE)


def turned(
    steps: tuple[float, float, float], signs: tuple[int, int, int], degrees: float = 0.0, shear: float = 0.0
) -> np.ndarray:
    """An affine: steps in mm, signs of the axes, a turn about the long axis of the body, and a shear."""
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    sheared = np.eye(3)
    sheared[0, 2] = shear
    affine = np.eye(4)
    affine[:3, :3] = sheared @ rotation @ np.diag(np.array(steps) * signs)
    affine[:3, 3] = (12.0, -34.0, 56.0)
    return affine


@dataclass(frozen=True)
class Written:
    """How a tool writes.

    Attributes
    ----------
    truth
        Where the voxels lie.
    qform, sform
        Codes; 0 for a form that is not written.
    other
        What the form that is not the truth says, where both disagree.
    kind, slope, intercept
        Of the stored values.
    units
        Of space.
    said
        Words that must stand among the remarks.
    """

    truth: np.ndarray
    qform: int = 1
    sform: int = 1
    other: np.ndarray | None = None
    kind: type = np.float32
    slope: float = 1.0
    intercept: float = 0.0
    units: str = "mm"
    said: str = ""
    oriented: bool = field(default=True)


RAS, LAS, LPS, LIA = (1, 1, 1), (-1, 1, 1), (-1, -1, 1), (-1, 1, 1)
TOOLS: dict[str, Written] = {
    # dcm2niix turns the rows over, so that a usual axial scan has a negative determinant; both forms, scanner.
    "dcm2niix, axial": Written(turned((0.9, 0.9, 3.0), LAS), kind=np.int16, units="mm"),
    "dcm2niix, oblique": Written(turned((0.9, 0.9, 3.0), LAS, 17), kind=np.int16),
    "dcm2niix, PET with a slope": Written(turned((2.0, 2.0, 3.0), LAS), kind=np.int16, slope=0.25, intercept=0.0),
    "dcm2niix, tilted gantry": Written(
        turned((0.9, 0.9, 3.0), LAS, shear=0.2), other=turned((0.9, 0.9, 3.0), LAS), said="different places"
    ),
    # FSL: "radiological" storage is a negative determinant, "neurological" a positive one; an atlas is code 4.
    "FSL, radiological": Written(turned((2.0, 2.0, 2.0), LAS), 4, 4),
    "FSL, neurological": Written(turned((2.0, 2.0, 2.0), RAS), 1, 1),
    "FSL, sform of an atlas over the scanner's qform": Written(
        turned((2.0, 2.0, 2.0), LAS), 1, 4, other=turned((2.0, 2.0, 2.0), LAS, 9), said="different places"
    ),
    "FSL, no forms": Written(np.diag((2.0, 2.0, 2.0, 1.0)), 0, 0, said="does not say", oriented=False),
    # ITK before 5 wrote the qform alone; since then both where the axes are at right angles, else the sform alone.
    "ANTs (ITK 4), qform alone": Written(turned((1.1, 1.2, 1.3), LPS, 33), 1, 0),
    "ANTs (ITK 5), both": Written(turned((1.1, 1.2, 1.3), LPS, 33), 1, 1),
    "ANTs, affine that is no rotation": Written(turned((1.1, 1.2, 1.3), RAS, shear=0.1), 0, 1),
    "ANTs, negative determinant by the qform alone": Written(turned((1.0, 2.0, 3.0), LAS, 8), 1, 0),
    # FreeSurfer's conformed space, and SPM's slopes.
    "FreeSurfer, conformed": Written(turned((1.0, 1.0, 1.0), LIA)[:, [0, 2, 1, 3]], 1, 1, kind=np.float32),
    "SPM, 16 bits with a slope": Written(turned((1.5, 1.5, 1.5), LAS), 2, 2, kind=np.int16, slope=0.5, intercept=3.0),
    "nilearn, resampled": Written(turned((3.0, 3.0, 3.0), RAS), 0, 2),
    "AFNI, Talairach": Written(turned((1.0, 1.0, 1.0), LPS), 3, 3),
    "units that nobody wrote": Written(turned((1.0, 1.0, 1.0), RAS), units="unknown", said="does not say"),
}


def write(path: Path, written: Written) -> Path:
    values = grey(written.truth)
    stored = (values - written.intercept) / written.slope
    stored = np.rint(stored).astype(written.kind) if np.issubdtype(written.kind, np.integer) else stored.astype(written.kind)
    image = nib.Nifti1Image(stored, written.truth)
    other = written.truth if written.other is None else written.other
    image.set_qform(other if written.sform else written.truth, written.qform, strip_shears=True)
    image.set_sform(written.truth if written.sform else None, written.sform)
    image.header.set_xyzt_units(written.units, "sec")
    if (written.qform, written.sform) == (0, 0):
        image.header.set_zooms(np.abs(np.diag(written.truth)[:3]))
    nib.save(image, path)
    content = bytearray(path.read_bytes())  # nibabel writes no slope of its own
    content[112:120] = struct.pack("<2f", written.slope, written.intercept)
    path.write_bytes(content)
    return path


def own(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(volume.voxels, float), volume.affine


@pytest.mark.parametrize("tool", list(TOOLS))
def test_every_voxel_lies_where_the_tool_meant(tmp_path: Path, tool: str) -> None:
    written = TOOLS[tool]
    volume = read_nifti(write(tmp_path / "a.nii", written))
    assert volume.placement.oriented == written.oriented
    if written.oriented:
        step = written.slope if np.issubdtype(written.kind, np.integer) else 0.0
        assert says(*own(volume)).max() <= step / 2 + 1e-2
    else:
        np.testing.assert_array_equal(np.sort(volume.voxels, None), np.sort(grey(written.truth).astype(np.float32), None))
    if written.said:
        assert any(written.said in remark for remark in volume.remarks), volume.remarks
    else:
        assert all(remark.startswith("It is rotated") for remark in volume.remarks), volume.remarks


@pytest.mark.parametrize("tool", list(TOOLS))
def test_it_is_written_back_to_the_same_place_and_values(tmp_path: Path, tool: str) -> None:
    before = nib.load(write(tmp_path / "a.nii", TOOLS[tool]))
    after = nib.load(write_nifti(read_nifti(tmp_path / "a.nii"), tmp_path / "b.nii")[0])
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-4)
    np.testing.assert_allclose(np.asarray(after.dataobj), np.asarray(before.dataobj), atol=1e-3)


@pytest.mark.parametrize(
    ("direction", "compressed"),
    [(np.eye(3), False), (np.diag([1.0, -1.0, 1.0]), True), (turned((1, 1, 1), LPS, 25)[:3, :3], True)],
)
def test_what_ants_and_slicer_write_through_itk(tmp_path: Path, direction: np.ndarray, compressed: bool) -> None:
    sitk = pytest.importorskip("SimpleITK")
    spacing, origin = np.array([0.7, 1.1, 2.3]), np.array([5.0, -6.0, 7.0])
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = direction @ np.diag(spacing), origin
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    image = sitk.GetImageFromArray(grey(ras).astype(np.float32).transpose(2, 1, 0))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(origin.tolist())
    image.SetDirection(direction.ravel().tolist())
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    sitk.WriteImage(image, str(path))
    volume = read_nifti(path)
    assert says(*own(volume)).max() < 1e-2
    # And back: ITK reads what is written here at the same places.
    again = sitk.ReadImage(str(write_nifti(volume, tmp_path / "b.nii.gz")[0]))
    np.testing.assert_allclose(again.GetOrigin(), origin, atol=1e-4)
    np.testing.assert_allclose(again.GetDirection(), direction.ravel(), atol=1e-5)
    np.testing.assert_allclose(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(image), atol=1e-3)


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix (a Debian package) is not installed.")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_what_dcm2niix_writes_is_what_the_series_is(tmp_path: Path, name: str, series_of: Callable[[Path], Volume]) -> None:
    source = Path(str(get_testdata_file(name)))
    (tmp_path / "in").mkdir()
    shutil.copy(source, tmp_path / "in" / "a.dcm")
    command = ["dcm2niix", "-z", "n", "-f", "out", "-o", str(tmp_path), str(tmp_path / "in")]
    subprocess.run(command, capture_output=True, check=True)
    volume, series = read_nifti(tmp_path / "out.nii"), series_of(source)
    np.testing.assert_allclose(volume.affine, series.affine, atol=1e-3)
    np.testing.assert_array_equal(volume.voxels, series.voxels)


@pytest.fixture
def series_of() -> Callable[[Path], Volume]:
    from napari_medgen.imaging.series.finding import find_series
    from napari_medgen.imaging.series.reading import read_stack
    from napari_medgen.running.progress import drive

    def read(path: Path) -> Volume:
        (entry,) = drive(find_series([path])).entries
        assert entry.stack is not None
        return drive(read_stack(entry.series, entry.stack))

    return read
