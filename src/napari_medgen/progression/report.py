"""A report on one knee: one HTML file that holds everything, or the files it is made of."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from napari_medgen.errors import ImageError
from napari_medgen.imaging.naming import plain, unused
from napari_medgen.imaging.raster import png_bytes, radiograph_png
from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.plots import draw_prediction
from napari_medgen.progression.prediction import Prediction
from napari_medgen.running.figures import DRAWING
from napari_medgen.running.writing import json_bytes, text_bytes, write_all

_NOTICE = "Not for diagnosis and not for prognosis."
_LIMIT = 0.5  # grey values at which the difference has its full colour


def describe(forecast: Forecast) -> dict[str, Any]:
    """The numbers, for JSON; nothing in it identifies a patient, but for the cohort's own pseudonyms."""
    projected, prediction = forecast.projected, forecast.prediction
    cohort, risk = forecast.extrapolator.known_cohort, prediction.risk
    return {
        "notice": _NOTICE,
        "surrogate": forecast.surrogate,
        "image": projected.image.origin_name,
        "side": projected.image.laterality,
        "projection": {
            "psnr_db": projected.psnr,
            "perceptual": projected.perceptual,
            "error_larger_than_share_of_cohort": projected.badness,
            "more_unusual_than_share_of_cohort": projected.unusualness,
            "doubts": list(projected.doubts),
        },
        "labels": list(prediction.labels),
        "baseline_probabilities": projected.probabilities.tolist(),
        "projected_baseline_probabilities": projected.projected_probabilities.tolist(),
        "months": [
            {
                "months": float(months),
                "probabilities": prediction.probabilities[index].tolist(),
                "expected_grade": float(prediction.grade.value[index]),
                "risk": float(risk.value[index]),
                "risk_10th_to_90th_of_neighbours": [float(risk.low[index]), float(risk.high[index])],
                "more_unusual_than_share_of_cohort": float(prediction.unusualness[index]),
            }
            for index, months in enumerate(prediction.months)
        ],
        "neighbours": [
            {
                "patient": cohort.visits[one.row].patient,
                "side": cohort.visits[one.row].side,
                "distance": one.distance,
                "from_grade": cohort.visits[one.first].grade,
                "to_grade": cohort.visits[one.last].grade,
                "months": one.months,
            }
            for one in prediction.extrapolation.neighbours
        ],
        "mode": prediction.extrapolation.request.mode,
        "provenance": projected.provenance.model_dump(exclude_none=True),
    }


def export_forecast(forecast: Forecast, folder: Path) -> list[Path]:
    """Write frames and difference maps (PNG), the numbers (JSON) and the report (HTML).

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ImageError
        If the folder cannot be written.
    """
    stem = plain(f"{forecast.projected.image.name}_{forecast.extrapolator.name}")
    # Two images that are called alike lie beside each other: the numbers are written for every forecast.
    stem = unused(folder, stem, (".json", ".html", "_projection.png"))
    files: dict[Path, bytes] = {}
    for index, months in enumerate(forecast.prediction.months):
        name = "projection" if index == 0 else f"month_{months:03.0f}"
        files[folder / f"{stem}_{name}.png"] = radiograph_png(forecast.radiograph(index))
        if index:
            painted = Image.fromarray(paint_difference(forecast.difference(index)))
            files[folder / f"{stem}_{name}_difference.png"] = png_bytes(painted, _text(forecast))
    files[folder / f"{stem}.json"] = json_bytes(describe(forecast))
    files[folder / f"{stem}.html"] = text_bytes(report(forecast))
    return write_all(files, ImageError)


def _text(forecast: Forecast) -> PngImagePlugin.PngInfo:
    """What a picture that is no radiograph says of its origin."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "; ".join([forecast.projected.provenance.summary, forecast.surrogate, _NOTICE]))
    return text


def paint_difference(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A signed difference (H, W) in colour: blue for darker, white for unchanged, red for brighter."""
    share = np.clip(values / _LIMIT, -1, 1)[..., None]
    white, red, blue = (np.array(c, np.float32) for c in ((247, 247, 247), (178, 24, 43), (33, 102, 172)))
    colour = np.where(share >= 0, white + (red - white) * share, white + (blue - white) * -share)
    painted: NDArray[np.uint8] = np.rint(colour).astype(np.uint8)
    return painted


def report(forecast: Forecast, shown: Sequence[float] = (24, 48, 96)) -> str:
    """The report as HTML that needs no other file and no network.

    Parameters
    ----------
    shown
        Months whose frames are in it; the nearest that were computed are taken.
    """
    projected, prediction = forecast.projected, forecast.prediction
    picks = sorted({int(np.abs(prediction.months - month).argmin()) for month in shown} - {0})
    cells = [("baseline", _grey(projected.frame.restore(projected.seen))), ("projected", _grey(forecast.frame(0)))]
    cells += [(f"{prediction.months[i]:g} months", _grey(forecast.frame(i))) for i in picks]
    changes = [("", ""), ("", "")]
    changes += [("change", _picture(paint_difference(forecast.difference(i)))) for i in picks]
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"{projected.image.origin_name}: predicted progression"),
        surrogate=f'<p class="warn">{html.escape(forecast.surrogate.capitalize())}.</p>' if forecast.surrogate else "",
        doubts="".join(f'<p class="warn">{html.escape(doubt)}</p>' for doubt in projected.doubts),
        notice=_NOTICE,
        images=_row(cells) + _row(changes),
        error=f"{projected.psnr:.1f} dB PSNR; error larger than {projected.badness:.0%} and latent more unusual than "
        f"{projected.unusualness:.0%} of the cohort's knees",
        plot=_plot(prediction),
        risks=_risks(prediction, picks),
        neighbours=_neighbours(forecast),
        about=_about(forecast),
    )


def _row(cells: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<td>{f"""<img src="{source}" width="125">""" if source else ""}<br>{html.escape(label)}</td>'
        for label, source in cells
    )
    return f"<tr>{items}</tr>"


def _picture(pixels: NDArray[np.uint8]) -> str:
    buffer = BytesIO()
    large = Image.fromarray(pixels)
    large.resize((large.width * 2, large.height * 2), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


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


def _risks(prediction: Prediction, picks: Sequence[int]) -> str:
    risk, grade = prediction.risk, prediction.grade
    rows = "".join(
        f"<tr><td>{prediction.months[i]:g}</td><td>{risk.value[i]:.0%}</td><td>{risk.low[i]:.0%} to {risk.high[i]:.0%}</td>"
        f"<td>{grade.value[i]:.1f}</td></tr>"
        for i in picks
    )
    return (
        "<tr><th>months</th><th>risk of two grades or more</th><th>8 in 10 neighbours between</th><th>mean grade</th></tr>"
        + rows
    )


def _neighbours(forecast: Forecast) -> str:
    visits = forecast.extrapolator.known_cohort.visits
    rows = "".join(
        f"<tr><td>{html.escape(f'{visits[one.row].patient} {visits[one.row].side}')}</td><td>{one.distance:.2f}</td>"
        f"<td>{html.escape(f'{grade_text(visits[one.first].grade)} to {grade_text(visits[one.last].grade)}')}</td>"
        f"<td>{one.months:.0f}</td></tr>"
        for one in forecast.prediction.extrapolation.neighbours
    )
    return "<tr><th>knee</th><th>distance</th><th>grades</th><th>months</th></tr>" + rows


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
.images td {{ text-align: center; padding: 0.2em; }}
.warn {{ background: #fff3cd; padding: 0.4em 0.8em; }} .notice {{ font-weight: bold; }}
</style></head><body>
<h1>{title}</h1>
<p class="notice">SYNTHETIC images. {notice}</p>
{surrogate}{doubts}
<table class="images">{images}</table>
<p>Projection: {error}. Change: red is brighter, blue is darker than the projected baseline.</p>
<h2>Grades and risk</h2>
<img src="{plot}" width="600">
<p>Bands hold 8 of 10 neighbours' own ways; dots are the real image's grades, lines begin at those of its projection. The
risk is that of a rise by two grades or more, from the grade probabilities of the baseline and of the predicted image.</p>
<table>{risks}</table>
<h2>Neighbours</h2>
<table>{neighbours}</table>
<h2>Where this comes from</h2>
<table>{about}</table>
</body></html>
"""
