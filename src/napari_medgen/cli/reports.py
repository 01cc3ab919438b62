"""What an evaluation prints, and what it leaves on the model's card."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from napari_medgen.running.console import warn

if TYPE_CHECKING:
    from napari_medgen.models.card import Figure
    from napari_medgen.models.folder import ModelFolder


_NAMED = 20  # images that could not be used and are named on the screen


def report_figures(
    folder: ModelFolder, report: dict[str, Any], figures: dict[str, Figure], *, write: bool, as_json: bool
) -> None:
    """Print a report as JSON or its figures as a table, and put these on the card if that is wished."""
    if write:
        from napari_medgen.models.folder import write_card

        write_card(folder.path, folder.card.model_copy(update={"figures": figures}))
    if as_json:
        print(json.dumps(without_nan(report), indent=2, allow_nan=False))
        return
    table = Table("figure", "value", "measured on")
    for name, figure in figures.items():
        table.add_row(name, figure.text, figure.note)
    Console().print(table)


def tell_unreadable(unreadable: Mapping[str, str], work: Path | None) -> None:
    """Name files that could not be used; a folder of notes gets the list of all, in the place of an earlier one's."""
    from napari_medgen.running.folder_rows import FAILURES, write_failures

    warn(f"Left out: {name}: {why}" for name, why in list(unreadable.items())[:_NAMED])
    if not unreadable:
        if work:
            (work / FAILURES).unlink(missing_ok=True)
        return
    text = f"{len(unreadable)} could not be used"
    warn([f"{text}: {write_failures(work, unreadable)}" if work else f"{text}; --work DIR lists them in {FAILURES} there."])


def without_nan(content: Any) -> Any:
    """The same content with null in the place of numbers that are none, which JSON does not know."""
    if isinstance(content, dict):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
