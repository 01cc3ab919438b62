"""The methods paragraph: design, counts, tests, software, as a paper would say it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from napari_medgen import __version__
from napari_medgen.study.analysis.analysis import Analysis

_LIBRARIES = ("numpy", "scipy")


def methods(analysis: Analysis) -> tuple[str, ...]:
    """Paragraphs: design, analysis, software."""
    return _design(analysis), _tests(analysis), software(analysis)


def _design(analysis: Analysis) -> str:
    own, facts = analysis.readings, analysis.readings.facts
    years = [own.experience[reader] for reader in own.readers if reader in own.experience]
    experience = ""
    if years:
        span = f"{min(years):g}" if min(years) == max(years) else f"{min(years):g} to {max(years):g}"
        of = "" if len(years) == len(own.readers) else f", recorded for {len(years)}"
        experience = f" (experience {span} years{of})"
    patients = len({own.patients.get(case, case) for case in own.cases})
    of_patients = f" of {patients} patients" if own.patients else ""
    parts = [f"{_count(len(own.readers), 'reader')}{experience} read {_count(len(own.cases), 'case')}{of_patients}."]
    if len(own.conditions) > 1:
        parts.append(f"Conditions: {', '.join(own.label(one) for one in own.conditions)}.")
    for name, said in (
        ("design", "Arms: {}."),
        ("aid", "Paired reading: {}."),
        ("wash-out", "Wash-out between sessions: {}."),
        ("order", "Each reader had {}."),
        ("blinding", "Blinding: {}."),
        ("training", "Training before the study: {}."),
        ("time limit", "Time limit: {}."),
        ("repeats", "{}."),
        ("changes of answers", "{}."),
    ):
        if facts.get(name):
            text = said.format(facts[name].rstrip("."))
            parts.append(text[:1].upper() + text[1:])
    if facts.get("read from"):
        parts.append(f"Readings took place from {facts['read from']} to {facts['read until']}.")
    answered = sum(one.answered for one in own.readings)
    missing = len(own.readings) - answered
    parts.append(
        f"{len(own.readings)} answers were asked for and {answered} given"
        + ("; none is missing." if not missing else f"; {missing} are missing and were not filled in.")
    )
    return " ".join(parts)


def _tests(analysis: Analysis) -> str:
    said = list(dict.fromkeys(line for section in analysis.sections for line in section.methods))
    kept, plan = analysis.kept, analysis.plan
    if kept is not None and kept.before:
        head = (
            f"The analysis was planned before the blind was opened (plan kept on {kept.at[:10]}, "
            f"SHA-256 {kept.checksum[:12]})."
        )
        if plan.primary is not None:
            head += f" The primary analysis is {plan.primary.analysis.replace('-', ' ')} of {plan.primary.question}."
    elif analysis.planned:
        head = "The analysis followed a plan that was given with it; nothing here can say when that was made."
    else:
        known = "kept before the blind was opened" if analysis.readings.facts else "given"
        head = f"No plan was {known}: every analysis is exploratory."
    tail = (
        "Tests are two-sided at a level of 5 %, intervals are 95 % intervals; p values of different "
        "questions are not corrected for each other."
    )
    return " ".join((head, *said, tail))


def software(analysis: Analysis) -> str:
    """What computed it, with versions."""
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return (
        f"Computed with napari-medgen {__version__} (Python {platform.python_version()}, {', '.join(found)}); "
        "multi-reader multi-case analysis, agreement and mixed models are its own implementations, whose results were "
        "compared with MRMCaov, RJafroc, iMRMC, pROC, irr, psych and ordinal (docs, Statistics). Source: "
        f"{analysis.readings.source}."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
