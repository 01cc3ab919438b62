"""The table of a cohort: a row a visit, and what a table from elsewhere must not hold."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError
from napari_medgen.progression.architecture import COHORT_TABLE
from napari_medgen.progression.cohort.visits import Visit, parse_side
from napari_medgen.validity import finite

if TYPE_CHECKING:
    import pyarrow as pa


_SPLITS, _HIGHEST_GRADE, _LATEST_MONTH, LONGEST_TEXT = ("", "train", "val", "test"), 4, 1500.0, 1000
TEXTS = ("patient", "side", "image", "split", "trajectory")
COLUMNS = (*TEXTS, "date", "grade", "months", "error")


def table_of(visits: Sequence[Visit], errors: NDArray[np.floating]) -> pa.Table:
    """Visits as a table: one row each, in order."""
    import pyarrow as pa

    return pa.table(
        {
            "patient": pa.array([v.patient for v in visits], pa.string()),
            "date": pa.array([v.date for v in visits], pa.date32()),
            "side": pa.array([v.side for v in visits], pa.string()),
            "grade": pa.array([v.grade for v in visits], pa.int8()),
            "image": pa.array([v.image for v in visits], pa.string()),
            "split": pa.array([v.split for v in visits], pa.string()),
            "trajectory": pa.array([v.trajectory for v in visits], pa.string()),
            "months": pa.array([v.months for v in visits], pa.float32()),
            "error": pa.array(np.asarray(errors, np.float32)),
        }
    )


def visits_in(table: pa.Table) -> tuple[tuple[Visit, ...], NDArray[np.float32]]:
    """Visits and errors that :func:`table_of` put into a table.

    Raises
    ------
    CohortError
        If a column is missing, or an entry is of the wrong kind, no finite number or out of range.
    """
    try:
        rows = table.to_pylist()
        visits = tuple(_visit(row, line) for line, row in enumerate(rows, 1))
        errors = np.array([row["error"] for row in rows], np.float32)
    except KeyError as error:
        raise CohortError(f"The cohort's table has no column {error.args[0]}.") from None
    except (TypeError, ValueError, OverflowError):
        raise CohortError("The cohort's table holds errors of projections that are no numbers.") from None
    if not np.isfinite(errors).all() or (errors < 0).any():
        raise CohortError("The cohort's table holds errors of projections that are no numbers.")
    return visits, errors


def _visit(row: dict[str, Any], line: int) -> Visit:
    """A row of a cohort's table, which may have come from anywhere.

    Raises
    ------
    CohortError
        If an entry is not what :func:`table_of` writes; the message names column and line.
    """

    def refuse(column: str) -> CohortError:
        return CohortError(f"The cohort's table says in line {line} of {column} what cannot be.")

    for column in ("patient", "trajectory", "image", "split"):
        if not isinstance(row[column], str) or len(row[column]) > LONGEST_TEXT or not row[column].isprintable():
            raise refuse(column)
    if not row["patient"] or not row["trajectory"] or row["split"] not in _SPLITS:
        raise refuse("patient, trajectory or split")
    months, grade, side = finite(row["months"]), row["grade"], row["side"]
    if months is None or not 0 <= months <= _LATEST_MONTH:
        raise refuse("months")
    if grade is not None and (type(grade) is not int or not 0 <= grade <= _HIGHEST_GRADE):
        raise refuse("grade")
    if side is not None and not isinstance(side, str):
        raise refuse("side")
    image = PurePosixPath(row["image"].replace("\\", "/"))
    if image.is_absolute() or ".." in image.parts or ":" in row["image"]:
        raise refuse("image")  # it lies in the cohort's own folder
    return Visit(
        patient=row["patient"],
        side=parse_side(side, COHORT_TABLE) if side else "",
        trajectory=row["trajectory"],
        months=months,
        date=row["date"] if isinstance(row["date"], datetime.date) else None,
        grade=grade,
        image=row["image"],
        split=row["split"],
    )


def require_kinds(schema: pa.Schema) -> None:
    """Refuse columns of other kinds: only texts are bounded in their length, numbers and dates by themselves.

    Raises
    ------
    CohortError
        The message names the column.
    """
    from pyarrow import types

    def is_text(kind: pa.DataType) -> bool:
        inner = kind.value_type if types.is_dictionary(kind) else kind
        return bool(types.is_string(inner) or types.is_large_string(inner) or types.is_null(inner))

    def is_number(kind: pa.DataType) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind))

    for name in set(COLUMNS) & set(schema.names):
        kind = schema.field(name).type
        fits = is_text(kind) if name in TEXTS else types.is_temporal(kind) or types.is_null(kind)
        if not (fits if name in (*TEXTS, "date") else is_number(kind)):
            raise CohortError(f"The cohort's table holds {kind} in the column {name}, which cannot be.")


def distinct(table: pa.Table, name: str) -> list[Any]:
    """Different values of a column; none where it is missing."""
    return table[name].unique().to_pylist() if name in table.column_names else []
