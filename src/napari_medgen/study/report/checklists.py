"""Items of reporting guidelines that concern a reader study, with what this one can say of each.

CLAIM 2024 (Tejani, Radiol Artif Intell 6:e240300), STARD-AI 2025 (Sounderajah, Nat Med), GRRAS (Kottner 2011, J Clin
Epidemiol 64:96). Items are paraphrased; the published lists decide.
"""

from __future__ import annotations

from collections.abc import Callable

from napari_medgen.study.analysis.analysis import Analysis
from napari_medgen.study.analysis.parts import Table

NOT_RECORDED = "not recorded"
_YOURS = "not recorded; for the authors to say"


def checklists(analysis: Analysis) -> tuple[Table, ...]:
    """One table a guideline."""
    return tuple(
        Table(
            name,
            ("Item", "What is asked", "This study"),
            tuple((number, asked, said(analysis)) for number, asked, said in items),
        )
        for name, items in (("CLAIM 2024", _CLAIM), ("STARD-AI 2025", _STARD), ("GRRAS 2011", _GRRAS))
    )


Said = Callable[[Analysis], str]


def _readers(a: Analysis) -> str:
    own = a.readings
    years = ", ".join(f"{r}: {own.experience[r]:g} years" for r in own.readers if r in own.experience)
    return f"{len(own.readers)} readers; " + (f"experience {years}" if years else f"experience {NOT_RECORDED}")


def _fact(*names: str) -> Said:
    def said(a: Analysis) -> str:
        found = [f"{name}: {a.readings.facts[name]}" for name in names if a.readings.facts.get(name)]
        return "; ".join(found) or NOT_RECORDED

    return said


def _sections(*names: str) -> Said:
    def said(a: Analysis) -> str:
        found = [one.title for one in a.sections if one.analysis in names and one.tables]
        return "see " + "; ".join(dict.fromkeys(found)) if found else NOT_RECORDED

    return said


def _sample(a: Analysis) -> str:
    return f"planned: {a.plan.remarks.strip()}" if a.plan.remarks.strip() else _YOURS


def _methods(a: Analysis) -> str:
    return "see Methods: " + ", ".join(dict.fromkeys(one.analysis.replace("-", " ") for one in a.sections[1:]))


def _counts(a: Analysis) -> str:
    own = a.readings
    repeated = sum(one.repeat > 0 for one in own.readings)
    return f"{len(own.readers)} readers, {len(own.cases)} cases, {repeated} answers to repeated cases"


def _missing(a: Analysis) -> str:
    lost = sum(not one.answered for one in a.readings.readings)
    return f"{lost} of {len(a.readings.readings)} answers are missing, by kind in What was read; none was filled in"


def _instructions(a: Analysis) -> str:
    text = a.readings.facts.get("instructions", "")
    return f"instructions: {text}" if text else NOT_RECORDED


def _yours(_: Analysis) -> str:
    return _YOURS


def _errors(a: Analysis) -> str:
    binary = {item.id for item in a.readings.items if item.kind == "yes_no"}
    wrong = sum(
        1
        for one in a.readings.readings
        if one.answered
        and one.item in binary
        and (truth := a.readings.truth.get((one.case, one.item))) is not None
        and truth != one.value
    )
    return f"{wrong} answers are wrong; readings.csv holds each" if binary and a.readings.truth else NOT_RECORDED


def _independent(a: Analysis) -> str:
    return (
        "each reader had a store of their own and saw nobody's answers" if a.readings.facts.get("protocol") else NOT_RECORDED
    )


_CLAIM: tuple[tuple[str, str, Said], ...] = (
    ("16", "Who annotated: qualification and training", _readers),
    ("17", "How was annotated: procedure, tool and its version", _fact("protocol", "order", "blinding", "training")),
    (
        "18",
        "Variability between and within annotators, and how disagreement was dealt with",
        _sections("agreement", "repeats"),
    ),
    ("21", "Sample size, and how it was determined", _sample),
    ("28", "Metrics of performance", _methods),
    ("29", "Measures of significance and uncertainty", _methods),
    ("38", "Performance with 95 % intervals, ROC curves", _sections("accuracy", "readers-and-cases", "turing")),
    ("39", "Analysis of wrong answers", _errors),
    ("42", "Where the protocol can be found", _fact("protocol")),
    ("43", "Availability of software, models and data", _yours),
)
_STARD: tuple[tuple[str, str, Said], ...] = (
    ("12", "Reference standard", _yours),
    ("13", "Why this reference standard", _yours),
    ("15c", "How the index test was used by its readers", _instructions),
    ("15d", "Expertise of the readers", _readers),
    ("17a", "What readers of the index test knew of patients and truth", _fact("blinding", "aid")),
    ("17b", "What assessors of the reference standard knew of the index test", _yours),
    ("18", "How accuracy was estimated and compared", _methods),
    ("19", "How indeterminate answers were handled", _missing),
    ("20", "How missing data were handled", _missing),
    ("21", "Analyses of variability, planned or exploratory", _sections("agreement", "repeats", "readers-and-cases")),
    ("22", "Intended sample size, and how it was determined", _sample),
)
_GRRAS: tuple[tuple[str, str, Said], ...] = (
    ("6", "How sample sizes were chosen", _sample),
    ("7", "How raters and subjects were sampled", _yours),
    (
        "8",
        "Process of rating: interval between repeats, clinical information, blinding",
        _fact("repeats", "wash-out", "blinding", "time limit"),
    ),
    ("9", "Whether ratings were made independently", _independent),
    ("10", "Statistical analysis", _methods),
    ("11", "Actual number of raters, subjects and replicates", _counts),
    ("12", "Characteristics of raters and subjects", _readers),
    ("13", "Estimates of reliability and agreement with their uncertainty", _sections("agreement", "repeats")),
    ("15", "Detailed results", lambda _: "readings.csv with its dictionary, results.json"),
)
