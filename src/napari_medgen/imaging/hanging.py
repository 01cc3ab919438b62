"""How a case is hung: layout, planes, window, slice and zoom, as data; and the rules that choose it by what the image is."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medgen.errors import MedGenError

PlaneName = Literal["axial", "coronal", "sagittal", "3d", "picture"]
Layout = Literal["1x1", "1x2", "1x3", "2x2"]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SlabKind = Literal["mean", "mip", "minip"]

LAYOUTS: dict[str, tuple[PlaneName, ...]] = {
    "1x1": ("axial",),
    "1x2": ("axial", "coronal"),
    "1x3": ("axial", "coronal", "sagittal"),
    "2x2": ("axial", "sagittal", "coronal", "3d"),
}
_SHIPPED, _OWN = "hangings.toml", "hangings.toml"


class Subject(BaseModel):
    """What a rule may ask of an image; empty where nobody knows.

    Attributes
    ----------
    kind
        ``volume`` or ``radiograph``.
    modality
        As DICOM names it: ``CT``, ``MR``, ``DX``.
    body_part
        As DICOM names it, in capitals; of a sample, its model's.
    model
        The model that made it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["volume", "radiograph", ""] = ""
    modality: str = ""
    body_part: str = ""
    model: str = ""


class Hanging(BaseModel):
    """How a case is hung.

    Attributes
    ----------
    layout
        Rows and columns of views.
    planes
        What each view shows, line by line; by default those of the layout.
    window
        ``file`` (the file's own, automatic where it has none), ``automatic``, or the name of one of the Hounsfield scale.
    slice
        Where the crosshair is along (S, P, L), from 0 to 1; the middle by default.
    zoom
        1 fits the image to its view.
    slab, slab_kind
        Thickness in millimetres, and how its slices become one; 0 is a single slice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Layout = "2x2"
    planes: tuple[PlaneName, ...] = ()
    window: str = "file"
    slice: tuple[Fraction, Fraction, Fraction] = (0.5, 0.5, 0.5)
    zoom: float = Field(1.0, gt=0, le=64, allow_inf_nan=False)
    slab: float = Field(0.0, ge=0, le=1000, allow_inf_nan=False)
    slab_kind: SlabKind = "mip"

    @property
    def views(self) -> tuple[PlaneName, ...]:
        """What each view shows."""
        return self.planes or LAYOUTS[self.layout]


class Rule(BaseModel):
    """A hanging, and the images that it is for: all that is said must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Subject = Subject()
    hang: Hanging = Hanging()

    def fits(self, subject: Subject) -> bool:
        """Whether an image is one of those."""
        asked = self.when.model_dump(exclude_defaults=True)
        return all(str(getattr(subject, key)).upper() == str(value).upper() for key, value in asked.items())


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: tuple[Rule, ...] = ()


class ViewState(BaseModel):
    """What a reader sees, as a value: captured, stored and restored.

    Attributes
    ----------
    hanging
        Layout, planes, zoom and slab.
    place
        The crosshair in world coordinates, in millimetres along the viewer's axes.
    offset
        By how much the views were moved from the middle of the image, along (S, P, L), in millimetres.
    windows
        Lowest and highest value shown of each image, in the order of the layers.
    active
        Which view was in use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hanging: Hanging
    place: tuple[float, ...]
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    windows: tuple[tuple[float, float], ...] = ()
    active: int = 0


def rules_file() -> Path:
    """Where a user's own rules are: ``hangings.toml`` in the configuration folder. They go before the shipped ones."""
    return platformdirs.user_config_path("napari-medgen") / _OWN


def hanging_for(subject: Subject) -> Hanging:
    """The hanging of the first rule that fits, the user's own first.

    Raises
    ------
    MedGenError
        If the user's file is not valid.
    """
    return next((rule.hang for rule in _own_rules() if rule.fits(subject)), None) or shipped_hanging_for(subject)


def shipped_hanging_for(subject: Subject) -> Hanging:
    """The hanging of the first shipped rule that fits."""
    return next((rule.hang for rule in _shipped_rules() if rule.fits(subject)), Hanging())


def _own_rules() -> tuple[Rule, ...]:
    file = rules_file()
    try:
        return read_rules(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise MedGenError(f"{file} is not a valid file of hangings: {_first(error)}.") from None


@cache
def _shipped_rules() -> tuple[Rule, ...]:
    return read_rules(resources.files("napari_medgen.imaging").joinpath(_SHIPPED).read_text(encoding="utf-8"))


def read_rules(text: str) -> tuple[Rule, ...]:
    """Rules of a TOML text: a ``[[rule]]`` each, with ``when`` and ``hang``.

    Raises
    ------
    ValueError
        If it is no TOML, or says what is not known; pydantic's names the entry.
    """
    return _Rules.model_validate(tomllib.loads(text)).rule


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
    return str(error).rstrip(".")
