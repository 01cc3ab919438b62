"""What stands on a view beside its image: letters, lines, texts and scale, as values; :mod:`.painting` paints them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.imaging.orientation import spoken_place
from napari_medgen.viewer.canvas.marks import mark_in
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.owner import KEY, RADIOGRAPH, UNIT, is_map
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.hang import main_image
from napari_medgen.viewer.reading.pane import Pane
from napari_medgen.viewer.reading.planes import SLICES, edges, patient_place, sides

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_medgen.viewer.reading.room import Room

_LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_LONGEST_RULER = 0.3  # of the view
_ARM = 7.0  # points, of the cross on a place
_MARKED, _AIM = "#ffd166", "#4cc9f0"
_SLABS = {"mean": "mean", "mip": "MIP", "minip": "MinIP"}
_SPOKEN_SIDES = {"L": "left side", "R": "right side", "B": "both sides"}
_TITLES = {"swipe": "Swipe", "checkerboard": "Checkerboard", "blink": "Blink", "difference": "Difference"}


@dataclass(frozen=True)
class Line:
    """A line on a canvas, in points from its upper left corner."""

    start: tuple[float, float]
    end: tuple[float, float]
    colour: str


@dataclass(frozen=True)
class Furniture:
    """What stands on one view.

    Attributes
    ----------
    title, colour
        What the view is, and the colour of its plane.
    upper
        Lines of text below the title: what is seen, whatever else must be known of it.
    lower
        Lines of text at the lower left: where the crosshair or the pointer is.
    window
        Lines of text at the lower right: window and slab.
    edges
        Letters at ``top``, ``bottom``, ``left`` and ``right``.
    lines
        The crosshair.
    mark
        What says that something is synthetic; empty for nothing.
    ruler
        A length in points, and what it is in millimetres.
    bar
        Lowest and highest value of a scale of two colours, with their unit.
    swipe
        Where a swipe's line is, in points from the left.
    active
        Whether keys act on this view.
    """

    title: str = ""
    colour: str = "#ffffff"
    upper: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    window: tuple[str, ...] = ()
    edges: dict[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    mark: str = ""
    ruler: tuple[float, str] | None = None
    bar: tuple[str, str] | None = None
    swipe: float | None = None
    active: bool = False


def furniture_of(room: Room, index: int) -> Furniture:
    """What stands on a view of a room now."""
    pane = room.panes[index]
    size = room.sight.size_of(room.panes[index])
    subject = main_image(pane.sources)
    if subject is None and room.guest is not None:
        return Furniture(title=pane.plane.title, colour=pane.plane.colour)
    if subject is None:
        return Furniture(upper=(room.says,) if room.says else ("Open an image, or sample a volume.", "F1 shows all keys."))
    growing = sides(subject)
    whole = pane.plane.name == "3d"
    letters: dict[str, str] = {}
    if growing is not None:
        letters = _letters_of_whole(pane, growing) if whole else edges(pane.plane, growing)
    active = index == room.active and len(room.shown) > 1
    blended = room.blend is not None
    return Furniture(
        title=_TITLES[room.blend.kind] if room.blend is not None else pane.caption.split("\n")[0] or pane.plane.title,
        colour=pane.plane.colour,
        upper=_upper(room, pane, subject),
        lower=() if whole else _lower(room, pane, subject),
        window=() if whole else _window(room, pane, room.blend.seen if room.blend is not None else subject),
        edges=letters,
        lines=(_lines(room, pane, size) if room.crosshair and not (blended and pane.axes == 2) else ())
        + _marks(room, pane, subject, size),
        mark=_mark(room, pane),
        ruler=None if whole else _ruler(room, pane, subject, size),
        bar=_bar(room, subject),
        swipe=_swipe(room, pane, size),
        active=active,
    )


def _upper(room: Room, pane: Pane, subject: Image) -> tuple[str, ...]:
    said = pane.caption.split("\n")[1:] if pane.caption else [subject.name]
    if room.blend is not None:
        said = [f"{room.blend.first.name}", f"and {room.blend.second.name}"]
        if room.blend.kind == "blink":
            said = [(room.blend.second if room.blend.swapped else room.blend.first).name]
        elif room.blend.kind == "difference":
            said = [f"{room.blend.second.name} less {room.blend.first.name}"]
    index, count = room.slices(pane)
    if pane.axes == 3 and subject.ndim > 3:
        ahead = np.asarray(subject.world_to_data(room.place[len(room.place) - subject.ndim :]), float)[: subject.ndim - 3]
        said += [
            f"volume {round(one) + 1} of {length}" for one, length in zip(ahead, np.shape(finest(subject)), strict=False)
        ]
    if count > 1 and pane.axes == 3 and pane.plane.name != "3d":
        said.append(f"slice {index + 1} of {count}")
    side = subject.metadata.get(RADIOGRAPH, {}).get("laterality", "")
    if side in _SPOKEN_SIDES and pane.axes == 2:
        said.append(_SPOKEN_SIDES[side])
    askew = str(subject.metadata.get(f"{KEY}_askew", ""))
    if askew:
        said.append(f"along its own axes: {askew}")
    if pane.shift.any():
        said.append("moved onto the first image, middle on middle")
    return tuple(said)


def _lower(room: Room, pane: Pane, subject: Image) -> tuple[str, ...]:
    place = np.array(room.place)
    if room.hover is not None and room.hover[0] is pane:
        right, down = room.hover[1]
        place[-pane.axes :] = pane.from_canvas(right, down, room.sight.size_of(pane), place[-pane.axes :])
    elif room.panes[room.active] is not pane:
        return ()
    shift = pane.shift if pane.axes == 3 else np.zeros(3)
    blend = room.blend
    if blend is None:
        return read_out(subject, place, shift)
    if blend.kind == "blink":
        return read_out(blend.seen, place, room.shift_of(blend.seen))
    both = [read_out(image, place, room.shift_of(image))[-1] for image in (blend.first, blend.second)]
    return (*read_out(blend.first, place, shift)[:-1], f"first: {both[0]}", f"second: {both[1]}")


def read_out(layer: Image, place: NDArray[np.float64], shift: NDArray[np.float64]) -> tuple[str, ...]:
    """Where a place of the viewer's world is in the patient, which voxel it is, and what it holds."""
    own = np.zeros(layer.ndim)
    count = min(layer.ndim, len(place))
    own[layer.ndim - count :] = place[len(place) - count :]
    if layer.ndim >= 3 and len(shift) == 3:
        own[-3:] += shift
    inside_layer = np.asarray(layer.world_to_data(own), float)
    index = np.floor(inside_layer + 0.5).astype(int)
    data = finest(layer)
    inside = all(0 <= one < length for one, length in zip(index, np.shape(data), strict=False))
    lines = []
    where = patient_place(layer, inside_layer[-3:]) if layer.ndim >= 3 else None
    if where is not None:
        lines.append(spoken_place(where))
    elif layer.ndim == 2 and str(layer.units[-1]) == "millimeter":
        down, right = inside_layer[-2:] * np.asarray(layer.scale, float)[-2:]
        lines.append(f"{down:.1f} down  {right:.1f} right mm")
    what = "voxel" if layer.ndim >= 3 else "pixel"
    said = (
        f"{what} {' '.join(str(int(one)) for one in index)}"
        if inside
        else f"outside the {'volume' if layer.ndim >= 3 else 'image'}"
    )
    if inside and not layer.rgb:
        said += f"   value {_spoken_value(data[tuple(index)])} {window_level.unit(layer)}".rstrip()
    lines.append(said)
    return tuple(lines)


def _spoken_value(value: Any) -> str:
    number = float(value)
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e9 else f"{number:.3g}"


def _window(room: Room, pane: Pane, subject: Image) -> tuple[str, ...]:
    lines = []
    if room.slab.thickness > 0 and pane.axes == 3 and room.blend is None:
        lines.append(f"{room.slab.thickness:g} mm {_SLABS[room.slab.kind]}")
    if window_level.windowed(subject):
        window = window_level.window_of(subject)
        lines.append(f"W {_short(window.width)}  L {_short(window.level)}")
        name = "" if window.name == "As opened" else window.name
        more = [part for part in (name, "inverted" if window_level.is_inverted(subject) else "") if part]
        if more:
            lines.append(", ".join(more))
    return tuple(lines)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.3g}"


def _lines(room: Room, pane: Pane, size: tuple[float, float]) -> tuple[Line, ...]:
    place = room.place[-3:]
    high, wide = size
    if pane.axes == 2 and room.aim:
        right, down = pane.to_canvas(room.place[-2:], size)
        return _cross(right, down, (wide, high), _AIM)
    if pane.axes != 3 or len(place) < 3:
        return ()
    right, down = pane.to_canvas(place, size)
    if pane.plane.name == "3d":
        return _axes_of_whole(pane, place, size)
    vertical, horizontal = pane.plane.displayed
    across = next(plane for plane in SLICES if plane.through == vertical + 3)
    upright = next(plane for plane in SLICES if plane.through == horizontal + 3)
    gap = 9.0  # what the reader looks at is not drawn over
    return (
        Line((0.0, down), (right - gap, down), across.colour),
        Line((right + gap, down), (wide, down), across.colour),
        Line((right, 0.0), (right, down - gap), upright.colour),
        Line((right, down + gap), (right, high), upright.colour),
    )


def _cross(right: float, down: float, far: tuple[float, float], colour: str) -> tuple[Line, ...]:
    gap = 9.0
    return (
        Line((0.0, down), (right - gap, down), colour),
        Line((right + gap, down), (far[0], down), colour),
        Line((right, 0.0), (right, down - gap), colour),
        Line((right, down + gap), (right, far[1]), colour),
    )


def _marks(room: Room, pane: Pane, subject: Image, size: tuple[float, float]) -> tuple[Line, ...]:
    """What was marked, on the slices that it lies on: a place as a small cross, a box as its outline."""
    lines: list[Line] = []
    through = pane.plane.through
    for mark in room.marks if pane.plane.name != "3d" else ():
        first, second = np.array(mark.first), np.array(mark.second)
        if len(first) != pane.axes:
            continue
        if pane.axes == 3 and through is not None:
            half = float(np.asarray(subject.extent.step)[subject.ndim - 3 + through]) / 2
            low, high = sorted((first[through], second[through]))
            if not low - half <= room.place[-3:][through] <= high + half:
                continue
        (left, top), (right, bottom) = pane.to_canvas(first, size), pane.to_canvas(second, size)
        if mark.first == mark.second:
            lines += [
                Line((left - _ARM, top), (left + _ARM, top), _MARKED),
                Line((left, top - _ARM), (left, top + _ARM), _MARKED),
            ]
            continue
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        lines += [Line(one, other, _MARKED) for one, other in zip(corners, [*corners[1:], corners[0]], strict=True)]
    return tuple(lines)


def _axes_of_whole(pane: Pane, place: NDArray[np.float64], size: tuple[float, float]) -> tuple[Line, ...]:
    box = pane.box
    if box is None:
        return ()
    lines = []
    for plane in SLICES:
        start, end = place.copy(), place.copy()
        axis = int(plane.through or 0)
        start[axis], end[axis] = box.low[axis], box.high[axis]
        lines.append(Line(pane.to_canvas(start, size), pane.to_canvas(end, size), plane.colour))
    return tuple(lines)


def _letters_of_whole(pane: Pane, growing: tuple[str, str, str]) -> dict[str, str]:
    """The patient's side that each edge of a turned view faces: of the axis that points there most."""
    right, up = pane.screen_axes()
    from napari_medgen.imaging.orientation import opposite_letters

    def letter(direction: NDArray[np.float64]) -> str:
        axis = int(np.argmax(np.abs(direction)))
        if np.abs(direction[axis]) < 0.5 or growing[axis] == "?":
            return ""
        return growing[axis] if direction[axis] > 0 else opposite_letters(growing[axis])

    return {"top": letter(up), "bottom": letter(-up), "right": letter(right), "left": letter(-right)}


def _mark(room: Room, pane: Pane) -> str:
    if room.blend is not None:
        return mark_of_images([room.blend.first, room.blend.second])
    return mark_in(room.viewer, [source for source in pane.sources if source.visible]) or mark_of_images(
        [image for image in pane.images if not is_map(image)][:1]
    )


def mark_of_images(images: list[Image]) -> str:
    """The mark over images that are all seen."""
    from napari_medgen.viewer.canvas.marks import MARK
    from napari_medgen.viewer.layers.owner import is_synthetic

    made = [image for image in images if is_synthetic(image)]
    if not made:
        return ""
    return MARK if len(made) == len(images) else f"{MARK} in part"


def _ruler(room: Room, pane: Pane, subject: Image, size: tuple[float, float]) -> tuple[float, str] | None:
    if str(subject.units[-1]) != "millimeter":
        return None
    scale = pane.model.scene.camera.zoom
    longest = size[1] * _LONGEST_RULER / max(scale, 1e-9)
    length = max((one for one in _LENGTHS if one <= longest), default=None)
    return None if length is None else (length * scale, f"{length / 10:g} cm" if length >= 100 else f"{length} mm")


def _bar(room: Room, subject: Image) -> tuple[str, str] | None:
    if room.blend is not None and room.blend.kind == "difference":
        low, high = room.blend.limits
        unit = window_level.unit(subject)
    elif room.blend is None and UNIT in subject.metadata and not window_level.windowed(subject):
        low, high = (float(value) for value in subject.contrast_limits)
        unit = ""
    else:
        return None
    return f"{_short(low)} {unit}".strip().replace("-", "\N{MINUS SIGN}"), f"+{_short(high)} {unit}".strip()


def _swipe(room: Room, pane: Pane, size: tuple[float, float]) -> float | None:
    if room.blend is None or room.blend.kind != "swipe":
        return None
    edge = room.swipe_edge(pane)
    return None if edge is None else float(np.clip(edge, 0, size[1]))
