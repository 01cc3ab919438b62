"""The rows of a folder that is worked through: as they come, in a journal at once and in the table now and then."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_medgen.errors import WritingError
from napari_medgen.running.journal import Journal
from napari_medgen.running.writing import harmless, write_whole

Value = str | int | float

FAILURES = "failures.csv"
_GROWN = 1.1  # times as many rows, after which a table is written again: writing stays in proportion to the work


@dataclass(frozen=True)
class Row:
    """What one image gave: columns of the table, and the files of its pictures; or why it gave nothing."""

    values: Mapping[str, Value] = field(default_factory=dict)
    pictures: Sequence[Path] = ()
    failure: str = ""


class Rows:
    """Rows as they come, in the journal at once and in the table now and then.

    Parameters
    ----------
    stamps
        What a row depends on, by the images' names, in the order of the table. Rows of the journal with other stamps,
        without their pictures, or with a failure are made anew.
    """

    def __init__(self, table: Path, stamps: Mapping[str, str], journal: Journal) -> None:
        self._table, self._stamps, self._journal = table, stamps, journal
        self.rows: dict[str, dict[str, Value]] = {}
        self._failures: dict[str, str] = {}
        self._pictures: dict[str, list[str]] = {}
        self._written = 0
        for entry in journal.entries:
            name, pictures = entry.get("file", ""), entry.get("pictures", [])
            there = all((table.parent / picture).is_file() for picture in pictures)
            known = name in stamps and "values" in entry and stamps[name] == entry.get("stamp")
            if known and there and not entry.get("failure"):
                self._take(name, entry["values"], pictures, "")

    def add(self, name: str, row: Row) -> None:
        """Keep what an image gave."""
        pictures = [path.name for path in row.pictures]
        entry = {"file": name, "stamp": self._stamps[name], "values": dict(row.values), "pictures": pictures}
        self._journal.add(entry | {"failure": row.failure})
        self._take(name, row.values, pictures, row.failure)
        if len(self.rows) >= _GROWN * self._written:
            self.write()

    def write(self) -> None:
        """Write the table."""
        if self.rows:
            write_whole(self._table, _csv(self.in_order()), WritingError)
            self._written = len(self.rows)

    def in_order(self) -> list[dict[str, Value]]:
        """Rows in the order of the images."""
        return [self.rows[name] for name in self._stamps if name in self.rows]

    @property
    def failures(self) -> dict[str, str]:
        """Why images gave nothing, in their order, whoever was done first."""
        return {name: self._failures[name] for name in self._stamps if name in self._failures}

    def pictures(self) -> list[Path]:
        """Files in the order of the images."""
        return [self._table.parent / picture for name in self._stamps for picture in self._pictures.get(name, ())]

    def _take(self, name: str, values: Mapping[str, Value], pictures: Sequence[str], failure: str) -> None:
        self.rows[name] = {"file": name, **values} | ({"remark": failure} if failure else {})
        self._pictures[name] = list(pictures)
        if failure:
            self._failures[name] = failure


def write_failures(folder: Path, failures: Mapping[str, str], name: str = FAILURES) -> Path:
    """Write which files could not be used, and why, in a folder.

    Raises
    ------
    WritingError
        If it cannot be written.
    """
    rows = [{"file": file, "remark": why} for file, why in failures.items()]
    return write_whole(folder / name, _csv(rows), WritingError)


def _csv(rows: Sequence[Mapping[str, Value]]) -> bytes:
    columns = [*dict.fromkeys(column for row in rows for column in row if column != "remark"), "remark"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else harmless(value) for key, value in row.items()})
    return text.getvalue().encode("utf-8", "replace")
