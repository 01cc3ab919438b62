"""The checksum of the plan that is kept with a study, for whoever writes down what was known when."""

from __future__ import annotations

from pathlib import Path

from napari_medgen.errors import StudyError
from napari_medgen.validity import parse_json

KEPT = "analysis-plan.json"


def plan_checksum(folder: Path) -> str:
    """SHA-256 of the plan that lies in a study's folder; empty where there is none.

    Raises
    ------
    StudyError
        If what is kept of it cannot be read.
    """
    path = folder / KEPT
    if not path.is_file():
        return ""
    try:
        return str(parse_json(path.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, TypeError, KeyError):
        raise StudyError(f"{KEPT} was changed and cannot be read.") from None
