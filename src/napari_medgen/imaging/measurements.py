"""Measurements that somebody drew on an image: what each is, what it amounts to, and the files that keep them.

A drawn measurement is a kind and points in the image's indices, which is all that is kept; values follow from them, from the
scale and, for regions, from the grey values. Whatever was measured on a picture that a model made says so in every file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging import measure
from napari_medgen.imaging.measure import Measurement, Points, Scale
from napari_medgen.running.naming import shown, with_ending
from napari_medgen.running.writing import harmless, write_whole
from napari_medgen.validity import finite, parse_json, spacing

Kind = Literal["length", "angle", "Cobb angle", "hip-knee-ankle angle", "outline", "ellipse", "joint space"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Points that each kind has; None for as many as somebody likes, three at least.
POINTS: Mapping[Kind, int | None] = {
    "length": 2,
    "angle": 3,
    "Cobb angle": 4,
    "hip-knee-ankle angle": 3,
    "outline": None,
    "ellipse": 4,
    "joint space": 2,
}
OF_A_MODEL = "Measured on a picture that a model made, not on a patient."
_FORMAT, _VERSION = "napari-medgen measurements", 1
_COLUMNS = (
    "image",
    "made by a model",
    "number",
    "measurement",
    "name",
    "slice index",
    "quantity",
    "value",
    "unit",
    "scale from",
    "points",
)
_MOST, _MOST_POINTS, _LONGEST = 10_000, 1_000_000, 2**31


@dataclass(frozen=True, eq=False)
class Drawn:
    """One measurement as it was drawn.

    Attributes
    ----------
    kind
        What it measures.
    points
        (N, axes) in the image's indices; all in one plane: those along the axes that are not ``plane`` are alike.
    plane
        The two axes of the image along which it was drawn, rows first.
    name
        Of its own, for a person; may be empty.
    """

    kind: Kind
    points: Points
    plane: tuple[int, int]
    name: str = ""

    def __post_init__(self) -> None:
        wanted = POINTS[self.kind]
        count = len(self.points)
        if self.points.ndim != 2 or not np.isfinite(self.points).all():
            raise ImageError("The points of a measurement are finite numbers.")
        if (wanted is None and count < 3) or (wanted is not None and count != wanted):
            raise ImageError(f"A measurement of the kind {self.kind} has not {count} points.")
        axes = self.points.shape[1]
        if len(set(self.plane)) != 2 or not all(0 <= axis < axes for axis in self.plane):
            raise ImageError("A measurement lies in a plane of its image.")

    @property
    def within(self) -> Points:
        """Its points along the axes of its plane (N, 2)."""
        return np.asarray(self.points[:, list(self.plane)], np.float64)

    @property
    def slice(self) -> tuple[int | None, ...]:
        """Which plane it is: an index along every axis that is not of it."""
        return tuple(None if axis in self.plane else round(float(value)) for axis, value in enumerate(self.points[0]))

    def values(self, pixels: Any, scale: Scale) -> tuple[Measurement, ...]:
        """What it amounts to.

        Parameters
        ----------
        pixels
            The image, of which one slice is looked at; of regions without it only the area is known.
        scale
            Of the image's axes.
        """
        points, own = self.within, scale.along(self.plane)
        if self.kind in ("length", "joint space"):
            return (replace(measure.distance(points[0], points[1], own), name=self.kind),)
        if self.kind == "angle":
            return (measure.angle(points[0], points[1], points[2], own),)
        if self.kind == "Cobb angle":
            return (measure.cobb_angle(points[:2], points[2:], own),)
        if self.kind == "hip-knee-ankle angle":
            return (measure.hip_knee_ankle_angle(points[0], points[1], points[2], own),)
        outline = measure.ellipse(points) if self.kind == "ellipse" else points
        cut = None if pixels is None else self._cut(pixels)
        found = measure.region(np.zeros((1, 1)) if cut is None else cut, outline, own)
        return found[-1:] if cut is None else found

    def _cut(self, pixels: Any) -> NDArray[Any] | None:
        """The slice that it was drawn on, rows first; None where the image has no such one."""
        place = self.slice
        if pixels.ndim != len(place) or any(
            at is not None and not 0 <= at < n for at, n in zip(place, pixels.shape, strict=True)
        ):
            return None
        cut = np.asarray(pixels[tuple(slice(None) if at is None else at for at in place)])
        return cut.T if self.plane[0] > self.plane[1] else cut


def spoken(values: Sequence[Measurement]) -> str:
    """Values in a few words, for a label beside the drawing: of regions mean, deviation and area."""
    if len(values) == 1:
        return values[0].text
    by_name = {value.name: value for value in values}
    if {"mean", "standard deviation"} <= set(by_name):
        return f"{by_name['mean'].text} ± {by_name['standard deviation'].text}\n{by_name['area'].text}"
    return "\n".join(value.text for value in values)


@dataclass(frozen=True, eq=False)
class Measurements:
    """All measurements of one image.

    Attributes
    ----------
    items
        In the order in which they were drawn.
    image
        What the image is called where it travels: by its content, never by its file's name, which may be a patient's.
    shape
        Of the image.
    scale
        Of its axes.
    content
        Says which image it is, by its grey values; empty where nobody knows.
    synthetic
        Whether a model made the image; ``model`` says which.
    layer
        How a layer of them lies, for whoever shows them; kept as it is.
    """

    items: tuple[Drawn, ...]
    image: str
    shape: tuple[int, ...]
    scale: Scale
    content: str = ""
    synthetic: bool = False
    model: str = ""
    layer: dict[str, Any] = field(default_factory=dict)


def write_measurements(path: str | Path, kept: Measurements, pixels: Any = None) -> Path:
    """Write measurements as JSON, to be opened again; with the values that they have now, for other programs.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "image": {
            "name": kept.image,
            "shape": list(kept.shape),
            "content": kept.content,
            "synthetic": kept.synthetic,
            "model": kept.model,
        },
        "scale": {"steps": list(kept.scale.steps), "unit": kept.scale.unit, "source": kept.scale.source},
        "layer": kept.layer,
        "measurements": [
            {
                "kind": item.kind,
                "name": item.name,
                "plane": list(item.plane),
                "points": item.points.tolist(),
                "values": [
                    {"name": value.name, "value": finite(value.value), "unit": value.unit}
                    for value in item.values(pixels, kept.scale)
                ],
            }
            for item in kept.items
        ],
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    return write_whole(with_ending(Path(path), (".json",)), text.encode(), ImageError)


def is_measurements(path: str | Path) -> bool:
    """Whether a file seems to be one of :func:`write_measurements`."""
    try:
        with Path(path).open("rb") as file:
            return _FORMAT.encode() in file.read(200)
    except OSError:
        return False


def read_measurements(path: str | Path) -> Measurements:
    """Read what :func:`write_measurements` wrote.

    Raises
    ------
    ImageError
        If the file is missing, is none of those, or says what cannot be.
    """
    path = Path(path)
    try:
        said = parse_json(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except ValueError:
        raise ImageError(f"{path.name} holds no measurements.") from None
    if not isinstance(said, dict) or said.get("format") != _FORMAT:
        raise ImageError(f"{path.name} holds no measurements.")
    if said.get("version") != _VERSION:
        raise ImageError(f"{path.name} was written by a newer version of this program.")
    try:
        return _kept(said)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ImageError) as error:
        why = str(error) if isinstance(error, ImageError) else "something in it is missing or of the wrong kind"
        raise ImageError(f"{path.name} cannot be read as measurements: {why.rstrip('.')}.") from None


def _kept(said: dict[str, Any]) -> Measurements:
    image, scale = said["image"], said["scale"]
    shape = tuple(int(n) for n in image["shape"])
    if not shape or not all(1 <= n <= _LONGEST for n in shape):
        raise ImageError("its image has no size")
    steps = spacing(tuple(scale["steps"]), len(shape))
    if steps is None or scale["unit"] not in ("mm", "px") or scale["source"] not in ("file", "calibration", "unknown"):
        raise ImageError("its scale is none")
    if len(said["measurements"]) > _MOST or sum(len(item["points"]) for item in said["measurements"]) > _MOST_POINTS:
        raise ImageError(f"it holds more than {_MOST} of them, or than {_MOST_POINTS} points")
    items = []
    for item in said["measurements"]:
        points = np.asarray(item["points"], np.float64)
        if item["kind"] not in KINDS or points.ndim != 2 or points.shape[1] != len(shape):
            raise ImageError("one of them is of no kind that is known, or not of this image")
        first, second = (int(axis) for axis in item["plane"])
        items.append(Drawn(item["kind"], points, (first, second), _line(item["name"])))
    layer = said.get("layer")
    return Measurements(
        tuple(items),
        _line(image["name"]),
        shape,
        Scale(steps, scale["unit"], scale["source"]),
        str(image.get("content", "")),
        bool(image.get("synthetic", False)),
        _line(image.get("model", "")),
        layer if isinstance(layer, dict) else {},
    )


def _line(text: object) -> str:
    """A text of a file as one line that can be shown."""
    plain = "".join(character if character.isprintable() else " " for character in str(text))
    return shown(" ".join(plain.split())) if plain.strip() else ""


def write_table(path: str | Path, kept: Measurements, pixels: Any = None) -> Path:
    """Write measurements as CSV: a line a value, with what was measured, where, and by which scale.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for number, item in enumerate(kept.items, 1):
        common = {
            "image": harmless(kept.image),
            "made by a model": harmless(f"yes: {kept.model}") if kept.synthetic else "no",
            "number": number,
            "measurement": item.kind,
            "name": harmless(item.name),
            "slice index": " ".join(str(place) for place in item.slice if place is not None),
            "scale from": kept.scale.source,
            "points": "; ".join(" ".join(f"{value:.3f}" for value in point) for point in item.points),
        }
        for value in item.values(pixels, kept.scale):
            number_said = "" if finite(value.value) is None else f"{value.value:.6g}"
            writer.writerow(common | {"quantity": value.name, "value": number_said, "unit": value.unit})
    return write_whole(with_ending(Path(path), (".csv",)), text.getvalue().encode("utf-8-sig"), ImageError)
