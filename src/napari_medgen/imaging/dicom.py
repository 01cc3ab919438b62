"""DICOM radiographs and single slices in.

Nothing that may identify a patient is kept: a radiograph gets its name from what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from napari_medgen.errors import ImageError
from napari_medgen.imaging.dicom_file import frame_count, is_dicom, open_dataset, stored_values
from napari_medgen.imaging.dicom_grey import asks_for_sigmoid, grey_values, quiet
from napari_medgen.imaging.dicom_spacing import pixel_spacing
from napari_medgen.imaging.geometry import plausible, spoken
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Identity, Laterality, Radiograph, upright_pixels
from napari_medgen.imaging.secondary_capture import own_notes, write_secondary_capture
from napari_medgen.validity import numbers, single_precision, spacing, without_gaps

__all__ = ["is_dicom", "read_dicom", "write_secondary_capture"]

_SIDES: dict[str, Laterality] = {"L": "L", "R": "R", "B": "B"}


def read_dicom(path: str | Path) -> Radiograph:
    """Read a DICOM file that holds one grey image: CR, DX, MG, or a slice of CT or MR.

    The modality LUT is applied; the VOI LUT becomes the window, or is applied where it is a table. MONOCHROME1 is
    inverted, so that bone is bright.

    Raises
    ------
    ImageError
        If the file is missing, damaged, truncated, holds no image or several frames, describes its grey values with what
        is no number, or is compressed in a way for which no decoder is installed.
    """
    path = Path(path)
    data = open_dataset(path)
    # pydicom converts a value when it is asked for: a malformed one raises whatever its conversion raises.
    odd = "holds a value that DICOM does not allow where it describes its grey values"
    with opened_image(path, "a DICOM file", damaged=odd):
        try:
            frames = frame_count(data, path)
            if frames > 1:
                raise ImageError(f"{path.name} holds {frames} frames; save the one you want as a single image first.")
            pixels, notes = _pixels(data, path)
            return cast(Radiograph, quiet(_radiograph, data, pixels, notes))
        except ImageError as error:
            # An image is called by what it shows; a person looks for the file.
            raise error if path.name in str(error) else ImageError(f"{path.name}: {error}") from None


def _radiograph(data: Dataset, stored: NDArray[Any], notes: list[str]) -> Radiograph:
    """The image that stored values (rows, columns) or (rows, columns, 3) stand for."""
    pixels, shown, coloured, changed = grey_values(data, stored)
    steps, said = pixel_spacing(data)
    aspect = 1.0 if steps else _aspect(data)
    pixels, turned, transposed = upright_pixels(pixels, _directions(data), slices="ImageOrientationPatient" in data)
    if transposed:
        steps, aspect = (steps[1], steps[0]) if steps else None, 1 / aspect
    extent = np.array(pixels.shape) * (steps or (0, 0))
    if steps and not plausible(extent):
        changed.append(f"It measures {spoken(extent)} mm, as no patient does: is its spacing right?")
    if aspect != 1:
        said = "Its pixels are not square, and how large they are is not known."
    laterality = _SIDES.get(_first(data, "ImageLaterality", "FrameLaterality", "Laterality").upper(), "")
    kept, said_so = own_notes(data)
    return Radiograph(
        np.ascontiguousarray(pixels),
        shown,
        spacing=steps,
        aspect=aspect,
        laterality=laterality or said_so.laterality,
        view=_first(data, "ViewPosition") or said_so.view,
        coloured=coloured,
        name=_name(data),
        notes=tuple(note for note in (*notes, *changed, turned, said) if note),
        provenance=kept or Provenance(software=""),
        identity=_identity(data),
        curve="sigmoid" if asks_for_sigmoid(data) else "linear",
        modality=_coded(data, "Modality"),
        body_part=_coded(data, "BodyPartExamined"),
    )


def _identity(data: Dataset) -> Identity:
    """Whether a name may stand in the pixels: the tags are not kept, but nobody looked at the image."""
    said = str(data.get("BurnedInAnnotation", "")).upper()
    if said == "YES":
        return "present"
    return "removed" if said == "NO" else "unknown"


def _directions(data: Dataset) -> tuple[str, str]:
    """Letters of where rows and columns run in the patient, as ``PatientOrientation`` or the place in space says."""
    said = data.get("PatientOrientation")
    if isinstance(said, Sequence) and not isinstance(said, str) and len(said) == 2:
        return str(said[0]).upper()[:1], str(said[1]).upper()[:1]
    cosines = numbers(tuple(data.get("ImageOrientationPatient") or ()), 6)
    if cosines is None:
        return "", ""
    # Of DICOM's axes, x grows to the left, y to the back and z to the head.
    letters = []
    for direction in (cosines[:3], cosines[3:]):
        axis = max(range(3), key=lambda place: abs(direction[place]))
        letters.append(("LPH" if direction[axis] > 0 else "RAF")[axis])
    return letters[0], letters[1]


def _aspect(data: Dataset) -> float:
    """Height of a pixel over its width, where only that is known."""
    ratio = data.get("PixelAspectRatio")
    found = spacing(tuple(ratio), 2) if isinstance(ratio, Sequence) and not isinstance(ratio, str) else None
    return found[0] / found[1] if found is not None and 0.05 < found[0] / found[1] < 20 else 1.0


def _pixels(data: Dataset, path: Path) -> tuple[NDArray[Any], list[str]]:
    """The decoded pixels, (rows, columns) or (rows, columns, 3), and what is said of them."""
    notes = []
    pixels = stored_values(data, path)
    if str(data.get("BurnedInAnnotation", "")).upper() == "YES":
        notes.append("Text is burned into this image; look whether it names a patient before you share it.")
    if np.issubdtype(pixels.dtype, np.floating):
        try:
            pixels, rounded = single_precision(pixels)
            pixels, note = without_gaps(pixels)
        except ValueError:
            raise ImageError(f"{path.name} holds no finite grey value.") from None
        notes += [text for text in (rounded, note) if text]
    return pixels, notes


def _first(data: Dataset, *keywords: str) -> str:
    return next((str(data[key].value) for key in keywords if key in data and data[key].value), "")


def _coded(data: Dataset, keyword: str) -> str:
    """A coded tag in capitals, without anything that no code holds."""
    return "".join(c for c in _first(data, keyword).upper() if c.isalnum() or c in " -").strip()[:16]


def _name(data: Dataset) -> str:
    """What the image shows, from coded tags alone: "CR CHEST PA". File names and free texts may hold a patient's name."""
    parts = [_first(data, key) for key in ("Modality", "BodyPartExamined", "ViewPosition")]
    kept = ["".join(c for c in part if c.isalnum() or c in " -").strip()[:16] for part in parts]
    return " ".join(part for part in kept if part) or "DICOM image"
