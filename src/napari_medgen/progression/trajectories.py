"""Extrapolation: the way of similar knees, added to the latent of this one (Han 2022, equation 1).

``published`` does what the official code does after its correction of 2022-08-07: the neighbour may be of the other side,
its way is that from its first to its last visit, and time counts in calendar years. ``strict`` takes the way from the
matched visit on, in days, from the same side unless sides are mirrored into each other. Both leave out the patient's own
visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort.cohort import Cohort

Mode = Literal["strict", "published"]
_LONGEST_RATE = 3.0  # times the median length of the neighbours' rates


_LATEST, _MOST_TIMES = 600.0, 200


@dataclass(frozen=True)
class ExtrapolationRequest:
    """Which neighbours, and when.

    Attributes
    ----------
    months
        Times after the baseline, in rising order.
    neighbours
        How many; 1 is published.
    mode
        ``strict`` or ``published``.
    minimum_months
        Time that a way must have taken. What differs between two images of the same month is noise, and a rate of it
        would be multiplied by a hundred.
    """

    months: tuple[float, ...] = (12.0, 24.0, 48.0, 96.0)
    neighbours: int = 8
    mode: Mode = "strict"
    minimum_months: float = 6.0

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise CohortError(f"At least one neighbour is needed, not {self.neighbours}.")
        if self.mode not in ("strict", "published"):
            raise CohortError(f"An extrapolation is strict or published, not {self.mode}.")
        if not self.months or list(self.months) != sorted(self.months) or not 0 <= self.months[0] <= self.months[-1]:
            raise CohortError("Times are months after the baseline, in rising order.")
        if not self.months[-1] <= _LATEST or len(self.months) > _MOST_TIMES:
            raise CohortError(f"An extrapolation reaches {_LATEST:g} months at most, at {_MOST_TIMES} times at most.")
        if not 0 < self.minimum_months < 1200:
            raise CohortError(f"A way must have taken some time, not {self.minimum_months:g} months.")


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A similar knee and the way it went.

    Attributes
    ----------
    row
        Of the matched visit in the cohort.
    first, last
        Rows of the visits that the way goes from and to.
    distance
        Between the latents brought to length one.
    months
        Time that passed on the way.
    delta
        (w_dim,) difference of the latents.
    """

    row: int
    first: int
    last: int
    distance: float
    months: float
    delta: NDArray[np.float32]

    @property
    def rate(self) -> NDArray[np.float32]:
        """Change of the latent in a month."""
        return self.delta / np.float32(self.months)


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Prediction of one latent.

    Attributes
    ----------
    request
        What was asked.
    baseline
        (w_dim,) latent whose neighbours they are.
    neighbours
        The nearest first; may be fewer than were asked for.
    """

    request: ExtrapolationRequest
    baseline: NDArray[np.float32]
    neighbours: tuple[Neighbour, ...]

    @property
    def mean_rate(self) -> NDArray[np.float32]:
        """Mean over the neighbours of each one's own change in a month.

        A rate that is longer than three times the median one is shortened to that, so that no single neighbour (a
        mistaken date, another patient's image) carries the others away. ``published`` takes the rates as they are.
        """
        rates = np.stack([one.rate for one in self.neighbours])
        if self.request.mode == "strict":
            lengths = np.linalg.norm(rates, axis=1)
            longest = _LONGEST_RATE * float(np.median(lengths))
            rates *= np.minimum(1, longest / np.maximum(lengths, 1e-12))[:, None].astype(np.float32)
        mean: NDArray[np.float32] = rates.mean(0)
        return mean

    def change(self, months: float, neighbour: int | None = None) -> NDArray[np.float32]:
        """What is added to the latent (w_dim,) after some months, on the mean way or on one neighbour's."""
        rate = self.mean_rate if neighbour is None else self.neighbours[neighbour].rate
        return rate * np.float32(months)


def extrapolate(
    w: NDArray[np.floating],
    cohort: Cohort,
    request: ExtrapolationRequest,
    *,
    patient: str = "",
    side: str = "",
    mirrored: bool = True,
) -> Extrapolation:
    """Find neighbours and their ways.

    Parameters
    ----------
    w
        (w_dim,) latent of the baseline.
    patient
        Whose visits are left out.
    side
        "L" or "R"; ``strict`` needs it where sides are not mirrored.
    mirrored
        Whether the model mirrors one side into the other, so that both may be neighbours.

    Raises
    ------
    CohortError
        If no neighbour has a way to go: a later visit at another time.
    """
    w = np.asarray(w, np.float32)
    find = _published_way if request.mode == "published" else _strict_way
    found: list[Neighbour] = []
    used = {cohort.key_of(patient)} if patient else set()
    for row, distance in cohort.index.by_distance(w, request.neighbours):
        visit = cohort.visits[row]
        if visit.patient in used:
            continue
        if request.mode == "strict" and not mirrored and side and visit.side != side:
            continue
        way = find(cohort, row)
        if way is None or way[2] < request.minimum_months:
            continue
        first, last, months = way
        delta = cohort.latents[last] - cohort.latents[first]
        found.append(Neighbour(row, first, last, float(distance), months, delta))
        used.add(visit.patient)
        if len(found) == request.neighbours:
            break
    if not found:
        raise CohortError("No patient of the cohort has two visits at different times that this image could follow.")
    return Extrapolation(request, w, tuple(found))


def _strict_way(cohort: Cohort, row: int) -> tuple[int, int, float] | None:
    """From the matched visit to the trajectory's last, in days; None for a visit that nothing follows."""
    last = cohort.trajectories[cohort.visits[row].trajectory][-1]
    months = cohort.visits[last].months - cohort.visits[row].months
    return (row, last, months) if months > 0 else None


def _published_way(cohort: Cohort, row: int) -> tuple[int, int, float] | None:
    """From the first visit to the last, in calendar years; None where none has passed: the official code divides by it."""
    own = cohort.trajectories[cohort.visits[row].trajectory]
    first, last = own[0], own[-1]
    months = _calendar_months(cohort, first, last)
    return (first, last, months) if months > 0 else None


def _calendar_months(cohort: Cohort, first: int, last: int) -> float:
    a, b = cohort.visits[first], cohort.visits[last]
    if a.date is None or b.date is None:  # a surrogate has months and no dates
        return b.months - a.months
    return 12.0 * (b.date.year - a.date.year)


def walk(
    w: NDArray[np.floating],
    months: Sequence[float],
    cohort: Cohort,
    *,
    patient: str = "",
    side: str = "",
    mirrored: bool = True,
    minimum_months: float = ExtrapolationRequest.minimum_months,
) -> NDArray[np.float32]:
    """Predict several later visits one after the other, with a new neighbour at each (the multi-visit experiment).

    At each visit the neighbour of the latent that has been reached gives the difference to *its* next visit, scaled by the
    time to pass over the time that passed.

    Parameters
    ----------
    months
        Times of the visits after the baseline, in rising order.
    minimum_months
        As in :class:`ExtrapolationRequest`.

    Returns
    -------
    numpy.ndarray
        (len(months), w_dim).

    Raises
    ------
    CohortError
        If the times do not rise, or no visit has a next one.
    """
    if any(later <= earlier for earlier, later in zip([0.0, *months], months, strict=False)):
        raise CohortError("Visits out of order: their times after the baseline must rise.")
    current, passed, reached = np.asarray(w, np.float32), 0.0, []
    for time in months:
        rate = _next_step(current, cohort, patient, side, mirrored, minimum_months)
        current = current + rate * np.float32(time - passed)
        passed = time
        reached.append(current)
    return np.stack(reached)


def _next_step(
    w: NDArray[np.float32], cohort: Cohort, patient: str, side: str, mirrored: bool, minimum: float
) -> NDArray[np.float32]:
    """Change in a month from the nearest visit that has a next one, late enough, to that next one."""
    own_key = cohort.key_of(patient)
    for row, _ in cohort.index.by_distance(w):
        visit = cohort.visits[row]
        if (patient and visit.patient == own_key) or (not mirrored and side and visit.side != side):
            continue
        own = cohort.trajectories[visit.trajectory]
        for later in own[own.index(row) + 1 :]:
            months = cohort.visits[later].months - visit.months
            if months >= minimum:
                change: NDArray[np.float32] = (cohort.latents[later] - cohort.latents[row]) / np.float32(months)
                return change
    raise CohortError("No patient of the cohort has a next visit that this image could follow.")
