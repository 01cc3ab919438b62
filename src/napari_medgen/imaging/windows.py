"""Which grey values are black and white: a radiologist's windows, by centre and width.

A window is given by its level (the centre) and its width, as DICOM's PS3.3 C.11.2.1.2 has it; here the width is that of an
exact linear window, from black at ``level - width / 2`` to white at ``level + width / 2``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen.validity import range_of

Modality = Literal["CT", "MR", ""]
Curve = Literal["linear", "sigmoid"]

_AIR = -500  # Hounsfield units: any CT that holds air or lung has less
_LEAST_HOUNSFIELD, _MOST_HOUNSFIELD = -3100, 10_000  # what scanners write outside the image, and metal
_SAMPLED = 96  # values along each axis are enough for a percentile, and for the lowest value of air
_TAILS = (0.5, 99.5)  # percent that an automatic window leaves out
_NARROWEST = 1e-4  # of the range of values: a window never shuts


@dataclass(frozen=True)
class Window:
    """Grey values from black to white.

    Attributes
    ----------
    level, width
        Centre and width in the image's own unit; the width is above zero.
    name
        What it is called, where it is one of the known ones.
    """

    level: float
    width: float
    name: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.level) and math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"a window needs a level and a width above zero, not {self.level:g} and {self.width:g}")

    @classmethod
    def between(cls, low: float, high: float, name: str = "") -> Window:
        """The window from black to white; of an empty one, the smallest that can be shown."""
        low, high = range_of(low, high) if high <= low else (low, high)
        return cls((low + high) / 2, high - low, name)

    @property
    def limits(self) -> tuple[float, float]:
        """The values that are black and white."""
        return self.level - self.width / 2, self.level + self.width / 2

    def dragged(self, across: float, up: float, span: float) -> Window:
        """The window after a drag.

        Parameters
        ----------
        across, up
            How far the pointer went, as fractions of the view: to the right is wider, up is a higher level.
        span
            The range of the image's values. One view's width is as much as the present window, or a quarter of the range
            where that is more: a narrow window is set finely and a wide one is left quickly.
        """
        gain = max(self.width, span / 4)
        narrowest = max(span * _NARROWEST, 1e-9)
        return Window(self.level + up * gain, max(self.width + across * gain, narrowest))


# The windows of the Hounsfield scale as OHIF ships them (platform/core, windowLevelPresets): centre and width.
HOUNSFIELD = (
    Window(40, 400, "Soft tissue"),
    Window(-600, 1500, "Lung"),
    Window(480, 2500, "Bone"),
    Window(40, 80, "Brain"),
    Window(90, 150, "Liver"),
)


def modality_of(voxels: NDArray[Any]) -> Modality:
    """``CT`` where the values can only be Hounsfield units, else empty: no volume format says it.

    A volume is taken for a CT where its lowest value lies below -500 HU and all of them within what a scanner writes.
    """
    some = _some(voxels)
    if some.dtype.kind in "ub" or not some.size:
        return ""
    low, high = float(some.min()), float(some.max())
    return "CT" if _LEAST_HOUNSFIELD <= low <= _AIR and high <= _MOST_HOUNSFIELD else ""


def automatic(values: NDArray[Any], name: str = "Automatic") -> Window:
    """The window from the 0.5th to the 99.5th percentile of what is not background.

    Background is the lowest value, where a tenth of the image or more has it: air of a skull-stripped head, padding.

    Parameters
    ----------
    values
        Of any shape; what is not finite is left out.
    """
    sampled = _some(values).ravel()
    if sampled.dtype.kind == "f":
        sampled = sampled[np.isfinite(sampled)]
    if not sampled.size:
        return Window(0.5, 1.0, name)
    low = sampled.min()
    rest = sampled[sampled > low]
    if rest.size and rest.size <= 0.9 * sampled.size:
        sampled = rest
    first, last = (float(value) for value in np.percentile(sampled, _TAILS))
    return Window.between(first, last, name)


def _some(values: Any) -> NDArray[Any]:
    """Every so many values along each axis of a large array: a window's thread has no time for all of a lazy one."""
    if np.prod(np.shape(values)) >= _SAMPLED**3:
        values = values[tuple(slice(None, None, -(-length // _SAMPLED)) for length in np.shape(values))]
    some = np.asarray(values)
    return some.astype(np.uint8) if some.dtype == bool else some


def sigmoid(count: int = 256) -> NDArray[np.float64]:
    """Brightness (count,) in [0, 1] over a window twice as wide as a SIGMOID's own, centred as it is (PS3.3 C.11.2.1.3.1).

    The function never ends; what lies beyond twice its width differs from black and white by less than 2 %.
    """
    across = np.linspace(-1.0, 1.0, count)
    curve = 1 / (1 + np.exp(-4 * across))
    stretched: NDArray[np.float64] = (curve - curve[0]) / (curve[-1] - curve[0])
    return stretched


def named(window: Window, known: tuple[Window, ...]) -> Window:
    """A window with the name of the known one that it is; without a name where it is none."""
    for one in known:
        if math.isclose(one.level, window.level, abs_tol=1e-6) and math.isclose(one.width, window.width, rel_tol=1e-6):
            return one
    return replace(window, name="")
