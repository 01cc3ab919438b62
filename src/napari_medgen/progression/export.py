"""A forecast as files: pictures with the mark burnt in, the frames as numbers, what they mean, and the report."""

from __future__ import annotations

import datetime
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from napari_medgen.errors import ImageError
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import burnt, png_bytes, radiograph_png
from napari_medgen.imaging.secondary_capture import Picture, capture_series
from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.report import NOTICE, paint_difference, report
from napari_medgen.running.naming import plain, unused
from napari_medgen.running.writing import json_bytes, text_bytes, write_all

_LEAST = 512  # pixels that a saved frame is high at least, so that the words in it can be read


def describe(forecast: Forecast) -> dict[str, Any]:
    """The numbers, for JSON; nothing in it identifies a patient, but for the cohort's own pseudonyms."""
    projected, prediction = forecast.projected, forecast.prediction
    cohort, risk = forecast.extrapolator.known_cohort, prediction.risk
    return {
        "notice": NOTICE,
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


def export_forecast(
    forecast: Forecast, folder: Path, baseline: datetime.date | None = None, *, dicom: bool = False
) -> list[Path]:
    """Write baseline, frames and difference maps (PNG), the frames as numbers (npz), what they mean (JSON) and the report.

    The pictures are enlarged, and say in the picture itself what they are; the numbers are as the model made them:
    ``months`` (T,), ``frames`` and ``changes`` (T, H, W), ``baseline`` (H, W), all float32, grey values in [0, 1].

    Parameters
    ----------
    baseline
        When the image was taken, for the report.
    dicom
        Also a DICOM series, in a folder of its own: the projected baseline and the predicted frames, each with the
        mark burnt in, for a viewer of an archive shows no other.

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
    stem = unused(folder, stem, (".json", ".html", ".npz", "_projection.png", "_dicom"))
    files: dict[Path, bytes] = {folder / f"{stem}_baseline.png": radiograph_png(_large(forecast.baseline_radiograph(), ""))}
    months = forecast.prediction.months
    for index, month in enumerate(months):
        name = "projection" if index == 0 else f"month_{month:03.0f}"
        words = "SYNTHETIC, projected baseline" if index == 0 else f"SYNTHETIC, after {month:g} months"
        files[folder / f"{stem}_{name}.png"] = radiograph_png(_large(forecast.radiograph(index), words))
        if index:
            painted = Image.fromarray(paint_difference(forecast.difference(index)))
            factor = _factor(painted.height)
            painted = painted.resize((painted.width * factor, painted.height * factor), Image.Resampling.BICUBIC)
            marked = Image.fromarray(burnt(np.asarray(painted), f"SYNTHETIC, change after {month:g} months"))
            files[folder / f"{stem}_{name}_difference.png"] = png_bytes(marked, _text(forecast))
    numbers = BytesIO()
    np.savez_compressed(
        numbers,
        months=months.astype(np.float32),
        frames=np.stack([forecast.frame(index) for index in range(len(months))]),
        changes=np.stack([forecast.difference(index) for index in range(len(months))]),
        baseline=forecast.projected.frame.restore(forecast.projected.seen),
    )
    files[folder / f"{stem}.npz"] = numbers.getvalue()
    files[folder / f"{stem}.json"] = json_bytes(describe(forecast))
    if dicom:
        for number, content in enumerate(_series(forecast), 1):
            files[folder / f"{stem}_dicom" / f"IM{number:05d}.dcm"] = content
    files[folder / f"{stem}.html"] = text_bytes(report(forecast, baseline=baseline))
    return write_all(files, ImageError)


def _series(forecast: Forecast) -> list[bytes]:
    """The predicted frames as secondary captures of one series."""
    pictures = []
    for index, month in enumerate(forecast.prediction.months):
        words = "projected baseline" if index == 0 else f"predicted after {month:g} months"
        pictures.append(Picture(_large(forecast.radiograph(index), f"SYNTHETIC, {words}"), f"{words}. {NOTICE}"))
    return capture_series(pictures, "predicted knee")


def _factor(height: int) -> int:
    return max(-(-_LEAST // height), 1)


def _large(image: Radiograph, words: str) -> Radiograph:
    """An image enlarged by a whole number, with words burnt into it; nothing is burnt in for no words."""
    factor = _factor(image.shape[0])
    rows, columns = image.shape
    grey = Image.fromarray(image.pixels.astype(np.float32)).resize(
        (columns * factor, rows * factor), Image.Resampling.BICUBIC
    )
    pixels = np.rint(np.clip(np.asarray(grey), *image.window)).astype(image.pixels.dtype)
    spacing = (image.spacing[0] / factor, image.spacing[1] / factor) if image.spacing else None
    return replace(image, pixels=burnt(pixels, words, image.window) if words else pixels, spacing=spacing)


def _text(forecast: Forecast) -> PngImagePlugin.PngInfo:
    """What a picture that is no radiograph says of its origin."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "; ".join([forecast.projected.provenance.summary, forecast.surrogate, NOTICE]))
    return text
