"""The model card: what ``model.json`` says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from napari_medgen import __version__
from napari_medgen.errors import ModelError
from napari_medgen.validity import first_fault

Task = Literal["volumes", "progression", "saliency"]
_KINDS = {"volumes": "sampling volumes", "progression": "extrapolating radiographs", "saliency": "classifying images"}
Architecture = TypeVar("Architecture", bound=BaseModel)


class Figure(BaseModel):
    """One measured number.

    Attributes
    ----------
    value, unit
        The number and its unit; the unit is empty where there is none. NaN where a figure could not be measured.
    note
        How it was measured: on what, how many, with which command.
    """

    # JSON knows no NaN: it is written as a text, and what earlier versions wrote in its place is understood.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    value: Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
    unit: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """For a person."""
        return f"{self.value:.4g} {self.unit}".strip() if math.isfinite(self.value) else "not measurable"


NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def model_name(name: str, out: Path) -> str:
    """The name of a model to be written: the one that is asked for, or its folder's.

    Raises
    ------
    ModelError
        If it is none that a model can have.
    """
    wanted = name or out.resolve().name
    if not re.match(NAME, wanted) or wanted.endswith("\n"):
        raise ModelError(f"A model is called by letters, digits, dots and dashes, a letter or digit first, not {wanted!r}.")
    return wanted


class ModelCard(BaseModel):
    """What a user must know of a model.

    Attributes
    ----------
    name, title, description
        Folder name, what it is called on screen, one or two sentences.
    task
        Which system runs it.
    architecture
        Sizes and constants, checked by that system.
    data, licence
        What it was trained on, and under which terms that data came.
    intended_use, limits
        For whom, and what it cannot do.
    figures
        Measured numbers by name.
    recipe
        The recipe it was trained with; empty for an imported model.
    checksums
        SHA-256 of each weight file, by file name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str = Field(pattern=NAME)
    title: str
    description: str = ""
    task: Task
    architecture: dict[str, Any]
    data: str = ""
    licence: str = ""
    intended_use: str = "Not for diagnosis."
    limits: str = ""
    figures: dict[str, Figure] = {}
    recipe: dict[str, Any] = {}
    checksums: dict[str, str]
    software: str = f"napari-medgen {__version__}"

    def architecture_as(self, kind: type[Architecture], task: Task) -> Architecture:
        """The architecture, checked by the system that runs the model.

        Raises
        ------
        ModelError
            If the model is another system's, or says of itself what this version cannot build; the message names the entry.
        """
        if self.task != task:
            raise ModelError(f"{self.name} is a model for {_KINDS[self.task]}, not for {_KINDS[task]}.")
        try:
            return kind.model_validate(self.architecture)
        except ValidationError as error:
            raise ModelError(f"{self.name} has an impossible architecture: {first_fault(error, 'architecture')}.") from None

    @property
    def checksum(self) -> str:
        """One checksum for the whole model: the files' own, joined by name, first sixteen digits of each."""
        return "-".join(self.checksums[name][:16] for name in sorted(self.checksums))


def imported_card(
    name: str, task: Task, architecture: BaseModel, description: str, limits: str, intended_use: str = "Not for diagnosis."
) -> ModelCard:
    """The card of a model that somebody else trained, of which a checkpoint says no more than this."""
    return ModelCard(
        name=name,
        title=name,
        description=description,
        task=task,
        architecture=architecture.model_dump(mode="json"),
        intended_use=intended_use,
        limits=limits,
        checksums={},
    )
