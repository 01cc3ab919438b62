"""The volume of a stack: its files read one by one, its grey values as the scanner meant them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut

from napari_medgen.errors import ImageError
from napari_medgen.imaging.derived_dicom import SYNTHETIC
from napari_medgen.imaging.dicom_file import open_dataset, open_header, stored_values
from napari_medgen.imaging.dicom_grey import quiet
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.secondary_capture import own_notes
from napari_medgen.imaging.series.frame import Frame
from napari_medgen.imaging.series.grouping import Series
from napari_medgen.imaging.series.stack import Stack
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.validity import single_precision, without_gaps

Voxels = NDArray[Any]
_LOOK, _LOOK_SIZE = 0.2, 192  # seconds between two slices to look at, and their size in pixels


def read_stack(series: Series, stack: Stack, *, even: bool = False) -> Steps[Volume]:
    """Read the voxels of a stack.

    Grey values are rescaled as each file says, so that a CT's are Hounsfield units: 16-bit integers where they fit,
    32-bit ones, or single precision where they are no whole numbers.

    Parameters
    ----------
    series
        What it is of; gives the volume its name, by coded tags alone.
    stack
        Which.
    even
        Resample slices that are unevenly apart (linear, at their median distance); without it they are refused.

    Yields
    ------
    Progress
        A step a file, the middle one first; now and then with a slice to look at, (192, 192) 8-bit grey.

    Raises
    ------
    ImageError
        If a file is gone, damaged or not what its header said, or the slices do not make a volume.
    """
    shape = stack.shape
    grid = stack.at_even_steps() if even and not stack.even else None
    layout = stack.layout() if grid is None else None
    slices, width = (len(grid[0]), 4) if grid is not None else (layout.slices if layout else 0, 2)
    require_image_bytes(max(slices, shape[0]) * shape[1] * shape[2] * width, name_of(series))
    made = _made_by(stack.frames[0].path)
    parts = yield from _read(stack)
    voxels, gaps = _joined(parts)
    if layout is None:
        assert grid is not None
        places, affine = grid
        voxels = _interpolated(voxels, stack.places, places)
        apart = np.diff(stack.places)
        said = f"Its slices were {apart.min():.2f} to {apart.max():.2f} mm apart and have been resampled to even steps."
        return Volume.of(voxels, affine, name_of(series), made, (*stack.notes, *gaps, said))
    if layout.slices > shape[0]:
        whole = np.full((layout.slices, *voxels.shape[1:]), voxels.min(), voxels.dtype)
        whole[layout.rows] = voxels
        voxels = whole
    if stack.frames[0].photometric == "MONOCHROME1":
        gaps = (*gaps, "Its files show high values dark; the values are kept, and shown bright.")
    return Volume.of(voxels, layout.affine, name_of(series), made, (*layout.notes, *gaps))


def _made_by(path: Path) -> Provenance:
    """What we wrote of where it comes from; of another program's series nothing is known.

    Archives strip private notes. That a model made it stands in the public ones too.
    """
    header = open_header(path)
    kept = own_notes(header)[0]
    kinds = [str(kind).upper() for kind in header.get("ImageType") or ()]
    return kept or Provenance(software="", synthetic=SYNTHETIC in kinds)


def thumbnails(stacks: Sequence[tuple[Frame, ...]], side: int = 72) -> list[NDArray[np.uint8] | None]:
    """The middle frame of each of some stacks, small; a file that holds several of them is decoded once.

    Returns
    -------
    list
        (side, side) 8-bit grey, the brightest hundredth white, black around it; None where it cannot be read.
    """
    middles = [frames[len(frames) // 2] for frames in stacks]
    found: list[NDArray[np.uint8] | None] = [None] * len(stacks)
    files: dict[Path, list[int]] = {}
    for number, frame in enumerate(middles):
        files.setdefault(frame.path, []).append(number)
    for path, numbers in files.items():
        with suppress(ImageError):
            for number, pixels in zip(numbers, _values(path, [middles[number] for number in numbers]), strict=True):
                found[number] = _small(pixels, side)
    return found


def _small(pixels: Voxels, side: int) -> NDArray[np.uint8]:
    every = max(1, -(-max(pixels.shape) // side))
    small = pixels[::every, ::every].astype(np.float64)
    known = small[np.isfinite(small)]
    small = np.nan_to_num(small, nan=known.min() if known.size else 0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(small, (1, 99))
    shown = ((small - low) / max(high - low, 1e-6)).clip(0, 1) * 255
    page = np.zeros((side, side), np.uint8)
    top, left = (side - shown.shape[0]) // 2, (side - shown.shape[1]) // 2
    page[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return page


def name_of(series: Series) -> str:
    """What the image shows, from coded tags alone: free texts may hold a patient's name."""
    return " ".join(part for part in (series.modality, series.body_part) if part) or "DICOM volume"


def _read(stack: Stack) -> Steps[list[Voxels]]:
    """Values of each frame, in the order of the stack; a file of many frames is opened once.

    The middle is read first, so that there is something to look at, then the rest.
    """
    files: dict[Path, list[int]] = {}
    for place, frame in enumerate(stack.frames):
        files.setdefault(frame.path, []).append(place)
    found: list[Voxels] = [np.empty(0)] * len(stack.frames)
    middle = stack.frames[len(stack.frames) // 2].path
    shown = 0.0
    for done, path in enumerate([middle, *(path for path in files if path != middle)], 1):
        places = files[path]
        frames = [stack.frames[place] for place in places]
        for place, values in zip(places, _values(path, frames), strict=True):
            found[place] = values
        preview = None
        if (now := time.monotonic()) - shown > _LOOK:
            shown, preview = now, _small(found[places[len(places) // 2]], _LOOK_SIZE)
        yield Progress(done, len(files), "Reading slices", preview)
    return found


def _values(path: Path, frames: list[Frame]) -> list[Voxels]:
    """Rescaled values of some frames of a file."""
    data = open_dataset(path)
    count = frames[0].count
    stored = stored_values(data, path, count)
    each = stored if count > 1 else stored[None]
    with opened_image(path, "a DICOM file"):
        if data.get("ModalityLUTSequence"):
            return [quiet(apply_modality_lut, _part(each, frame), data) for frame in frames]
        return [_rescaled(_part(each, frame), *frame.rescale) for frame in frames]


def _part(stored: Voxels, frame: Frame) -> Voxels:
    """The stored numbers of a frame, or of its tile of one."""
    row, column = frame.tile or (0, 0)
    part = stored[frame.index, row : row + frame.rows, column : column + frame.columns]
    if part.ndim == 3:
        part = part[..., :3].mean(-1)  # a colour picture, for its thumbnail
    if part.shape != (frame.rows, frame.columns) or (frame.tile is None and part.shape != stored.shape[1:3]):
        raise ImageError(f"{frame.path.name} is not as large as its header says.")
    return part


def _rescaled(stored: Voxels, slope: float, intercept: float) -> Voxels:
    if (slope, intercept) == (1.0, 0.0):
        return stored
    if (
        slope == 1
        and intercept.is_integer()
        and abs(intercept) < 2**30
        and stored.dtype.kind in "iu"
        and stored.itemsize <= 2
    ):
        return stored.astype(np.int32) + np.int32(intercept)
    return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def _joined(parts: list[Voxels]) -> tuple[Voxels, tuple[str, ...]]:
    """Slices as one array, of the smallest type that holds all of them; a note where some were no number."""
    if any(part.dtype.kind == "f" for part in parts):
        try:
            voxels, rounded = single_precision(np.stack(parts))
            voxels, note = without_gaps(voxels)
        except ValueError:
            raise ImageError("It holds no finite grey value.") from None
        return voxels, tuple(said for said in (rounded, note) if said)
    low, high = min(int(part.min()) for part in parts), max(int(part.max()) for part in parts)
    kinds = (np.uint8, np.int16, np.uint16, np.int32, np.uint32)
    kind = next((k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max), np.int64)
    if kind == np.uint8 and any(part.itemsize > 1 for part in parts):
        kind = np.int16
    whole = np.empty((len(parts), *parts[0].shape), kind)
    for index, row in enumerate(whole):
        row[:] = parts[index]
        parts[index] = row  # what it was read as is not needed any more
    return whole, ()


def _interpolated(voxels: Voxels, known: NDArray[np.float64], wanted: NDArray[np.float64]) -> Voxels:
    """Slices at other places, linear between the two that lie nearest."""
    after = np.searchsorted(known, wanted, side="left").clip(1, len(known) - 1)
    share = ((wanted - known[after - 1]) / (known[after] - known[after - 1])).clip(0, 1)
    made = np.empty((len(wanted), *voxels.shape[1:]), np.float32)
    for row, (index, weight) in enumerate(zip(after, share, strict=True)):
        made[row] = voxels[index - 1] * (1 - weight) + voxels[index] * weight
    return made
