"""What a sample can be conditioned on: numbers such as age, classes such as sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medgen.errors import RecipeError
from napari_medgen.validity import Finite


class Condition(BaseModel):
    """One thing a denoiser is told.

    Attributes
    ----------
    name, label
        Key, and what a person reads, with its unit.
    kind
        ``number`` (scaled from [low, high] to [-1, 1]) or ``class`` (one of ``values``, one-hot).
    column
        Column of the recipe's table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    kind: Literal["number", "class"]
    column: str = ""
    low: Finite = 0.0
    high: Finite = 1.0
    values: tuple[str, ...] = Field((), max_length=1000)

    @model_validator(mode="after")
    def _can_be_told(self) -> Condition:
        if self.kind == "class" and len(set(self.values)) < max(len(self.values), 2):
            raise ValueError(f"the condition {self.name} needs two or more different values")
        if self.kind == "number" and not self.low < self.high:
            raise ValueError(f"the condition {self.name} must have a range that rises, not {self.low:g} to {self.high:g}")
        return self

    @property
    def width(self) -> int:
        """Entries in the condition vector."""
        return len(self.values) if self.kind == "class" else 1

    def encode(self, value: Any) -> list[float]:
        """Entries of the condition vector for one value.

        Raises
        ------
        RecipeError
            If the value is not a number, is outside [low, high], or is not one of ``values``.
        """
        if self.kind == "class":
            if str(value) not in self.values:
                raise RecipeError(f"{self.label} must be one of {', '.join(self.values)}, not {value}.")
            return [float(str(value) == known) for known in self.values]
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise RecipeError(f"{self.label} must be a number, not {value!r}.") from None
        if not self.low <= number <= self.high:
            raise RecipeError(f"{self.label} must lie between {self.low:g} and {self.high:g}, not {number:g}.")
        return [2 * (number - self.low) / (self.high - self.low) - 1]


def spoken(conditions: Sequence[Condition], values: Mapping[str, Any]) -> str:
    """Named values in a few letters, for a name: ``80 y F``; a unit stands in brackets at the end of its label."""
    words = []
    for condition in conditions:
        if condition.name not in values:
            continue
        if condition.kind == "class":
            word = str(values[condition.name])
            words.append(word[:1].upper() if word.lower() in ("female", "male") else word)
        else:
            _, bracket, unit = condition.label.rstrip(")").partition("(")
            unit = {"years": "y"}.get(unit, unit) if bracket else condition.name
            words.append(f"{float(values[condition.name]):g} {unit}")
    return " ".join(words)


def encode(conditions: Sequence[Condition], values: Mapping[str, Any]) -> list[float]:
    """Condition vector of named values, conditions in their order.

    Raises
    ------
    RecipeError
        If a value is missing, unknown or unsuitable.
    """
    unknown = set(values) - {condition.name for condition in conditions}
    if unknown:
        known = ", ".join(condition.name for condition in conditions) or "none"
        raise RecipeError(f"This model has no condition {', '.join(sorted(unknown))}; it knows: {known}.")
    missing = [condition.name for condition in conditions if condition.name not in values]
    if missing:
        raise RecipeError(f"A value is missing for {', '.join(missing)}: give every condition or none.")
    return [entry for condition in conditions for entry in condition.encode(values[condition.name])]
