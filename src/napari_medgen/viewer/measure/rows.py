"""What was measured as lines of a table: each drawing one, the places of a joint space together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medgen.imaging.joint_space import Compartment, Gap, compartment_width, repeatable_to
from napari_medgen.imaging.measure import Measurement, Scale
from napari_medgen.imaging.measurements import Drawn, spoken

COMPARTMENTS: tuple[Compartment, ...] = ("medial", "lateral")


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    what, value, where
        Its cells.
    shapes
        Which shapes of the layer it is of.
    labels
        What stands beside some of them on screen.
    """

    what: str
    value: str
    where: str
    shapes: tuple[int, ...]
    labels: Mapping[int, str]


def gap_of(item: Drawn) -> Gap | None:
    """The joint space at one place, as it was drawn or dragged; None where the name says none."""
    compartment, _, place = item.name.partition(" ")
    known = next((one for one in COMPARTMENTS if one == compartment), None)
    if item.kind != "joint space" or known is None:
        return None
    (top, left), (bottom, right) = item.within
    try:
        return Gap(known, float(place), (top, left), (bottom, right))
    except ValueError:
        return None


def rows_of(items: Sequence[Drawn | None], pixels: Any, scale: Scale, where: Sequence[str]) -> list[Row]:
    """Lines for drawings, in their order.

    Parameters
    ----------
    items
        Of the layer; None for a shape that measures nothing.
    where
        The slice of each, in words.
    """
    rows: list[Row] = []
    joints: dict[tuple[int, ...], list[int]] = {}
    for place, item in enumerate(items):
        if item is None:
            continue
        gap = gap_of(item)
        if gap is not None:
            joints.setdefault(tuple(at for at in item.slice if at is not None), []).append(place)
            continue
        text = spoken(item.values(pixels, scale))
        what = f"{item.kind[:1].upper()}{item.kind[1:]}"
        rows.append(Row(what, text, where[place], (place,), {place: text}))
    return rows + _joint_rows(items, joints, scale, where)


def _joint_rows(
    items: Sequence[Drawn | None], joints: Mapping[tuple[int, ...], list[int]], scale: Scale, where: Sequence[str]
) -> list[Row]:
    """A line a picture in the order of time, with both compartments and their change from the first picture of the stack."""
    rows: list[Row] = []
    first: dict[Compartment, float] = {}
    for at, places in sorted(joints.items()):
        lines: list[str] = []
        labels: dict[int, str] = {}
        for compartment in COMPARTMENTS:
            own = [(place, gap) for place in places if (gap := _gap_at(items, place)) and gap.compartment == compartment]
            if not own:
                continue
            drawn = items[own[0][0]]
            assert drawn is not None
            steps = scale.along(drawn.plane)
            width = compartment_width([gap for _, gap in own], compartment, steps)
            text = f"{compartment} {Measurement('', width, steps.unit).text}"
            if at == (0,):
                first[compartment] = width
            change = width - first.get(compartment, np.nan)
            lines.append(f"{text} ({round(change, 1) + 0.0:+.1f})" if at > (0,) and np.isfinite(change) else text)
            labels[own[0][0]] = text
        rows.append(Row("Joint space", "\n".join(lines), where[places[0]], tuple(places), labels))
    return rows


def _gap_at(items: Sequence[Drawn | None], place: int) -> Gap | None:
    item = items[place]
    return gap_of(item) if item is not None else None


def joint_note(shape: tuple[int, int], scale: Scale, *, several: bool) -> str:
    """What must be known of joint spaces.

    Parameters
    ----------
    shape
        Rows and columns of the picture.
    scale
        Of these two axes.
    several
        Whether there are several timepoints.
    """
    within = " and ".join(
        f"{Measurement('', repeatable_to(one, shape, scale), scale.unit).text} ({one})" for one in COMPARTMENTS
    )
    change = "In brackets the change from the first picture. " if several else ""
    return (
        f"Joint space: the median of four places of each compartment, to be looked at and corrected. {change}"
        f"Measured again with the picture placed anew, it differs by up to {within} in 95 of 100 knees."
    )
