"""A report on one knee: one HTML file that holds everything."""

from __future__ import annotations

import base64
import datetime
import html
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.plots import draw_prediction
from napari_medgen.progression.prediction import Prediction
from napari_medgen.running.figures import DRAWING

NOTICE = "Not for diagnosis and not for prognosis."
SHOWN = (12.0, 24.0, 48.0, 96.0)  # months that studies report
_NEAR = 6.0  # months by which a picture may miss one of them
_WIDE = 260  # points that a picture is wide: 69 mm on paper
_ON_FIRST, _ON_NEXT, _FEW = 2, 3, 9  # rows of pictures on a page, and months whose table fits below the plot
_APART = 'style="page-break-before: always"'
_LIMIT = 0.5  # grey values at which the difference has its full colour


def paint_difference(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A signed difference (H, W) in colour: blue for darker, white for unchanged, red for brighter."""
    share = np.clip(values / _LIMIT, -1, 1)[..., None]
    white, red, blue = (np.array(c, np.float32) for c in ((247, 247, 247), (178, 24, 43), (33, 102, 172)))
    colour = np.where(share >= 0, white + (red - white) * share, white + (blue - white) * -share)
    painted: NDArray[np.uint8] = np.rint(colour).astype(np.uint8)
    return painted


def report(forecast: Forecast, shown: Sequence[float] = SHOWN, baseline: datetime.date | None = None) -> str:
    """The report as HTML that needs no other file and no network.

    Parameters
    ----------
    shown
        Months whose frames are in it, and the last one that was asked for; those that were not computed are left out. The
        table holds every month that was asked for.
    baseline
        When the image was taken; None where nobody said it.
    """
    projected, prediction = forecast.projected, forecast.prediction
    months = prediction.months
    near = {int(np.abs(months - month).argmin()) for month in shown if month <= months[-1] + _NEAR}
    picks = sorted({*near, len(months) - 1} - {0})
    first = [("baseline", _grey(projected.frame.restore(projected.seen))), ("projected baseline", _grey(forecast.frame(0)))]
    frames = [(f"after {months[i]:g} months", _grey(forecast.frame(i))) for i in picks]
    changes = [(f"change after {months[i]:g} months", _picture(paint_difference(forecast.difference(i)))) for i in picks]
    pairs = [pair for both in zip(frames, changes, strict=True) for pair in both]
    rows = [first, *(pairs[start : start + 2] for start in range(0, len(pairs), 2))]
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"{projected.image.origin_name}: predicted progression"),
        surrogate=f'<p class="warn">{html.escape(warning_of(forecast))}</p>' if forecast.surrogate else "",
        foot=html.escape(" ".join(part for part in (warning_of(forecast), NOTICE) if part)),
        doubts="".join(f'<p class="warn">{html.escape(doubt)}</p>' for doubt in projected.doubts),
        notice=NOTICE,
        knee=_knee(forecast, baseline),
        images=_pages(rows),
        bar=_change_bar(),
        limit=f"{_LIMIT:g}",
        error=f"{projected.psnr:.1f} dB PSNR; error larger than {projected.badness:.0%} and latent more unusual than "
        f"{projected.unusualness:.0%} of the cohort's knees",
        plot=_plot(prediction),
        risks=_risks(prediction),
        apart=_APART if len(prediction.months) > _FEW else "",
        neighbours=_neighbours(forecast),
        about=_about(forecast),
    )


def warning_of(forecast: Forecast) -> str:
    """What a reader must know of the months; empty for real follow-up."""
    text = forecast.surrogate
    return f"{text[:1].upper()}{text[1:]}: months are nominal." if text else ""


def _knee(forecast: Forecast, baseline: datetime.date | None) -> str:
    side = {"L": "left", "R": "right"}.get(forecast.projected.image.laterality, "not known")
    date = "not known" if baseline is None else f"{baseline:%d %B %Y}"
    asked = ", ".join(f"{month:g}" for month in forecast.prediction.months[1:])
    lines = {"Side": side, "Baseline image taken": date, "Months asked for": asked}
    return "".join(f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in lines.items())


def _pages(rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Tables of pictures, each of which fits a page: no picture is parted from its caption."""
    parts = [rows[:_ON_FIRST], *(rows[start : start + _ON_NEXT] for start in range(_ON_FIRST, len(rows), _ON_NEXT))]
    tables = ['<table class="images">' + "".join(_row(row) for row in part) + "</table>" for part in parts if part]
    return f"<p {_APART}></p>".join(tables)


def _row(cells: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<td><img src="{source}" width="{_WIDE}"><br>{html.escape(label)}</td>' for label, source in cells)
    return f"<tr>{items}</tr>"


def _picture(pixels: NDArray[np.uint8]) -> str:
    buffer = BytesIO()
    large = Image.fromarray(pixels)
    factor = max(2 * _WIDE // large.width, 1)
    large.resize((large.width * factor, large.height * factor), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _change_bar() -> str:
    values = np.linspace(-_LIMIT, _LIMIT, 2 * _WIDE, dtype=np.float32)
    return _picture(paint_difference(np.tile(values, (24, 1))))


def _grey(frame: NDArray[np.float32]) -> str:
    return _picture(np.rint(frame.clip(0, 1) * 255).astype(np.uint8))


def _plot(prediction: Prediction) -> str:
    from matplotlib.figure import Figure

    buffer = BytesIO()
    with DRAWING:
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        draw_prediction(figure, prediction)
        figure.savefig(buffer, format="png", dpi=150)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _risks(prediction: Prediction) -> str:
    risk, grade = prediction.risk, prediction.grade
    rows = "".join(
        f"<tr><td>{month:g}</td><td>{risk.value[i]:.0%}</td><td>{risk.low[i]:.0%} to {risk.high[i]:.0%}</td>"
        f"<td>{grade.value[i]:.1f}</td><td>{grade.value[i] - grade.value[0]:+.1f}</td></tr>"
        for i, month in enumerate(prediction.months)
    )
    return (
        "<thead><tr><th>months</th><th>risk of two grades or more</th><th>8 in 10 neighbours between</th><th>mean grade</th>"
        "<th>against the projection</th></tr></thead>" + rows
    )


def _neighbours(forecast: Forecast) -> str:
    visits = forecast.extrapolator.known_cohort.visits
    rows = "".join(
        f"<tr><td>{html.escape(f'{visits[one.row].patient} {visits[one.row].side}')}</td><td>{one.distance:.2f}</td>"
        f"<td>{html.escape(f'{grade_text(visits[one.first].grade)} to {grade_text(visits[one.last].grade)}')}</td>"
        f"<td>{one.months:.0f}</td></tr>"
        for one in forecast.prediction.extrapolation.neighbours
    )
    return "<thead><tr><th>knee</th><th>distance</th><th>grades</th><th>months</th></tr></thead>" + rows


def grade_text(grade: int | None) -> str:
    """A grade for a person: ``KL 2``, or ``not graded``."""
    return "not graded" if grade is None else f"KL {grade}"


def _about(forecast: Forecast) -> str:
    card, made = forecast.extrapolator.folder.card, forecast.projected.provenance
    lines = {
        "Model": f"{card.title} ({card.name}), checksum {made.model_checksum}",
        "Trained on": f"{card.data} ({card.licence})" if card.data else "unknown",
        "Limits": card.limits,
        "Grades by": forecast.extrapolator.grader.name,
        "How": f"{made.operation}; {forecast.prediction.extrapolation.request.mode}, "
        f"{len(forecast.prediction.extrapolation.neighbours)} neighbours",
        "Software": made.software,
    }
    return "".join(f"<tr><th>{name}</th><td>{html.escape(str(text))}</td></tr>" for name, text in lines.items())


# Nothing of the page is fetched and no script runs, whatever a name in it should hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title><style>
body {{ font: 14px sans-serif; color: #222; max-width: 60em; }}
table {{ border-collapse: collapse; margin: 0.5em 0 1em; }}
td, th {{ padding: 0.2em 0.8em 0.2em 0; text-align: left; vertical-align: top; }}
tr, img {{ page-break-inside: avoid; }}
.images td {{ text-align: center; padding: 0.2em; }}
.warn {{ background: #fff3cd; padding: 0.4em 0.8em; }} .notice {{ font-weight: bold; }}
.foot {{ display: none; }}
@media print {{ .foot {{ display: block; position: fixed; bottom: 0; font-size: 9px; }} body {{ margin-bottom: 2em; }} }}
</style></head><body>
<h1>{title}</h1>
<p class="notice">SYNTHETIC images. {notice}</p>
{surrogate}{doubts}
<table>{knee}</table>
<p>Change is counted from the projected baseline: darker by {limit} <img src="{bar}" width="130" height="10"> brighter by
{limit} of the range from black to white.</p>
{images}
<h2 style="page-break-before: always">Grades and risk</h2>
<p>Grades are Kellgren and Lawrence's. Lines begin at the grades of the projection, dots are those of the real image; bands
hold 8 of 10 neighbours' own ways. The risk is that of a rise by two grades or more from the start until that month, from the
grade probabilities of the baseline and of the predicted image. Projection: {error}.</p>
<img src="{plot}" width="600">
<h3 {apart}>Month by month</h3>
<table>{risks}</table>
<h2 style="page-break-before: always">Neighbours</h2>
<p>The knees of the cohort that are most like this one, whose ways are followed.</p>
<table>{neighbours}</table>
<h2>Where this comes from</h2>
<table>{about}</table>
<p class="foot">{foot}</p>
</body></html>
"""
