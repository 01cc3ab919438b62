"""What a projection, a month, the neighbours and a second visit say, in words for the reader."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from napari_medgen.models.catalogue import find_model

if TYPE_CHECKING:
    from napari_medgen.progression.forecast import Forecast
    from napari_medgen.progression.model import ProjectedRadiograph
    from napari_medgen.progression.second_visit import VisitComparison
    from napari_medgen.viewer.future.view import ExtrapolateForm

_DAYS_A_MONTH = 365.25 / 12


def date_after(baseline: datetime.date, months: float) -> datetime.date:
    """The day some months later."""
    return baseline + datetime.timedelta(days=round(months * _DAYS_A_MONTH))


def surrogate_of(forecast: Forecast | None, form: ExtrapolateForm) -> str:
    """What the visits really are that the frames, or else the chosen model, come from; empty for real follow-up."""
    if forecast is not None:
        return forecast.surrogate
    if not form.model or form.cohort:
        return ""
    from napari_medgen.progression.architecture import progression_architecture

    return progression_architecture(find_model(form.model).card).surrogate


def projection_words(found: ProjectedRadiograph) -> str:
    """How well the model understands an image."""
    better = f"better than that of {1 - found.badness:.0%} of the cohort's knees"
    return f"Projection: {found.psnr:.1f} dB, {better}; more unusual than {found.unusualness:.0%} of them."


def month_words(forecast: Forecast, index: int, baseline: datetime.date) -> str:
    """Grade and risk at one of the months; at the first, what the projection changed."""
    prediction = forecast.prediction
    months, risk, grade = prediction.months[index], prediction.risk, prediction.grade.value[index]
    when = f"{date_after(baseline, months):%B %Y}"
    if index == 0:
        return f"Baseline ({when}): mean grade {prediction.baseline_grade:.1f}, its projection {grade:.1f}."
    text = f"{months:g} months ({when}): mean grade {grade:.1f}, risk of two grades or more {risk.value[index]:.0%} "
    text += f"({risk.low[index]:.0%} to {risk.high[index]:.0%})."
    if months > prediction.trusted_months:
        text += " Unlike any knee of the cohort: do not trust it."
    return text


def neighbour_rows(forecast: Forecast) -> list[tuple[str, str, str, str]]:
    """Knee, grades, interval and distance of each neighbour."""
    from napari_medgen.progression.report import grade_text

    visits = forecast.extrapolator.known_cohort.visits
    rows = []
    for one in forecast.prediction.extrapolation.neighbours:
        first, last = visits[one.first], visits[one.last]
        grades = f"{grade_text(first.grade)} to {grade_text(last.grade).removeprefix('KL ')}"
        rows.append((f"{first.patient} {first.side}", grades, f"{one.months:.0f}", f"{one.distance:.2f}"))
    return rows


def comparison_words(found: VisitComparison, labels: tuple[str, ...]) -> str:
    """How a real second visit and the expected one agree."""
    real, expected = (labels[int(one.argmax())] for one in (found.real_probabilities, found.predicted_probabilities))
    nearer = "nearer to" if found.predicted_distance < found.copied_distance else "farther from"
    return (
        f"After {found.months:g} months the real image looks like {real}, the expected one like {expected}. The "
        f"prediction is {nearer} the real image than the projected baseline is (perceptual distance "
        f"{found.predicted_distance:.2f} and {found.copied_distance:.2f})."
    )
