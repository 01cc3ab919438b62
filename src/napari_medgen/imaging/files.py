"""Read a volume or a radiograph from any file format that is known, by what the file holds and not by what it is called."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Literal

from napari_medgen.errors import ImageError
from napari_medgen.imaging.listing import is_meant
from napari_medgen.imaging.nifti import READABLE, read_nifti
from napari_medgen.imaging.nrrd import read_nrrd
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume

__all__ = ["RADIOGRAPH_SUFFIXES", "VOLUME_SUFFIXES", "kind_of", "read_image", "read_nrrd", "read_radiograph", "read_volume"]

RADIOGRAPH_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")
VOLUME_SUFFIXES = (*READABLE, ".nrrd", ".nhdr")
_MOST_IN_A_FOLDER = 100
_NIFTI_MAGIC = (b"n+1", b"ni1", b"n+2", b"ni2")

Format = Literal["nifti", "nrrd", "raster", "dicom", ""]


def format_of(path: Path) -> Format:
    """What a file is by its first bytes; empty where it is nothing that is read here, or cannot be read.

    The image of a pair (``.img``) holds nothing but voxels: its header says what it is.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(352)
        if begin[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                begin = packed.read(352)
            return "nifti" if _is_nifti(begin) or path.name.lower().endswith(".img.gz") else ""
    except (OSError, EOFError, zlib.error):
        return ""
    if begin[:8] == b"\x89PNG\r\n\x1a\n" or begin[:3] == b"\xff\xd8\xff":
        return "raster"
    if begin[128:132] == b"DICM":
        return "dicom"
    if begin[:7] == b"NRRD000":
        return "nrrd"
    return "nifti" if _is_nifti(begin) or path.name.lower().endswith(".img") else ""


def _is_nifti(begin: bytes) -> bool:
    return begin[344:347] in _NIFTI_MAGIC or begin[4:7] in _NIFTI_MAGIC


def kind_of(path: Path) -> Literal["volume", "radiograph", ""]:
    """Whether a file is a volume or a radiograph, by its first bytes; empty for neither."""
    found = format_of(path)
    return "" if not found else "volume" if found in ("nifti", "nrrd") else "radiograph"


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
    found, name = format_of(path), path.name.lower()
    if found == "nrrd" or (not found and name.endswith((".nrrd", ".nhdr"))):
        return read_nrrd(path)
    if found == "nifti" or (not found and name.endswith(READABLE)):
        return read_nifti(path, volume=volume)
    if found:
        raise ImageError(f"{path.name} is a radiograph or a single slice, not a volume.")
    raise ImageError(f"{path.name} is not a NIfTI (.nii, .nii.gz) or NRRD (.nrrd) file.")


def read_radiograph(path: str | Path) -> Radiograph:
    """Read a PNG, JPEG or DICOM file.

    Raises
    ------
    ImageError
        If the file is of another kind or cannot be read.
    """
    # Each reader needs a library of its own.
    path = _ordinary(Path(path))
    found, name = format_of(path), path.name.lower()
    if found == "raster" or (not found and name.endswith((".png", ".jpg", ".jpeg"))):
        from napari_medgen.imaging.raster import read_raster

        return read_raster(path)
    if found == "dicom" or (not found and name.endswith(".dcm")):
        from napari_medgen.imaging.dicom import read_dicom

        return read_dicom(path)
    if found:
        raise ImageError(f"{path.name} is a volume, not a radiograph.")
    raise ImageError(f"{path.name} is not a PNG, JPEG or DICOM file.")


def read_image(path: str | Path) -> Volume | Radiograph:
    """Read any file that is known.

    Raises
    ------
    ImageError
        If it is none, or cannot be read.
    """
    path = Path(path)
    name = path.name.lower()
    kind = kind_of(path)
    if kind == "volume" or (not kind and name.endswith(VOLUME_SUFFIXES)):
        return read_volume(path)
    if kind == "radiograph" or name.endswith(RADIOGRAPH_SUFFIXES):
        return read_radiograph(path)
    if not path.exists():
        raise ImageError(f"{path.name} does not exist.")
    raise ImageError(f"{_ordinary(path).name} is not a NIfTI, NRRD, DICOM, PNG or JPEG file.")


def images_in(folder: str | Path) -> list[Path]:
    """The images that lie in a folder, in the order of their names; folders within it are not looked into.

    Raises
    ------
    ImageError
        If there is none, or there are more than can be shown beside each other.
    """
    folder = Path(folder)
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and is_meant(path, folder))
    except OSError as error:
        raise ImageError(f"{folder.name} cannot be read: {error.strerror or error}.") from None
    found = [path for path in files if kind_of(path)]
    # Of a pair, the header stands for both.
    headers = {path.name.lower() for path in found}
    found = [path for path in found if not _has_header(path.name.lower(), headers)]
    if not found:
        raise ImageError(f"{folder.name} holds no NIfTI, NRRD, DICOM, PNG or JPEG file.")
    if len(found) > _MOST_IN_A_FOLDER:
        raise ImageError(f"{folder.name} holds {len(found)} images; at most {_MOST_IN_A_FOLDER} are opened at once.")
    return found


def radiographs_in(folder: str | Path) -> list[Path]:
    """The files of a folder that may be radiographs, in the order of their names, however many there are.

    What turns out not to be one is for the reader of each to say.

    Raises
    ------
    ImageError
        If there is none.
    """
    folder = Path(folder)
    try:
        found = sorted(path for path in folder.iterdir() if path.is_file() and is_meant(path, folder))
    except OSError as error:
        raise ImageError(f"{folder.name} cannot be read: {error.strerror or error}.") from None
    found = [path for path in found if path.name.lower().endswith(RADIOGRAPH_SUFFIXES) or kind_of(path) == "radiograph"]
    if not found:
        raise ImageError(f"{folder.name} holds no PNG, JPEG or DICOM file.")
    return found


def _has_header(name: str, names: set[str]) -> bool:
    """Whether a name is that of the image of a pair whose header is there too."""
    header = re.sub(r"\.img(\.gz)?$", r".hdr\1", name)
    return header != name and header in names
