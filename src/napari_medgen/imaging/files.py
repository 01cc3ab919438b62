"""Read a volume or a radiograph from any file format that is known."""

from __future__ import annotations

from pathlib import Path

from napari_medgen.errors import ImageError
from napari_medgen.imaging.nifti import READABLE, read_nifti
from napari_medgen.imaging.nrrd import read_nrrd
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume

__all__ = ["RADIOGRAPH_SUFFIXES", "read_nrrd", "read_radiograph", "read_volume"]

RADIOGRAPH_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")


def _ordinary(path: Path) -> Path:
    """The path itself, unless it is a pipe or a device: reading would never end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ImageError(f"{path.name} is not an ordinary file.")
    return path


def read_volume(path: str | Path, *, volume: int = 0) -> Volume:
    """Read a NIfTI or NRRD file.

    Raises
    ------
    ImageError
        If the file is of another kind or cannot be read.
    """
    path = _ordinary(Path(path))
    if path.name.lower().endswith(READABLE):
        return read_nifti(path, volume=volume)
    if path.suffix.lower() in (".nrrd", ".nhdr"):
        return read_nrrd(path)
    raise ImageError(f"{path.name} is not a NIfTI (.nii, .nii.gz) or NRRD (.nrrd) file.")


def read_radiograph(path: str | Path) -> Radiograph:
    """Read a PNG, JPEG or DICOM file; the content decides, where the name says nothing.

    Raises
    ------
    ImageError
        If the file is of another kind or cannot be read.
    """
    # Each reader needs a library of its own.
    path = _ordinary(Path(path))
    if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
        from napari_medgen.imaging.raster import read_raster

        return read_raster(path)
    from napari_medgen.imaging.dicom import is_dicom, read_dicom

    if path.suffix.lower() == ".dcm" or is_dicom(path):
        return read_dicom(path)
    raise ImageError(f"{path.name} is not a PNG, JPEG or DICOM file.")
