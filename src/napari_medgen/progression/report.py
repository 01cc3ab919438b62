"""A report on one knee: one HTML file that holds everything, or the files it is made of."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from napari_medgen.errors import ImageError
from napari_medgen.imaging.naming import plain, unused
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import png_bytes, radiograph_png
from napari_medgen.progression.model import Extrapolator, ProjectedRadiograph
from napari_medgen.progression.plots import draw_futures
from napari_medgen.progression.prediction import Futures
from napari_medgen.running.writing import json_bytes, text_bytes, write_all

_NOTICE = "Not for diagnosis and not for prognosis."
_LIMIT = 0.5  # grey values at which the difference has its full colour


@dataclass(frozen=True, eq=False)
class Outlook:
    """Everything that is known of one knee's future.

    Attributes
    ----------
    extrapolator, projected, futures
        Who said it, of which image, and what.
    """

    extrapolator: Extrapolator
    projected: ProjectedRadiograph
    futures: Futures

    @property
    def surrogate(self) -> str:
        """What the cohort's visits really are; empty for real follow-up."""
        return self.extrapolator.known_cohort.surrogate

    def frame(self, index: int) -> NDArray[np.float32]:
        """A predicted frame (H, W) in [0, 1], as the patient's side shows it."""
        return self.projected.frame.restore(self.futures.frames[index])

    def difference(self, index: int) -> NDArray[np.float32]:
        """Its change from the projected baseline, -1 to 1."""
        return self.projected.frame.restore(self.futures.differences[index])

    def radiograph(self, index: int) -> Radiograph:
        """A predicted frame as an image with the size of the part of the original that it shows."""
        pixels = np.rint(self.frame(index) * 65535).astype(np.uint16)
        image, frame = self.projected.image, self.projected.frame
        edge = (frame.box[2] - frame.box[0]) / frame.resolution
        spacing = (image.spacing[0] * edge, image.spacing[1] * edge) if image.spacing else None
        months = self.futures.months[index]
        made = self.projected.provenance
        made = made.model_copy(update={"operation": f"{made.operation}; predicted after {months:g} months"})
        return Radiograph(
            pixels,
            (0.0, 65535.0),
            spacing=spacing,
            laterality=image.laterality,
            view=image.view,
            name=f"{image.name} after {months:g} months",
            provenance=made,
        )


def describe(outlook: Outlook) -> dict[str, Any]:
    """The numbers, for JSON; nothing in it identifies a patient, but for the cohort's own pseudonyms."""
    projected, futures = outlook.projected, outlook.futures
    cohort, risk = outlook.extrapolator.known_cohort, futures.risk
    return {
        "notice": _NOTICE,
        "surrogate": outlook.surrogate,
        "image": projected.image.origin_name,
        "side": projected.image.laterality,
        "projection": {
            "psnr_db": projected.psnr,
            "perceptual": projected.perceptual,
            "error_larger_than_share_of_cohort": projected.badness,
            "more_unusual_than_share_of_cohort": projected.unusualness,
            "doubts": list(projected.doubts),
        },
        "labels": list(futures.labels),
        "baseline_probabilities": projected.probabilities.tolist(),
        "projected_baseline_probabilities": projected.projected_probabilities.tolist(),
        "months": [
            {
                "months": float(months),
                "probabilities": futures.probabilities[index].tolist(),
                "expected_grade": float(futures.grade.value[index]),
                "risk": float(risk.value[index]),
                "risk_10th_to_90th_of_neighbours": [float(risk.low[index]), float(risk.high[index])],
                "more_unusual_than_share_of_cohort": float(futures.unusualness[index]),
            }
            for index, months in enumerate(futures.months)
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
            for one in futures.extrapolation.neighbours
        ],
        "mode": futures.extrapolation.request.mode,
        "provenance": projected.provenance.model_dump(exclude_none=True),
    }


def export_outlook(outlook: Outlook, folder: Path) -> list[Path]:
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
    stem = plain(f"{outlook.projected.image.name}_{outlook.extrapolator.name}")
    # Two images that are called alike lie beside each other: the numbers are written for every outlook.
    stem = unused(folder, stem, (".json", ".html", "_projection.png"))
    files: dict[Path, bytes] = {}
    for index, months in enumerate(outlook.futures.months):
        name = "projection" if index == 0 else f"month_{months:03.0f}"
        files[folder / f"{stem}_{name}.png"] = radiograph_png(outlook.radiograph(index))
        if index:
            painted = Image.fromarray(paint_difference(outlook.difference(index)))
            files[folder / f"{stem}_{name}_difference.png"] = png_bytes(painted, _text(outlook))
    files[folder / f"{stem}.json"] = json_bytes(describe(outlook))
    files[folder / f"{stem}.html"] = text_bytes(report(outlook))
    return write_all(files, ImageError)


def _text(outlook: Outlook) -> PngImagePlugin.PngInfo:
    """What a picture that is no radiograph says of its origin."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "; ".join([outlook.projected.provenance.summary, outlook.surrogate, _NOTICE]))
    return text


def paint_difference(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A signed difference (H, W) in colour: blue for darker, white for unchanged, red for brighter."""
    share = np.clip(values / _LIMIT, -1, 1)[..., None]
    white, red, blue = (np.array(c, np.float32) for c in ((247, 247, 247), (178, 24, 43), (33, 102, 172)))
    colour = np.where(share >= 0, white + (red - white) * share, white + (blue - white) * -share)
    painted: NDArray[np.uint8] = np.rint(colour).astype(np.uint8)
    return painted


def report(outlook: Outlook, shown: Sequence[float] = (24, 48, 96)) -> str:
    """The report as HTML that needs no other file and no network.

    Parameters
    ----------
    shown
        Months whose frames are in it; the nearest that were computed are taken.
    """
    projected, futures = outlook.projected, outlook.futures
    picks = sorted({int(np.abs(futures.months - month).argmin()) for month in shown} - {0})
    cells = [("baseline", _grey(projected.frame.restore(projected.seen))), ("projected", _grey(outlook.frame(0)))]
    cells += [(f"{futures.months[i]:g} months", _grey(outlook.frame(i))) for i in picks]
    changes = [("", ""), ("", "")]
    changes += [("change", _picture(paint_difference(outlook.difference(i)))) for i in picks]
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"{projected.image.origin_name}: predicted progression"),
        surrogate=f'<p class="warn">{html.escape(outlook.surrogate.capitalize())}.</p>' if outlook.surrogate else "",
        doubts="".join(f'<p class="warn">{html.escape(doubt)}</p>' for doubt in projected.doubts),
        notice=_NOTICE,
        images=_row(cells) + _row(changes),
        error=f"{projected.psnr:.1f} dB PSNR; error larger than {projected.badness:.0%} and latent more unusual than "
        f"{projected.unusualness:.0%} of the cohort's knees",
        plot=_plot(futures),
        risks=_risks(futures, picks),
        neighbours=_neighbours(outlook),
        about=_about(outlook),
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


def _plot(futures: Futures) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    draw_futures(figure, futures)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _risks(futures: Futures, picks: Sequence[int]) -> str:
    risk, grade = futures.risk, futures.grade
    rows = "".join(
        f"<tr><td>{futures.months[i]:g}</td><td>{risk.value[i]:.0%}</td><td>{risk.low[i]:.0%} to {risk.high[i]:.0%}</td>"
        f"<td>{grade.value[i]:.1f}</td></tr>"
        for i in picks
    )
    return (
        "<tr><th>months</th><th>risk of two grades or more</th><th>8 in 10 neighbours between</th><th>mean grade</th></tr>"
        + rows
    )


def _neighbours(outlook: Outlook) -> str:
    visits = outlook.extrapolator.known_cohort.visits
    rows = "".join(
        f"<tr><td>{html.escape(f'{visits[one.row].patient} {visits[one.row].side}')}</td><td>{one.distance:.2f}</td>"
        f"<td>{html.escape(f'{grade_text(visits[one.first].grade)} to {grade_text(visits[one.last].grade)}')}</td>"
        f"<td>{one.months:.0f}</td></tr>"
        for one in outlook.futures.extrapolation.neighbours
    )
    return "<tr><th>knee</th><th>distance</th><th>grades</th><th>months</th></tr>" + rows


def grade_text(grade: int | None) -> str:
    """A grade for a person: ``KL 2``, or ``not graded``."""
    return "not graded" if grade is None else f"KL {grade}"


def _about(outlook: Outlook) -> str:
    card, made = outlook.extrapolator.folder.card, outlook.projected.provenance
    lines = {
        "Model": f"{card.title} ({card.name}), checksum {made.model_checksum}",
        "Trained on": f"{card.data} ({card.licence})" if card.data else "unknown",
        "Limits": card.limits,
        "Grades by": outlook.extrapolator.grader.name,
        "How": f"{made.operation}; {outlook.futures.extrapolation.request.mode}, "
        f"{len(outlook.futures.extrapolation.neighbours)} neighbours",
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
