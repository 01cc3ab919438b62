"""What a valid number in a header, a card or a table is: finite, in range, of the right count.

Files of somebody else may say anything. Every reader, our own records on their way back in, model cards and cohort tables
ask here, so that none of them believes what another refuses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationError

# Millimetres between voxels: from a micrograph's to a building's.
SMALLEST_STEP, LARGEST_STEP = 1e-5, 1e4
# No measurement is larger; beyond it, differences are lost in single precision and displays break.
LARGEST_GREY = 1e30
_LARGEST_PLACE = 1e7  # millimetres from the origin
_DEGENERATE = 1e-6  # volume that the unit vectors of three axes span; 1 where they are at right angles
_DEEPEST_JSON = 40
_ROUNDING = 1e-5  # of the range of an image: no screen and no eye tells less apart


def finite(value: Any) -> float | None:
    """A finite number, or None; texts that hold one count, truth values do not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.number):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` finite numbers, or None."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray) or len(values) != count:
        return None
    found = [finite(value) for value in values]
    kept = tuple(number for number in found if number is not None)
    return kept if len(kept) == count else None


def spacing(values: Any, count: int) -> tuple[float, ...] | None:
    """Distances in millimetres between neighbours along ``count`` axes, or None where they are none."""
    found = numbers(values, count)
    if found is None or not all(SMALLEST_STEP <= step <= LARGEST_STEP for step in found):
        return None
    return found


def window(values: Any) -> tuple[float, float] | None:
    """Two grey values that are shown black and white, rising in single precision, or None."""
    found = numbers(values, 2)
    if found is None or max(abs(value) for value in found) > LARGEST_GREY or not np.float32(found[0]) < np.float32(found[1]):
        return None
    return found[0], found[1]


def range_of(low: float, high: float) -> tuple[float, float]:
    """A window from the lowest to the highest grey value; never an empty one, also where both are large and close."""
    return (low, high) if window((low, high)) else (low, low + max(1.0, abs(low) * 1e-3))


def affine_fault(affine: NDArray[np.float64]) -> str:
    """What is wrong with a map from indices to millimetres; empty where nothing is."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return "its affine is not finite"
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing(steps, 3) is None:
        return f"its affine puts voxels {' x '.join(f'{step:.3g}' for step in steps)} mm apart, which no image has"
    if abs(np.linalg.det(affine[:3, :3] / steps)) < _DEGENERATE:
        return "its affine does not span three dimensions"
    if np.abs(affine[:3, 3]).max() > _LARGEST_PLACE:
        return "its affine puts it kilometres away from the origin"
    return ""


def without_gaps(values: NDArray[Any], lowest: float | None = None) -> tuple[NDArray[Any], str]:
    """Grey values of which all are measurements, and a sentence on those that were not; empty where there were none.

    NaN, infinities and what lies beyond 1e30 become the lowest of the others, which is background. Zero would be a grey
    value like any other where zero is the mean, as in a head that was standardised.

    Parameters
    ----------
    values
        Floating-point numbers of any shape.
    lowest
        What to put in their place instead.

    Raises
    ------
    ValueError
        If there is no measurement at all.
    """
    if values.size and values.min() >= -LARGEST_GREY and values.max() <= LARGEST_GREY:
        return values, ""  # NaN would make both comparisons false
    good = np.isfinite(values) & (np.abs(values) <= LARGEST_GREY)
    count = int(values.size - np.count_nonzero(good))
    if not count:
        return values, ""
    if count == values.size:
        raise ValueError("no finite grey value")
    filled = np.where(good, values, values[good].min() if lowest is None else values.dtype.type(lowest))
    share = 100 * count / values.size
    what = "point is no finite number and is" if count == 1 else "points are no finite numbers and are"
    return filled, f"{count:,} {what} shown as background ({share:.2g} % of the image)."


def single_precision(values: NDArray[Any]) -> tuple[NDArray[np.float32], str]:
    """Real numbers in single precision, and a sentence where that changes what can be told apart; empty where it does not.

    Raises
    ------
    ValueError
        If they are complex.
    """
    if np.iscomplexobj(values):
        raise ValueError("complex numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = values.astype(np.float32)
        if values.dtype.itemsize <= 4 and not np.issubdtype(values.dtype, np.integer):
            return rounded, ""
        good = np.isfinite(rounded)
        if not good.any():
            return rounded, ""
        off = np.abs(rounded.astype(np.float64) - values)[good].max()
        span = float(np.ptp(rounded[good].astype(np.float64))) or float(np.abs(rounded[good]).max())
    note = f"Its grey values have more digits than are kept: they are rounded by up to {off:.2g}."
    return rounded, note if off > _ROUNDING * span else ""


def parse_json(text: str | bytes) -> Any:
    """Content of a JSON text that a file carries.

    Raises
    ------
    ValueError
        If it is none, or is nested more deeply than any record of ours.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST_JSON:
            raise ValueError("nested too deeply")
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((part, depth + 1) for part in inside)
    return content


# -- for cards ------------------------------------------------------------------------------------------------------------


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if window(pair) is None:
        raise ValueError("the second number must be larger than the first")
    return pair


Finite = Annotated[float, Field(allow_inf_nan=False)]
Step = Annotated[float, Field(ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
GreyRange = Annotated[tuple[Finite, Finite], AfterValidator(_rising)]
# No network of this field is wider, deeper or larger; what asks for more is a mistake, or wants to fill the memory.
Width = Annotated[int, Field(ge=1, le=8192)]
Layers = Annotated[int, Field(ge=1, le=64)]
Side = Annotated[int, Field(ge=1, le=4096)]


def first_fault(error: ValidationError, whole: str) -> str:
    """What pydantic found wrong first: the entry (``whole`` where it is all of them) and why."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
