"""A 2D grey image with its size, its side and its window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen import validity
from napari_medgen.errors import ImageError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.pseudonym import origin_name
from napari_medgen.imaging.windows import Curve
from napari_medgen.running.naming import shown

Laterality = Literal["", "L", "R", "B"]
Identity = Literal["removed", "present", "unknown"]
_OPPOSITE = {"R": "L", "A": "P", "H": "F"}


@dataclass(frozen=True, eq=False)
class Radiograph:
    """Grey values, bright where little radiation came through.

    Attributes
    ----------
    pixels
        (rows, columns) array, row down and column right, float32 or an integer type.
    window
        Grey values that are shown black and white; what lies outside is clipped.
    curve
        How brightness grows between them: ``linear``, or ``sigmoid`` where a DICOM file asks for it on a screen (PS3.3
        C.11.2.1.3.1; the window is where it is steepest). What networks see is always linear.
    spacing
        Distance of rows and of columns in millimetres; None where nobody knows.
    aspect
        Height of a pixel over its width, where the spacing is not known.
    laterality
        Side of the body: "L", "R", "B" for both; empty where nobody knows.
    view
        Projection as DICOM names it, for example "AP" or "PA"; may be empty.
    modality, body_part
        As DICOM names them, for example "DX" and "KNEE"; may be empty.
    coloured
        It was a colour picture whose channels differ, as those of a radiograph do not.
    name
        What to call it on screen; never a path, never from a tag that may identify a patient.
    notes
        What was changed or guessed on reading, in sentences for the user.
    provenance
        Where it comes from.
    identity
        Whether its pixels may tell who the patient is: ``removed`` where the file or its origin says that they do not,
        ``present`` where a name is burned in. What a model made of no image shows nobody.

    Raises
    ------
    ImageError
        If the array is not two-dimensional, is empty, holds values that are not finite numbers, or the window is empty.
    """

    pixels: NDArray[Any]
    window: tuple[float, float]
    spacing: tuple[float, float] | None = None
    laterality: Laterality = ""
    view: str = ""
    coloured: bool = False
    name: str = "radiograph"
    notes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    identity: Identity = "unknown"
    aspect: float = 1.0
    curve: Curve = "linear"
    modality: str = ""
    body_part: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name))
        kind = self.pixels.dtype
        if self.pixels.ndim != 2 or 0 in self.pixels.shape:
            raise ImageError(f"{self.name}: a radiograph needs rows and columns of grey values, not {self.pixels.shape}.")
        if not (kind == np.float32 or np.issubdtype(kind, np.integer)):
            raise ImageError(f"{self.name}: a radiograph holds float32 or integer pixels, not {kind}.")
        if kind == np.float32 and not np.isfinite(self.pixels).all():
            raise ImageError(f"{self.name}: some pixels are not finite numbers; replace them before you use the image.")
        if self.identity == "unknown" and self.provenance.synthetic and not self.provenance.source:
            object.__setattr__(self, "identity", "removed")
        if validity.window(self.window) is None:
            raise ImageError(f"{self.name}: the window must rise, not go from {self.window[0]:g} to {self.window[1]:g}.")

    @property
    def origin_name(self) -> str:
        """What records of things made from it call it: never a file's name, which may be a patient's."""
        return origin_name("radiograph", self.pixels, self.provenance)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape
        return rows, columns

    def grey(self) -> NDArray[np.float32]:
        """The image as it is shown: (rows, columns) float32, 0 for black to 1 for white."""
        low, high = self.window
        shown: NDArray[np.float32] = ((self.pixels.astype(np.float32) - low) / (high - low)).clip(0, 1)
        return shown

    def with_pixels(self, pixels: NDArray[Any], window: tuple[float, float], name: str, made: Provenance) -> Radiograph:
        """Other pixels in the same place."""
        return replace(self, pixels=pixels, window=window, name=name, provenance=made)


def upright_pixels(
    pixels: NDArray[Any], directions: tuple[str, str], *, slices: bool = False
) -> tuple[NDArray[Any], str, bool]:
    """An image with the feet (or the back) below and the patient's right on the left, as it is read.

    Parameters
    ----------
    pixels
        (rows, columns).
    directions
        Where rows and columns run in the patient: letters of ``LRAPHF`` (PS3.3 C.7.6.1.1.1), empty where nobody knows. Which
        way a lateral view faces is left as it is.
    slices
        It is a slice, whose back lies below. A mammogram from above has the same letters, and hangs otherwise.

    Returns
    -------
    tuple
        The pixels; what was turned, in a sentence; and whether rows and columns changed places.
    """
    across, down = directions
    kinds = [next((axis for axis in ("LR", "AP", "HF") if letter and letter in axis), "") for letter in directions]
    if "" in kinds or kinds[0] == kinds[1] or (kinds == ["AP", "LR"] and not slices):
        return pixels, "", False
    transposed = kinds[0] == "HF" or (kinds[0] == "AP" and kinds[1] == "LR")
    if transposed:
        pixels, (across, down) = pixels.T, (down, across)
    mirrored, over = across == "R", _OPPOSITE.get(down) in ("F", "P")
    pixels = pixels[:, ::-1] if mirrored else pixels
    pixels = pixels[::-1] if over else pixels
    ways = [
        "lying on its side" if transposed else "",
        "mirrored" if mirrored else "",
        "upside down" if over else "",
    ]
    turned = " and ".join(way for way in ways if way)
    note = f"The file says that it was stored {turned}; it is shown with the patient's right on the left, upright."
    return pixels, note if turned else "", transposed


def natural_window(pixels: NDArray[Any]) -> tuple[float, float]:
    """Black and white of an image that names no window.

    Integers are taken to use 8, 10, 12, 14 or 16 bits, the fewest that hold the largest; other values their own range.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if np.issubdtype(pixels.dtype, np.integer) and low >= 0:
        bits = next((n for n in (8, 10, 12, 14, 16) if high < 2**n), None)
        if bits:
            return 0.0, float(2**bits - 1)
    if low >= 0 and high <= 1 and not np.issubdtype(pixels.dtype, np.integer):
        return 0.0, 1.0
    return validity.range_of(low, high)
