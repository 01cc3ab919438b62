"""A table of knees that are to be extrapolated: which image shows whose knee, and of which side."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import CohortError
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.progression.cohort.visits import parse_side


@dataclass(frozen=True)
class Knee:
    """What a table says of an image: the side, and the patient, whose own visits are left out where the cohort has them."""

    side: Laterality = ""
    patient: str = ""


def knees_of_table(table: Path) -> dict[Path, Knee]:
    """Images that a CSV table lists: ``image``, relative to the table's folder, and perhaps ``side`` and ``patient``.

    Raises
    ------
    CohortError
        If it cannot be read, has no such column, lists no image or one twice, or names a side that is none.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CohortError(f"{table.name} cannot be read as a CSV table: {error}.") from None
    if not rows or "image" not in rows[0]:
        raise CohortError(f"{table.name} needs a column image with the files' names, and a row for each.")
    found: dict[Path, Knee] = {}
    for number, row in enumerate(rows, 2):
        where, said = f"{table.name}, line {number}", (row.get("side") or "").strip()
        name = (row["image"] or "").strip()
        if not name:
            raise CohortError(f"{where}: no image is named.")
        path = (table.parent / name).resolve()
        if path in found:
            raise CohortError(f"{where}: {path.name} stands there twice.")
        found[path] = Knee(parse_side(said, where) if said else "", (row.get("patient") or "").strip())
    return found
