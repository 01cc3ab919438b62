"""A whole analysis: every section that the questions allow, in the order of the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from napari_medgen.errors import StudyError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.study.analysis.accuracy import accuracy
from napari_medgen.study.analysis.agreement import agreement, repeats
from napari_medgen.study.analysis.choices import choices
from napari_medgen.study.analysis.numbers import numbers
from napari_medgen.study.analysis.overview import overview
from napari_medgen.study.analysis.parts import Section
from napari_medgen.study.analysis.plan import KeptPlan, Plan
from napari_medgen.study.analysis.ratings import ratings
from napari_medgen.study.analysis.readers_and_cases import readers_and_cases
from napari_medgen.study.analysis.readings import Readings
from napari_medgen.study.analysis.times import times
from napari_medgen.study.analysis.turing import turing

_ORDER = {"primary": 0, "planned": 1, "exploratory": 2}


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Attributes
    ----------
    readings
        What it was found in.
    plan, kept
        What was planned; ``kept`` is None where no plan was kept before the blind was opened.
    sections
        First what was read, then what the plan names, then what it does not.
    planned
        Whether a plan counts.
    """

    readings: Readings
    plan: Plan
    kept: KeptPlan | None
    sections: tuple[Section, ...]
    planned: bool = False

    def section(self, analysis: str, item: str = "") -> Section | None:
        """One section by its name and question."""
        return next((one for one in self.sections if (one.analysis, one.item) == (analysis, item)), None)


def analyse(readings: Readings, plan: Plan | None = None, kept: KeptPlan | None = None) -> Steps[Analysis]:
    """Analyse readings.

    Parameters
    ----------
    plan
        For those who read elsewhere and keep their plan elsewhere; a kept plan goes before it. Without a plan that was
        kept before the blind was opened everything is exploratory.
    kept
        The plan that was kept with a study.

    Raises
    ------
    StudyError
        If there is no answer, or the plan names a question that is none.
    """
    if not any(one.answered for one in readings.readings):
        raise StudyError("Nobody answered anything: there is nothing to analyse.")
    used = kept.plan if kept is not None else plan or Plan()
    counts = kept.before if kept is not None else plan is not None
    # A plan that does not count has no primary result, and no margin that was stated before.
    working = used if counts else used.model_copy(update={"primary": None, "secondary": (), "margin": None})
    known = {item.id for item in readings.items}
    for one in (used.primary, *used.secondary):
        if one is not None and one.question not in known:
            raise StudyError(f"The plan names a question {one.question}; there is: {', '.join(sorted(known))}.")
    work: list[tuple[str, str, Callable[[], Section | None]]] = []
    for item in readings.items:
        if not any(one.answered for one in readings.of(item.id)):
            continue
        work += [
            ("turing", item.id, partial(turing, readings, item.id, working)),
            ("accuracy", item.id, partial(accuracy, readings, item.id)),
            ("readers-and-cases", item.id, partial(readers_and_cases, readings, item.id, working)),
            ("ratings", item.id, partial(ratings, readings, item.id)),
            ("numbers", item.id, partial(numbers, readings, item.id)),
            ("choices", item.id, partial(choices, readings, item.id)),
            ("agreement", item.id, partial(agreement, readings, item.id)),
            ("repeats", item.id, partial(repeats, readings, item.id)),
        ]
    work.append(("times", "", partial(times, readings)))
    found = []
    for number, (name, question, make) in enumerate(work):
        yield Progress(number, len(work), f"{name.replace('-', ' ')} {question}".strip())
        section = make()
        if section is None:
            continue
        standing = working.standing(question, name)
        if name == "times":  # of all questions together
            standing = min((working.standing(item.id, name) for item in readings.items), key=lambda one: _ORDER[one])
        found.append(section.standing_as(standing))
    found.sort(key=lambda one: _ORDER[one.standing])
    first = overview(readings).standing_as("description")
    return Analysis(readings, used, kept, (first, *found), counts)
