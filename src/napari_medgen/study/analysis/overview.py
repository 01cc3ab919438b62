"""What there is to analyse: readers, cases, answers, and every answer that is missing, by kind."""

from __future__ import annotations

from napari_medgen.study.analysis.parts import Cell, Draft, Section, Table
from napari_medgen.study.analysis.readings import MISSING, Readings


def overview(readings: Readings) -> Section:
    """The section."""
    out = Draft("overview", "", "What was read")
    answered = sum(one.answered for one in readings.readings)
    cases = len(readings.cases)
    out.sentences.append(
        f"{len(readings.readers)} reader{'s' if len(readings.readers) != 1 else ''}, {cases} "
        f"case{'s' if cases != 1 else ''}, {len(readings.readings)} answers asked for, {answered} given, "
        f"{len(readings.readings) - answered} missing."
    )
    kinds = [kind for kind in MISSING if any(one.status == kind for one in readings.readings)]
    rows: list[tuple[Cell, ...]] = []
    for item in readings.items:
        own = readings.of(item.id)
        if not own:
            continue
        missing = readings.missing(item.id)
        known = sum(name == item.id for _, name in readings.truth)
        given = sum(one.answered for one in own)
        if item.kind in ("yes_no", "score") and not known:
            out.problems.append(f'No right answer to "{item.text}" is known: nothing can be said of accuracy.')
        rows.append((item.text, len(own), given, *(missing.get(kind, 0) for kind in kinds), known or "\N{EN DASH}"))
    out.tables.append(
        Table(
            "Answers by question",
            ("Question", "Asked for", "Given", *(kind.capitalize() for kind in kinds), "Cases with a known right answer"),
            tuple(rows),
            "Repeats are counted. No missing answer is filled in; each analysis says which readers and cases it leaves out.",
        )
    )
    unread = [case for case in readings.cases if not any(one.answered for one in readings.readings if one.case == case)]
    if unread:
        shown = ", ".join(unread[:5]) + (", ..." if len(unread) > 5 else "")
        out.problems.append(f"Nobody read {'case' if len(unread) == 1 else 'cases'} {shown}: left out of every analysis.")
    people: list[tuple[Cell, ...]] = []
    for reader in readings.readers:
        own = tuple(one for one in readings.readings if one.reader == reader)
        years = readings.experience.get(reader)
        people.append(
            (
                reader,
                f"{years:g}" if years is not None else "not recorded",
                len({one.case for one in own if one.answered}),
                sum(one.answered for one in own),
                sum(not one.answered for one in own),
            )
        )
    out.tables.append(
        Table("Readers", ("Reader", "Years of experience", "Cases", "Answers given", "Answers missing"), tuple(people))
    )
    return out.done()
