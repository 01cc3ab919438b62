"""What readers are asked: kinds of questions, and what counts as an answer to each."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medgen.errors import StudyError

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
_LONGEST = 10_000  # letters of a free text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Part):
    """Asked only if another question of the case was answered so.

    Attributes
    ----------
    question, answers
        Which question, asked before this one, and which of its answers.
    """

    question: Name
    answers: tuple[str | int | bool, ...] = Field(min_length=1)


class _Question(_Part):
    """What all kinds of questions have.

    Attributes
    ----------
    id, text
        What the answer is called in the data, and what the reader reads.
    required
        Whether a case can be left without an answer.
    groups
        Groups of cases that it is asked of; empty for all.
    when
        Condition.
    """

    id: Name
    text: Text
    required: bool = True
    groups: tuple[Name, ...] = ()
    when: When | None = None

    def check(self, value: Any) -> None:
        """Refuse what is no answer.

        Raises
        ------
        StudyError
            If it is none.
        """
        raise NotImplementedError

    def check_truth(self, value: Any) -> None:
        """Refuse what cannot be the right answer; it is given as an answer is, unless a kind says otherwise.

        Raises
        ------
        StudyError
            If it is none.
        """
        self.check(value)

    def is_right(self, value: Any, truth: Any) -> bool:
        """Whether an answer is the right one."""
        return bool(value == truth)

    def said(self, value: Any) -> str:
        """An answer, or a right one, in words."""
        return str(value)

    def _refuse(self, what: str) -> StudyError:
        return StudyError(f"An answer to {self.id} is {what}.")


class _Named(_Question):
    """Options with names; the answer is the name that was chosen."""

    options: tuple[Text, ...] = Field(min_length=2, max_length=10)  # as many as there are figures to press

    @model_validator(mode="after")
    def _distinct(self) -> _Named:
        if len(set(self.options)) < len(self.options):
            raise ValueError("two options have one name")
        return self

    def check(self, value: Any) -> None:
        if value not in self.options:
            raise self._refuse("one of: " + ", ".join(self.options))


class Likert(_Named):
    """Options in their order, from least to most."""

    kind: Literal["likert"] = "likert"


class Choice(_Named):
    """Options without an order."""

    kind: Literal["choice"] = "choice"


class YesNo(_Question):
    """Yes or no, and how sure, from 1 to ``confidence`` (0: not asked).

    The answer is ``{"yes": bool, "confidence": int}``; the right one is yes or no.
    """

    kind: Literal["yes_no"] = "yes_no"
    confidence: int = Field(0, ge=0, le=10)

    @model_validator(mode="after")
    def _levels(self) -> YesNo:
        if self.confidence == 1:
            raise ValueError("a confidence of one level says nothing: 0 for none, or 2 to 10")
        return self

    def check(self, value: Any) -> None:
        wanted = {"yes", "confidence"} if self.confidence else {"yes"}
        if not isinstance(value, dict) or set(value) != wanted or not isinstance(value["yes"], bool):
            raise self._refuse("yes or no" + (" with a confidence" if self.confidence else ""))
        if self.confidence and not (_whole(value["confidence"]) and 1 <= value["confidence"] <= self.confidence):
            raise self._refuse(f"given with a confidence from 1 to {self.confidence}")

    def check_truth(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise self._refuse("yes or no (true or false)")

    def is_right(self, value: Any, truth: Any) -> bool:
        return value["yes"] is truth

    def said(self, value: Any) -> str:
        yes = value["yes"] if isinstance(value, dict) else value
        sure = f", sure {value['confidence']} of {self.confidence}" if isinstance(value, dict) and self.confidence else ""
        return ("Yes" if yes else "No") + sure


class Number(_Question):
    """A number, in a unit; the answer is the number."""

    kind: Literal["number"] = "number"
    unit: str = Field("", max_length=20)
    low: float = Field(0.0, allow_inf_nan=False)
    high: float = Field(100.0, allow_inf_nan=False)
    step: float = Field(1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _rising(self) -> Number:
        if self.low >= self.high:
            raise ValueError("high must be above low")
        return self

    def check(self, value: Any) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not self.low <= value <= self.high:
            raise self._refuse(f"a number from {self.low:g} to {self.high:g}")

    def said(self, value: Any) -> str:
        return f"{value:g} {self.unit}".strip()


class Point(_Question):
    """Places on the image, in its own millimetres (pixels where it has none): a list of (S, P, L) or (row, column)."""

    kind: Literal["point"] = "point"
    most: int = Field(1, ge=1, le=100)

    def check(self, value: Any) -> None:
        if not isinstance(value, list) or len(value) > self.most or not all(_place(one) for one in value):
            raise self._refuse(f"a list of at most {self.most} places")


class Box(_Question):
    """Boxes on the image: a list of pairs of corners, each a place as of :class:`Point`."""

    kind: Literal["box"] = "box"
    most: int = Field(1, ge=1, le=100)

    def check(self, value: Any) -> None:
        pairs = isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value)
        if not pairs or len(value) > self.most or not all(_place(corner) for one in value for corner in one):
            raise self._refuse(f"a list of at most {self.most} boxes")


class FreeText(_Question):
    """Whatever the reader writes."""

    kind: Literal["text"] = "text"

    def check(self, value: Any) -> None:
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise self._refuse(f"a text of at most {_LONGEST} letters")


Question = Annotated[Likert | Choice | YesNo | Number | Point | Box | FreeText, Field(discriminator="kind")]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _place(value: Any) -> bool:
    numbers = isinstance(value, list) and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
    return numbers and len(value) in (2, 3) and all(math.isfinite(n) for n in value)
