"""Who progressed fast: the truth that a risk is measured by, and that the supervised baseline learns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort.visits import Visit
from napari_medgen.progression.risk import FAST
from napari_medgen.running.writing import harmless, write_whole

LABEL = "fast progression"
_HIGHEST = 4


@dataclass(frozen=True)
class Outcome:
    """A knee at its first visit and at its last.

    Attributes
    ----------
    baseline, followup
        The two visits, both graded.
    """

    baseline: Visit
    followup: Visit

    @property
    def months(self) -> float:
        """Time between the two."""
        return self.followup.months - self.baseline.months

    @property
    def rise(self) -> int:
        """Grades between the two."""
        return (self.followup.grade or 0) - (self.baseline.grade or 0)

    @property
    def fast(self) -> bool:
        """Two grades or more (Han 2022)."""
        return self.rise >= FAST

    @property
    def eligible(self) -> bool:
        """Whether the baseline leaves room for two grades more."""
        return (self.baseline.grade or 0) <= _HIGHEST - FAST


def outcomes(visits: Sequence[Visit]) -> list[Outcome]:
    """First and last graded visit of every trajectory that has two at different times."""
    trajectories: dict[str, list[Visit]] = {}
    for visit in visits:
        if visit.grade is not None:
            trajectories.setdefault(f"{visit.split} {visit.trajectory}", []).append(visit)
    found = []
    for own in trajectories.values():
        first, last = min(own, key=lambda v: v.months), max(own, key=lambda v: v.months)
        if last.months > first.months:
            found.append(Outcome(first, last))
    return found


def write_labels(visits: Sequence[Visit], path: Path) -> int:
    """Write the table from which a supervised classifier of fast progression is trained; the number of its rows.

    One row for each eligible baseline image: ``image``, ``fold`` (train, test) and 0 or 1.

    Raises
    ------
    CohortError
        If no trajectory is eligible.
    """
    rows = [outcome for outcome in outcomes(visits) if outcome.eligible]
    if not rows:
        raise CohortError("No knee has two graded visits, the first of which leaves room for two grades more.")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["image", "fold", LABEL])
    for outcome in rows:
        fold = "train" if outcome.baseline.split == "train" else "test"
        writer.writerow([harmless(outcome.baseline.image), fold, int(outcome.fast)])
    write_whole(path, text.getvalue().encode())
    return len(rows)
