"""The plan of an analysis, written before anybody knows the truth, and kept so that nobody can say otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_medgen.errors import StudyError
from napari_medgen.running.writing import json_bytes, write_all
from napari_medgen.study.analysis.parts import Standing
from napari_medgen.study.analysis.readings import Item
from napari_medgen.study.events import canonical
from napari_medgen.study.located import read_located, validated
from napari_medgen.study.plan_mark import KEPT
from napari_medgen.study.questions import Name
from napari_medgen.study.study import Study
from napari_medgen.study.unblinding import NAME as UNBLINDED
from napari_medgen.validity import parse_json

NAME = "analysis-plan.yaml"
Analysis = Literal[
    "accuracy", "readers-and-cases", "turing", "ratings", "agreement", "repeats", "times", "choices", "numbers"
]
Merit = Literal["auc", "partial-auc", "sensitivity", "specificity"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Planned(_Part):
    """One analysis of one question."""

    question: Name
    analysis: Analysis


class Plan(_Part):
    """A whole plan.

    Attributes
    ----------
    primary
        The one analysis that the study is made for; None for none.
    secondary
        Others that were planned. What is in neither is headed "exploratory".
    merit
        Figure of merit of readers and cases.
    partial
        Range of false positive rates of ``partial-auc``.
    readers
        Whether what is found is to hold for other readers too (``random``), or for these only (``fixed``).
    covariance
        How covariances over cases are estimated.
    margin
        How far from chance readers may be and still count as unable to tell; None where no such claim is planned.
    remarks
        Whatever else was planned: exclusions, reasons, sample size.
    """

    primary: Planned | None = None
    secondary: tuple[Planned, ...] = ()
    merit: Merit = "auc"
    partial: tuple[float, float] = (0.0, 0.2)
    readers: Literal["random", "fixed"] = "random"
    covariance: Literal["delong", "jackknife", "bootstrap"] = "delong"
    margin: float | None = Field(None, gt=0, lt=0.5)
    remarks: str = Field("", max_length=20_000)

    @property
    def checksum(self) -> str:
        """SHA-256 of all that it says, however its file is laid out."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()

    def standing(self, question: str, analysis: str) -> Standing:
        """What it says of an analysis."""
        if self.primary is not None and (self.primary.question, self.primary.analysis) == (question, analysis):
            return "primary"
        planned = any((one.question, one.analysis) == (question, analysis) for one in self.secondary)
        return "planned" if planned else "exploratory"


@dataclass(frozen=True)
class KeptPlan:
    """A plan and what is known of it.

    Attributes
    ----------
    plan
        What was planned.
    checksum, at, protocol
        Its SHA-256, when it was kept, and the protocol that it was kept with.
    before
        Whether it was kept before the blind was opened: only then does it count.
    """

    plan: Plan
    checksum: str
    at: str
    protocol: str
    before: bool


def read_plan(path: Path, items: tuple[Item, ...] | None = None) -> Plan:
    """Read and check a plan.

    Raises
    ------
    StudyError
        If it cannot be read, or says something that no plan may: file, line and field.
    """
    located = read_located(path)
    plan = validated(Plan, located)
    low, high = plan.partial
    if not 0 <= low < high <= 1:
        raise located.fault(("partial",), "a range of false positive rates, from 0 to 1, the lower one first")
    if items is not None:
        known = [item.id for item in items]
        for place, one in (("primary", plan.primary), *(("secondary", one) for one in plan.secondary)):
            if one is not None and one.question not in known:
                raise located.fault((place,), f"no question is called {one.question}; there is: {', '.join(known)}")
    return plan


def keep_plan(study: Study, path: Path, items: tuple[Item, ...], now: datetime | None = None) -> KeptPlan:
    """Keep a plan with the study.

    Raises
    ------
    StudyError
        If the blind is open, another plan is kept already, or it cannot be read.
    """
    plan = read_plan(path, items)
    before = kept_plan(study)
    if before is not None:
        if before.checksum == plan.checksum:
            return before
        raise StudyError(f"Another plan was kept on {before.at[:10]} ({KEPT}); a plan that is changed is none.")
    if (study.folder / UNBLINDED).is_file():
        raise StudyError("The blind of this study is open: a plan that is made now is none. Analyse it without --plan.")
    at = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    held = {"sha256": plan.checksum, "at": at, "protocol": study.protocol.checksum}
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}.") from None
    write_all({study.folder / NAME: text, study.folder / KEPT: json_bytes(held)}, StudyError)
    return KeptPlan(plan, plan.checksum, at, study.protocol.checksum, True)


def kept_plan(study: Study, unblinded_with: str | None = None) -> KeptPlan | None:
    """The plan that is kept with a study; None where there is none.

    Parameters
    ----------
    unblinded_with
        Checksum of the plan that was written down when the blind was opened; None while it is closed.

    Raises
    ------
    StudyError
        If it was changed since it was kept.
    """
    kept = study.folder / KEPT
    if not kept.is_file():
        return None
    try:
        held: Any = parse_json(kept.read_text(encoding="utf-8"))
        checksum, at, protocol = str(held["sha256"]), str(held["at"]), str(held["protocol"])
    except (OSError, ValueError, TypeError, KeyError):
        raise StudyError(f"{KEPT} was changed and cannot be read.") from None
    plan = read_plan(study.folder / NAME)
    if plan.checksum != checksum:
        raise StudyError(f"{NAME} was changed since it was kept on {at[:10]}; put it back.")
    return KeptPlan(plan, checksum, at, protocol, unblinded_with in (None, checksum))
