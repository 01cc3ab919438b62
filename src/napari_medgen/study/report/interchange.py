"""Readings for other programs: a tidy table with its dictionary, iMRMC, MRMCaov, and a folder in the manner of BIDS."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from napari_medgen import __version__
from napari_medgen.running.writing import harmless
from napari_medgen.study.analysis.readings import Grid, Item, Reading, Readings, grid
from napari_medgen.study.report.bare_names import distinct

TIDY = {
    "reader": "code of the reader",
    "case": "name of the case",
    "patient": "patient of the case; empty where each case is another's",
    "condition": "what is compared: arm, alone or aided, modality; empty for none",
    "question": "name of the question",
    "repeat": "0 for the first showing, 1 and more for repeats",
    "status": "answered, or why there is no answer",
    "answer": "yes or no, the option's words, or the number",
    "value": "1 and 0 for yes and no, the option's number from 1, or the number",
    "confidence": "how sure, from 1; empty where it was not asked",
    "truth": "the right answer, coded as value; empty where it is not known",
    "seconds": "how long the case was seen until then, pauses not counted",
    "time_over": "1 where the time limit ended the case",
}


def tidy(readings: Readings) -> bytes:
    """``readings.csv``: one row an answer, or a missing one."""
    items = {item.id: item for item in readings.items}
    rows = [
        {
            "reader": one.reader,
            "case": one.case,
            "patient": readings.patients.get(one.case, ""),
            "condition": readings.label(one.condition),
            "question": one.item,
            "repeat": one.repeat,
            "status": one.status,
            "answer": _words(items[one.item], one),
            "value": _number(one.value),
            "confidence": _number(one.confidence),
            "truth": _number(readings.truth.get((one.case, one.item), math.nan)),
            "seconds": _number(one.seconds),
            "time_over": int(one.cut),
        }
        for one in readings.readings
    ]
    return _written(list(TIDY), rows)


def dictionary() -> bytes:
    """``dictionary.csv``: what each column of the tidy table means."""
    return _written(["column", "meaning"], [{"column": name, "meaning": what} for name, what in TIDY.items()])


def _rated(readings: Readings, item: str) -> Grid | None:
    one = readings.item(item)
    if one.kind not in ("yes_no", "score") or not readings.has_truth(item):
        return None
    return grid(readings, item).with_truth()


def imrmc(readings: Readings, item: str) -> bytes | None:
    """A file for iMRMC (Java and R); None where no right answer is known, or answers are no score."""
    table = _rated(readings, item)
    if table is None:
        return None
    labels = [readings.label(one) or "all" for one in table.conditions]
    modalities, readers, named = distinct(labels), distinct(table.readers), distinct(table.cases)
    key = [f"{bare} is {name}" for names in (modalities, readers, named) for name, bare in names.items() if bare != name]
    conditions = [modalities[one] for one in labels]
    lines = [
        " ".join(f"{readings.title}: {item}".split()),
        f"made by napari-medgen {__version__}; scores of a yes or no are its confidence, below zero for no",
        *(" ".join(line.split()) for line in key),
        f"N0: {int((table.truth == 0).sum())}",
        f"N1: {int((table.truth == 1).sum())}",
        f"NR: {len(table.readers)}",
        f"NM: {len(conditions)}",
        "",
        "BEGIN DATA:",
    ]
    cases = [named[case] for case in table.cases]
    lines += [f"truth,{case},truth,{int(one)}" for case, one in zip(cases, table.truth, strict=True)]
    scores = table.scores
    for t, condition in enumerate(conditions):
        for r, reader in enumerate(table.readers):
            lines += [
                f"{readers[reader]},{cases[c]},{condition},{scores[t, r, c]:.10g}"
                for c in np.flatnonzero(np.isfinite(scores[t, r]))
            ]
    return ("\n".join(lines) + "\n").encode()


def mrmcaov(readings: Readings, item: str) -> bytes | None:
    """A long table for MRMCaov's ``mrmc()``: reader, treatment, case, truth, rating; None as :func:`imrmc`."""
    table = _rated(readings, item)
    if table is None:
        return None
    scores = table.scores
    rows = [
        {
            "reader": table.readers[r],
            "treatment": readings.label(table.conditions[t]) or "all",
            "case": table.cases[c],
            "truth": int(table.truth[c]),
            "rating": f"{scores[t, r, c]:.10g}",
        }
        for t, r, c in np.argwhere(np.isfinite(scores))
    ]
    return _written(["reader", "treatment", "case", "truth", "rating"], rows)


def bids(readings: Readings) -> dict[str, bytes]:
    """Files in the manner of BIDS: a description, participants, readings as TSV with a sidecar. The "
    "cases' images are not in it.
    """
    bare = distinct(readings.readers)
    description = {
        "Name": readings.title,
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "napari-medgen", "Version": __version__}],
        "SourceDatasets": [{"URL": readings.source}],
    }
    people = [
        {"participant_id": f"sub-{bare[reader]}", "experience_years": readings.experience.get(reader, "n/a")}
        for reader in readings.readers
    ]
    items = {item.id: item for item in readings.items}
    rows = [
        {
            "participant_id": f"sub-{bare[one.reader]}",
            "case": one.case,
            "condition": readings.label(one.condition) or "n/a",
            "question": one.item,
            "repeat": one.repeat,
            "response": _words(items[one.item], one) or "n/a",
            "response_time": _number(one.seconds) or "n/a",
            "confidence": _number(one.confidence) or "n/a",
            "status": one.status,
        }
        for one in readings.readings
    ]
    sidecar = {
        "response": {
            "Description": "What was answered",
            "Levels": {item.id: list(item.options) for item in readings.items if item.options},
        },
        "response_time": {
            "Description": "Seconds that the case was seen until the answer, pauses not counted",
            "Units": "s",
        },
        "confidence": {"Description": TIDY["confidence"]},
        "condition": {"Description": TIDY["condition"]},
        "status": {"Description": TIDY["status"]},
    }
    tables = (
        ("participants", ["participant_id", "experience_years"], people),
        ("phenotype/readings", list(rows[0]) if rows else [], rows),
    )
    out = {f"bids/{name}.tsv": _written(columns, content, "\t") for name, columns, content in tables}
    out["bids/dataset_description.json"] = (json.dumps(description, indent=2) + "\n").encode()
    out["bids/participants.json"] = (
        json.dumps({"experience_years": {"Description": "Years of experience", "Units": "year"}}, indent=2) + "\n"
    ).encode()
    out["bids/phenotype/readings.json"] = (json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n").encode()
    out["bids/README"] = f"Readings of {readings.title}. The images that were read are not in this folder.\n".encode()
    return out


def _words(item: Item, one: Reading) -> str:
    if not math.isfinite(one.value):
        return ""
    if item.kind == "yes_no":
        return "yes" if one.value == 1 else "no"
    if item.options:
        return item.options[int(one.value) - 1]
    return f"{one.value:g}"


def _number(value: float) -> str:
    return f"{value:.10g}" if math.isfinite(value) else ""


def _written(columns: Sequence[str], rows: Iterable[dict[str, Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", delimiter=delimiter)
    writer.writeheader()
    writer.writerows({name: harmless(row.get(name, "")) for name in columns} for row in rows)
    return text.getvalue().encode()
