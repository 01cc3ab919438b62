"""What an analysis says, before it is laid out: sections of sentences, tables and figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_medgen.statistics.bootstrap import Estimate
from napari_medgen.statistics.proportions import Proportion

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Standing = Literal["primary", "planned", "exploratory", "description"]


@dataclass(frozen=True)
class P:
    """A p value."""

    value: float


Cell = str | int | float | Estimate | Proportion | P


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    title, columns, rows
        What stands in it.
    note
        What must be known to read it: methods of intervals, what was left out.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @property
    def shown(self) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Columns and rows in words, without columns that are empty in every row."""
        words = [[said(cell) for cell in row] for row in self.rows]
        kept = [i for i in range(len(self.columns)) if not words or any(row[i] not in ("", "\N{EN DASH}") for row in words)]
        return tuple(self.columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in words)


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes
    ----------
    title, alt
        What it is called, and what it shows, for those who do not see it.
    draw
        Draws it on an empty figure of matplotlib.
    size
        Width and height in inches.
    """

    title: str
    alt: str
    draw: Callable[[Canvas], None]
    size: tuple[float, float] = (7.0, 3.6)


@dataclass(frozen=True)
class Section:
    """One analysis of one question.

    Attributes
    ----------
    analysis, item, title
        Which analysis (its name in a plan), of which question (empty for the study as a whole), and its heading.
    standing
        What the plan says of it.
    sentences, tables, pictures
        What was found.
    problems
        What could not be estimated, and why; what was left out.
    methods
        How it was done, for the methods paragraph.
    """

    analysis: str
    item: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    problems: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    standing: Standing = "exploratory"

    def standing_as(self, standing: Standing) -> Section:
        """It with another standing."""
        return replace(self, standing=standing)


@dataclass
class Draft:
    """A section while it is made."""

    analysis: str
    item: str
    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)

    def done(self) -> Section:
        """The section."""
        return Section(
            self.analysis,
            self.item,
            self.title,
            tuple(self.sentences),
            tuple(self.tables),
            tuple(self.pictures),
            tuple(dict.fromkeys(self.problems)),
            tuple(dict.fromkeys(self.methods)),
        )


def said(cell: Cell) -> str:
    """A cell in words; what cannot be estimated is a dash."""
    if isinstance(cell, P):
        return said_p(cell.value)
    if isinstance(cell, Proportion):
        if not cell.of:
            return "\N{EN DASH}"
        interval = f" ({cell.low:.1%} to {cell.high:.1%})" if math.isfinite(cell.low) else ""
        return f"{cell.value:.1%}{interval}, {cell.count}/{cell.of}"
    if isinstance(cell, Estimate):
        if math.isnan(cell.value):
            return "\N{EN DASH}"
        if not (math.isfinite(cell.low) and math.isfinite(cell.high)):
            return number(cell.value)
        return f"{number(cell.value)} ({number(cell.low)} to {number(cell.high)})"
    return number(cell) if isinstance(cell, float) else str(cell)


def said_p(p: float) -> str:
    """A p value as journals print it."""
    if math.isnan(p):
        return "\N{EN DASH}"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float) -> str:
    """With three decimals, fewer for large numbers; the sign of nothing is none."""
    if math.isnan(value):
        return "\N{EN DASH}"
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def plain(cell: Cell) -> Any:
    """A cell for JSON: numbers as they are, None for those that are none."""
    if isinstance(cell, P):
        return {"p": _finite(cell.value)}
    if isinstance(cell, Proportion):
        shown = {name: _finite(getattr(cell, name)) for name in ("value", "low", "high", "error")}
        return {"count": cell.count, "of": cell.of, **shown, "method": cell.method}
    if isinstance(cell, Estimate):
        return {name: _finite(value) for name, value in cell.as_dict().items()}
    return _finite(cell) if isinstance(cell, float) else cell


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
