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
    if found.badness > 0.9:
        first = "Poorly: the model's picture of it is less like it than that of nine knees in ten."
    elif found.badness > 0.5:
        first = "Less well than most knees of the cohort."
    else:
        first = "Better than most knees of the cohort."
    return (
        f"{first} The projection differs by {found.psnr:.1f} dB PSNR (more is closer); {found.badness:.0%} of the cohort's "
        f"knees are projected more closely, and {found.unusualness:.0%} are more ordinary."
    )


def month_words(forecast: Forecast, index: int, baseline: datetime.date | None) -> str:
    """Grade and risk at one of the months, counted from the projection; at the first, what the projection changed.

    A date is said only of real follow-up whose baseline is dated: the months of a surrogate are nominal.
    """
    prediction = forecast.prediction
    months, risk, grade = prediction.months[index], prediction.risk, prediction.grade.value
    if index == 0:
        return (
            f"Start: the image has a Kellgren-Lawrence grade of about {prediction.baseline_grade:.1f}, its projection "
            f"{grade[0]:.1f}. All change is counted from the projection."
        )
    dated = baseline is not None and not forecast.surrogate
    when = f" ({date_after(baseline, months):%B %Y})" if dated and baseline is not None else ""
    text = (
        f"After {months:g} months{when}: grade {grade[index] - grade[0]:+.1f} against the projection ({grade[0]:.1f} to "
        f"{grade[index]:.1f}). Of 100 such knees, about {100 * risk.value[index]:.0f} worsen by two grades or more from the "
        f"start until then ({100 * risk.low[index]:.0f} to {100 * risk.high[index]:.0f} by single neighbours)."
    )
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
        f"Second visit, {found.months:g} months later: the real image looks like {real}, the expected one like {expected}. "
        f"The prediction is {nearer} the real image than the unchanged projection is."
    )


def comparison_details(found: VisitComparison) -> str:
    """The figures behind :func:`comparison_words`."""
    return (
        f"Perceptual distance to the real image, by the classifier's features: {found.predicted_distance:.2f} of the "
        f"prediction, {found.copied_distance:.2f} of the unchanged projection; 0 is the same."
    )
