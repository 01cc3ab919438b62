"""The same work on every image of a folder: one table with a row an image, written after each of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_medgen.errors import MedGenError, WritingError
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.writing import write_whole

Value = str | int | float


@dataclass(frozen=True)
class FolderReport:
    """What came of a folder.

    Attributes
    ----------
    table
        The CSV file.
    rows
        What stands in it, an image each; ``remark`` says why there is nothing else, or what speaks against it.
    failed
        Images of which there is nothing but a remark.
    pictures
        Files that were written beside the table.
    """

    table: Path
    rows: list[dict[str, Value]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """For a person."""
        done = len(self.rows) - len(self.failed)
        text = f"{done} of {len(self.rows)} images"
        return text + (f"; {len(self.failed)} could not be used, and the table says why" if self.failed else "")


@dataclass(frozen=True)
class Row:
    """What one image gave: columns of the table, and the files of its pictures."""

    values: Mapping[str, Value]
    pictures: Sequence[Path] = ()


def work_through(files: Sequence[Path], table: Path, work: Callable[[Path], Steps[Row]]) -> Steps[FolderReport]:
    """Do a piece of work on each of many files.

    An image that cannot be used is a row with its sentence, and ends nothing. The table is written after each image, so that
    whoever ends the work keeps what was done.

    Parameters
    ----------
    table
        The CSV file to write; its first column, ``file``, is the file's name, the last, ``remark``, what is to be said.
    work
        What is done with a file; its own progress is not shown.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    WritingError
        If the table or a picture cannot be written for want of room or rights.
    """
    report = FolderReport(table)
    for number, file in enumerate(files):
        yield Progress(number, len(files), file.name)
        row: dict[str, Value] = {"file": file.name}
        try:
            steps = work(file)
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    made: Row = stop.value
                    break
                yield Progress(number, len(files), file.name)
            row |= made.values
            report.pictures.extend(made.pictures)
        except WritingError:
            raise
        except MedGenError as error:
            row["remark"] = str(error)
            report.failed.append(file.name)
        except Exception as error:  # of a thousand images, one that nobody foresaw must not end the others
            row["remark"] = f"Something unexpected went wrong: {error}"
            report.failed.append(file.name)
        report.rows.append(row)
        write_whole(table, _csv(report.rows), WritingError)
    yield Progress(len(files), len(files), "Done")
    return report


FAILURES = "failures.csv"


def write_failures(folder: Path, failures: Mapping[str, str]) -> Path:
    """Write which files could not be used, and why: ``failures.csv`` in a folder.

    Raises
    ------
    WritingError
        If it cannot be written.
    """
    rows = [{"file": file, "remark": why} for file, why in failures.items()]
    return write_whole(folder / FAILURES, _csv(rows), WritingError)


def _csv(rows: Sequence[Mapping[str, Value]]) -> bytes:
    columns = [*dict.fromkeys(column for row in rows for column in row if column != "remark"), "remark"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    return text.getvalue().encode("utf-8", "replace")


def _plain(value: Value) -> Value:
    """A value that no spreadsheet takes for a formula, whatever a file is called."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
