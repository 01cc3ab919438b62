"""Read a volume or a radiograph from any file format that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.nifti import SUFFIXES, read_nifti, without_gaps
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.pseudonym import content_name
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume

RADIOGRAPH_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")

# NRRD's named spaces as signs that turn its axes into RAS+.
_SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}


def read_volume(path: str | Path, *, volume: int = 0) -> Volume:
    """Read a NIfTI or NRRD file.

    Raises
    ------
    ImageError
        If the file is of another kind or cannot be read.
    """
    path = Path(path)
    if path.name.endswith(SUFFIXES):
        return read_nifti(path, volume=volume)
    if path.suffix.lower() in (".nrrd", ".nhdr"):
        return read_nrrd(path)
    raise ImageError(f"{path.name} is not a NIfTI (.nii, .nii.gz) or NRRD (.nrrd) file.")


def read_nrrd(path: str | Path) -> Volume:
    """Read a 3D NRRD file; one that names no patient space is taken as left-posterior-superior, as scanners write.

    Raises
    ------
    ImageError
        If the file is missing, damaged, not three-dimensional, or has no usable axes.
    """
    import nrrd

    path = Path(path)
    try:
        voxels, header = nrrd.read(str(path))
    except FileNotFoundError:
        raise ImageError(f"{path.name} does not exist.") from None
    except Exception:
        raise ImageError(f"{path.name} is damaged, or not an NRRD file.") from None
    if voxels.ndim != 3 or not np.isrealobj(voxels):
        raise ImageError(f"{path.name} has the shape {voxels.shape}; a volume of grey values needs three axes.")
    if np.issubdtype(voxels.dtype, np.floating):
        voxels = without_gaps(voxels, path.name)
    signs = _SPACES.get(str(header.get("space", "lps")).lower())
    if signs is None:
        raise ImageError(f"{path.name} lies in the space {header['space']}, which is not a patient's.")
    affine = np.eye(4)
    directions = header.get("space directions")
    affine[:3, :3] = np.diag(header.get("spacings", (1, 1, 1))) if directions is None else np.asarray(directions).T
    affine[:3, 3] = header.get("space origin", (0, 0, 0))
    affine[:3] *= np.asarray(signs)[:, None]
    name = path.name.rsplit(".", 1)[0]
    return Volume.of(voxels, affine, name, Provenance(source=content_name("volume", voxels), software=""))


def read_radiograph(path: str | Path) -> Radiograph:
    """Read a PNG, JPEG or DICOM file; the content decides, where the name says nothing.

    Raises
    ------
    ImageError
        If the file is of another kind or cannot be read.
    """
    # Each reader needs a library of its own.
    path = Path(path)
    if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
        from napari_medgen.imaging.raster import read_raster

        return read_raster(path)
    from napari_medgen.imaging.dicom import is_dicom, read_dicom

    if path.suffix.lower() == ".dcm" or is_dicom(path):
        return read_dicom(path)
    raise ImageError(f"{path.name} is not a PNG, JPEG or DICOM file.")
