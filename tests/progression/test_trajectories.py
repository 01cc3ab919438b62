"""Extrapolation on a cohort of three visits whose prediction are known."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort import latent_index
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.visits import in_time
from napari_medgen.progression.trajectories import ExtrapolationRequest, extrapolate, walk
from progression_support import direction, place, three_visit_cohort

MONTHS_48 = (datetime.date(2008, 3, 1) - datetime.date(2004, 3, 1)).days / (365.25 / 12)


def test_one_neighbours_way_is_followed_in_proportion_to_the_time() -> None:
    cohort = three_visit_cohort(rate=0.001)
    found = extrapolate(place(5), cohort, ExtrapolationRequest((24.0,), 1), patient="9005")
    (neighbour,) = found.neighbours
    assert cohort.visits[neighbour.row].patient in ("9004", "9006")
    number = int(cohort.visits[neighbour.row].patient) - 9000
    assert neighbour.months == pytest.approx(MONTHS_48)
    assert np.allclose(found.change(24.0), direction() * 0.001 * (1 + number) * 24, atol=1e-5)
    assert np.allclose(found.change(240.0), 10 * found.change(24.0))


def test_the_own_patient_is_left_out_and_each_patient_counts_once() -> None:
    cohort = three_visit_cohort(rate=0.001)
    with_own = extrapolate(place(5), cohort, ExtrapolationRequest((24.0,), 4))
    assert cohort.visits[with_own.neighbours[0].row].patient == "9005"
    assert with_own.neighbours[0].distance == pytest.approx(0, abs=1e-3)
    without = extrapolate(place(5), cohort, ExtrapolationRequest((24.0,), 4), patient="9005")
    patients = [cohort.visits[one.row].patient for one in without.neighbours]
    assert "9005" not in patients
    assert len(set(patients)) == 4
    assert [one.distance for one in without.neighbours] == sorted(one.distance for one in without.neighbours)


def test_the_mean_way_weighs_each_neighbours_own_rate() -> None:
    """The official code multiplies the running sum by every later ratio (fact sheet, Q3); here each has its own."""
    cohort = three_visit_cohort(rate=0.001)
    visits = list(cohort.visits)
    # One neighbour was seen twice as far apart: the same difference in twice the time is half the rate.
    for row, visit in enumerate(visits):
        if visit.patient == "9004" and visit.date:
            visits[row] = replace(visit, date=datetime.date(2004, 3, 1) + 2 * (visit.date - datetime.date(2004, 3, 1)))
    slower = Cohort(tuple(in_time(visits)), cohort.latents, cohort.errors, {})
    found = extrapolate(place(5), slower, ExtrapolationRequest((12.0,), 2), patient="9005")
    rates = {slower.visits[one.row].patient: one.rate[2] for one in found.neighbours}
    assert rates["9004"] == pytest.approx(0.5 * 0.005, rel=1e-3)
    assert rates["9006"] == pytest.approx(0.007, rel=1e-3)
    assert found.mean_rate[2] == pytest.approx(np.mean(list(rates.values())))


def test_strict_goes_from_the_matched_visit_and_published_from_the_first() -> None:
    cohort = three_visit_cohort(rate=0.02)
    # At knee 9003's second visit.
    w = cohort.latents[[v.patient for v in cohort.visits].index("9003") + 1]
    strict = extrapolate(w, cohort, ExtrapolationRequest((12.0,), 1))
    published = extrapolate(w, cohort, ExtrapolationRequest((12.0,), 1, "published"))
    for found in (strict, published):
        assert cohort.visits[found.neighbours[0].row].patient == "9003"
    assert strict.neighbours[0].months == pytest.approx(MONTHS_48 - 12, abs=0.1)
    assert strict.neighbours[0].first == strict.neighbours[0].row
    assert published.neighbours[0].months == 48.0  # calendar years, not days
    assert cohort.visits[published.neighbours[0].first].months == 0


def test_knees_that_cannot_be_followed_are_passed_over() -> None:
    cohort = three_visit_cohort(rate=0.001)
    visits = list(cohort.visits)
    # Knee 9005 was seen once; 9004 twice within one calendar year.
    once = [v for v in visits if v.patient != "9005" or v.months == 0]
    rows = [row for row, v in enumerate(visits) if v.patient != "9005" or v.months == 0]
    for index, visit in enumerate(once):
        if visit.patient == "9004" and visit.date:
            once[index] = replace(visit, date=datetime.date(2004, 3 + 2 * (visit.date.year - 2004), 1))
    short = Cohort(tuple(in_time(once)), cohort.latents[rows], cohort.errors[rows], {})
    strict = extrapolate(place(5), short, ExtrapolationRequest((12.0,), 3))
    published = extrapolate(place(5), short, ExtrapolationRequest((12.0,), 3, "published"))
    assert "9005" not in [short.visits[one.row].patient for one in strict.neighbours]
    assert "9004" in [short.visits[one.row].patient for one in strict.neighbours]
    assert "9004" not in [short.visits[one.row].patient for one in published.neighbours]


def test_sides_are_kept_apart_where_they_are_not_mirrored() -> None:
    cohort = three_visit_cohort(rate=0.001)
    request = ExtrapolationRequest((12.0,), 2)
    assert extrapolate(place(5), cohort, request, side="R", mirrored=True).neighbours
    with pytest.raises(CohortError, match="No patient of the cohort"):
        extrapolate(place(5), cohort, request, side="R", mirrored=False)
    published = ExtrapolationRequest((12.0,), 2, "published")
    assert extrapolate(place(5), cohort, published, side="R", mirrored=False).neighbours


def test_the_walk_searches_anew_at_each_visit() -> None:
    cohort = three_visit_cohort(rate=0.01)
    reached = walk(place(5), (12.0, 48.0), cohort, patient="9005")
    assert reached.shape == (2, 16)
    # From the first visit of a neighbour to its second, then from the second (which is the nearest now) to its third.
    near = [0.05, 0.07]
    assert any(reached[0][2] == pytest.approx(rate * 12, rel=1e-3) for rate in near)
    assert any(reached[1][2] == pytest.approx(rate * 48, rel=0.3) for rate in near)
    with pytest.raises(CohortError, match="out of order"):
        walk(place(5), (48.0, 12.0), cohort)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"neighbours": 0}, "At least one neighbour"),
        ({"months": (24.0, 12.0)}, "in rising order"),
        ({"months": ()}, "in rising order"),
        ({"mode": "guess"}, "strict or published"),
    ],
)
def test_what_cannot_be_asked_gets_a_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(CohortError, match=sentence):
        ExtrapolationRequest(**values)  # type: ignore[arg-type]


def test_a_retake_of_the_next_day_is_no_way(rng: np.random.Generator) -> None:
    cohort = three_visit_cohort(rate=0.001)
    visits, latents = list(cohort.visits), cohort.latents.copy()
    for row, visit in enumerate(visits):
        if visit.patient == "9004" and visit.date:
            first = visit.date == datetime.date(2004, 3, 1)
            visits[row] = replace(visit, date=datetime.date(2004, 3, 1 if first else 2))
            latents[row] = place(4) + (0 if first else 0.02) * rng.standard_normal(16).astype(np.float32)
    taken = Cohort(tuple(in_time(visits)), latents, cohort.errors, {})
    found = extrapolate(place(4), taken, ExtrapolationRequest((48.0,), 8))
    assert "9004" not in [taken.visits[one.row].patient for one in found.neighbours]
    assert np.linalg.norm(found.change(48.0)) < 1
    with pytest.raises(CohortError, match="must have taken some time"):
        ExtrapolationRequest(minimum_months=0)
    stepped = walk(place(4), (12.0,), taken)
    assert np.linalg.norm(stepped[0] - place(4)) < 1


def test_one_neighbours_rate_does_not_carry_the_others_away() -> None:
    cohort = three_visit_cohort(rate=0.001)
    latents = cohort.latents.copy()
    for row, visit in enumerate(cohort.visits):
        if visit.patient == "9004" and visit.months > 0:
            latents[row] += 50  # another patient's image
    wild = Cohort(cohort.visits, latents, cohort.errors, {})
    strict = extrapolate(place(5), wild, ExtrapolationRequest((48.0,), 8))
    published = extrapolate(place(5), wild, ExtrapolationRequest((48.0,), 8, "published"))
    typical = float(np.median([np.linalg.norm(one.rate) for one in strict.neighbours]))
    assert np.linalg.norm(strict.mean_rate) < 2 * typical
    assert np.linalg.norm(published.mean_rate) > 10 * typical


def test_neighbours_come_in_portions_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_index, "_FIRST_PORTION", 3)
    cohort = three_visit_cohort(rate=0.001)
    found = list(cohort.index.by_distance(place(5)))
    distances = cohort.index.distances(place(5))
    assert [row for row, _ in found] == np.argsort(distances, kind="stable").tolist()
