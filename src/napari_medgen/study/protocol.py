"""The protocol of a reader study: one YAML file from which everything follows, frozen by its checksum once it is in use."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_medgen.errors import StudyError
from napari_medgen.study.events import canonical
from napari_medgen.study.located import Located, clause, read_located, validated
from napari_medgen.study.order import Design, Kind, OrderPlan
from napari_medgen.study.questions import Name, Question, Text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Case(_Part):
    """One case.

    Attributes
    ----------
    id
        What the protocol calls it; readers never see it.
    image
        File, relative to the study's folder.
    group
        Of cases that are asked alike, or form a block.
    aid
        File that is shown after the first answer was locked (paired reading), for example a synthetic follow-up or a map.
    images
        Other files by arm, where arms show different images.
    overlays
        Files by arm that are laid over the image, where arms show different maps of it.
    training
        Whether it is shown before the study, with feedback.
    truth
        Right answers of a training case by question, for the feedback. That of all others stands in the key
        (:mod:`.key`), which readers need not have.
    """

    id: Name
    image: str
    group: Name = "all"
    aid: str = ""
    images: dict[Name, str] = {}
    overlays: dict[Name, str] = {}
    training: bool = False
    truth: dict[Name, Any] = {}

    @field_validator("image", "aid")
    @classmethod
    def _inside(cls, value: str) -> str:
        _require_inside(value)
        return value

    @field_validator("images", "overlays")
    @classmethod
    def _all_inside(cls, value: dict[str, str]) -> dict[str, str]:
        for one in value.values():
            _require_inside(one)
        return value

    @model_validator(mode="after")
    def _truth_apart(self) -> Case:
        if self.truth and not self.training:
            raise ValueError("the truth of a case that is no training stands in truth.yaml, which readers need not have")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it names."""
        return tuple(
            dict.fromkeys(one for one in (self.image, *self.images.values(), *self.overlays.values(), self.aid) if one)
        )


def _require_inside(value: str) -> None:
    place = PurePosixPath(value)
    if place.is_absolute() or ".." in place.parts or "\\" in value:
        raise ValueError("files lie in the study's folder: a path relative to it, with /")


class Order(_Part):
    """How orders are drawn; see :class:`~napari_medgen.study.order.OrderPlan`. ``washout_days`` parts crossover sessions."""

    kind: Kind = "random"
    arms: tuple[Name, ...] = ()
    design: Design = "within"
    repeats: int = Field(0, ge=0)
    distance: int = Field(10, ge=1)
    washout_days: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Order:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("two arms have one name")
        if self.design != "within" and len(self.arms) < 2:
            raise ValueError(f"a {self.design} design needs two arms or more (arms)")
        if self.washout_days and self.design != "crossover":
            raise ValueError("a wash-out lies between the sessions of a crossover (design: crossover)")
        return self


class Blinding(_Part):
    """Whether readers are not told that an image is synthetic.

    Names of files and models, and whatever else is known of where an image comes from, are never in what readers have.
    """

    mark: bool = True
    why_not: str = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Blinding:
        if not self.mark and not self.why_not:
            raise ValueError("what is not blinded needs a reason (why_not)")
        return self


class Paired(_Part):
    """Paired reading: the first answer is locked, then the aid is shown, then these questions are asked.

    Attributes
    ----------
    shows
        What the aid is called on screen.
    placed
        ``beside`` the image, as a follow-up; ``over`` it, as a map.
    """

    shows: Text
    placed: Literal["beside", "over"] = "beside"
    questions: tuple[Name, ...] = Field(min_length=1)


class Navigation(_Part):
    """Whether readers may go back, and change what they answered; every version of an answer is kept."""

    back: bool = False
    change: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Navigation:
        if self.change and not self.back:
            raise ValueError("to change an answer a reader must be able to go back (back: true)")
        return self


class Timing(_Part):
    """How long a case is seen, and when a break is offered.

    Attributes
    ----------
    limit_seconds
        For each case, pauses not counted; 0 for none.
    after
        What happens then: the image is hidden (``hide``) and can still be answered, or the next case comes (``next``),
        and what was not answered stays so.
    break_every
        A break is offered after so many cases; 0 for never.
    """

    limit_seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    after: Literal["hide", "next"] = "hide"
    break_every: int = Field(0, ge=0)


class Reader(_Part):
    """A reader by a code; no name is kept.

    Attributes
    ----------
    experience_years
        Of reading such images; None where it is not recorded.
    """

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    experience_years: float | None = Field(None, ge=0, le=80)


class Protocol(_Part):
    """A whole protocol.

    Attributes
    ----------
    study, title, version
        Name, what people call it, and which of its versions this is.
    seed
        What all orders are drawn from.
    instructions
        What readers read first.
    hanging
        Body part and modality whose hanging rules apply; empty for those of each file.
    own_results
        Whether each reader may see how they did, once the blind is open.
    truth_checksum
        SHA-256 of the key (:mod:`.key`) that holds the truth; empty where there is none yet.
    checksums
        SHA-256 of each file, so that no image is exchanged unnoticed.
    """

    study: Name
    title: Text
    version: int = Field(1, ge=1)
    seed: int = Field(ge=0, lt=2**53)
    instructions: str = Field("", max_length=20_000)
    readers: tuple[Reader, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = Field(min_length=1)
    cases: tuple[Case, ...] = ()
    order: Order = Order()
    blinding: Blinding = Blinding()
    paired: Paired | None = None
    navigation: Navigation = Navigation()
    timing: Timing = Timing()
    hanging: dict[Literal["body_part", "modality"], str] = {}
    own_results: bool = False
    truth_checksum: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    checksums: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}

    @property
    def checksum(self) -> str:
        """SHA-256 of all that it says, however its file is laid out."""
        content = self.model_dump(mode="json")
        if not self.own_results:  # which protocols did not have at first: theirs keep their checksums
            del content["own_results"]
        return hashlib.sha256(canonical(content)).hexdigest()

    @property
    def plan(self) -> OrderPlan:
        """How orders are drawn."""
        own = self.order
        return OrderPlan(self.seed, own.kind, own.arms, own.design, own.repeats, own.distance)

    def questions_of(self, case: Case, answered: dict[str, Any]) -> tuple[Question, ...]:
        """The questions that are asked of a case now: of its group, and whose condition what was answered meets."""
        asked: dict[str, Question] = {}
        for question in self.questions:
            when = question.when
            # An answer to what is not asked any more is no condition.
            met = when is None or (when.question in asked and _met(answered.get(when.question), when.answers))
            if met and (not question.groups or case.group in question.groups):
                asked[question.id] = question
        return tuple(asked.values())


def _met(answer: Any, wanted: tuple[Any, ...]) -> bool:
    return (answer["yes"] if isinstance(answer, dict) and "yes" in answer else answer) in wanted


def read_protocol(path: Path) -> Protocol:
    """Read and check a protocol.

    Raises
    ------
    StudyError
        If it cannot be read, or says something that no protocol may: file, line, field and what would be right.
    """
    located = read_located(path)
    protocol = validated(Protocol, located)
    _require_consistent(protocol, located)
    return protocol


def _require_consistent(protocol: Protocol, located: Located) -> None:
    """What one entry says of another."""
    _require_distinct(located, "cases", [case.id for case in protocol.cases], "id")
    _require_distinct(located, "questions", [question.id for question in protocol.questions], "id")
    # Stores are called after them, and some disks know no capital letters.
    _require_distinct(located, "readers", [reader.code for reader in protocol.readers], "code")
    asked = [question.id for question in protocol.questions]
    groups = {case.group for case in protocol.cases}
    for place, question in enumerate(protocol.questions):
        for group in question.groups:
            if groups and group not in groups:
                raise located.fault(("questions", place, "groups"), f"no case is of the group {group}; {_choices(groups)}")
        if question.when is not None and question.when.question not in asked[:place]:
            raise located.fault(
                ("questions", place, "when", "question"),
                f"{question.when.question} is not asked before {question.id}; {_choices(asked[:place])}",
            )
        if question.when is not None:
            before = protocol.questions[asked.index(question.when.question)]
            for answer in question.when.answers:
                try:
                    before.check_truth(answer)
                except StudyError as error:
                    raise located.fault(("questions", place, "when", "answers"), clause(error)) from None
    by_name = {question.id: question for question in protocol.questions}
    for place, case in enumerate(protocol.cases):
        for name in case.truth:
            if name not in by_name:
                raise located.fault(("cases", place, "truth", name), f"no question is called so; {_choices(asked)}")
        for field, files in (("images", case.images), ("overlays", case.overlays)):
            if unknown := [arm for arm in files if arm not in protocol.order.arms]:
                raise located.fault(
                    ("cases", place, field, unknown[0]), f"no arm is called so; {_choices(protocol.order.arms)}"
                )
        for name, value in case.truth.items():
            try:
                by_name[name].check_truth(value)
            except StudyError as error:
                raise located.fault(("cases", place, "truth", name), clause(error)) from None
    if protocol.paired is not None:
        for name in protocol.paired.questions:
            if name not in by_name:
                raise located.fault(("paired", "questions"), f"no question is called {name}; {_choices(asked)}")
            when = by_name[name].when
            if when is not None and when.question not in protocol.paired.questions:
                raise located.fault(
                    ("paired", "questions"), f"{name} is asked after {when.question}, which is not asked again"
                )
        if (without := next((i for i, case in enumerate(protocol.cases) if not case.aid), None)) is not None:
            raise located.fault(("cases", without), "paired reading shows an aid, and this case has none (aid)")


def _require_distinct(located: Located, table: str, names: list[str], field: str) -> None:
    known = [name.lower() for name in names]
    for place, name in enumerate(names):
        if known[place] in known[:place]:
            first = located.line((table, known.index(known[place]), field))
            raise located.fault((table, place, field), f"{name} stands in line {first} already")


def _choices(names: Any) -> str:
    listed = sorted(names)
    return f"there is: {', '.join(listed[:8])}{' ...' if len(listed) > 8 else ''}" if listed else "there is none"
