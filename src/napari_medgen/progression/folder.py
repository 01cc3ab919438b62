"""Every knee of a folder extrapolated: one table, a picture each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_medgen.errors import UnsuitableError, WritingError, WrongSideError
from napari_medgen.imaging.figure import Bar, FigureOptions, Picture, Sheet, figure_bytes
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Laterality, Radiograph
from napari_medgen.models.kept import Opens
from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.knee_table import Knee
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.report import NOTICE, paint_difference
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.side_check import contradicts
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.running.folder_rows import Row
from napari_medgen.running.folders import FolderJob, FolderReport, Item, work_through
from napari_medgen.running.naming import plain
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.writing import write_whole

TABLE = "extrapolated"
_SIDE_IN_NAME = re.compile(r"(?:^|[^A-Za-z])([LR])$|_(left|right)$", re.IGNORECASE)


@dataclass(frozen=True)
class ExtrapolateWay:
    """How the knees of a folder are extrapolated.

    Attributes
    ----------
    asked
        Months, neighbours and mode.
    projection
        How each image is projected.
    side
        Of the body, for images of which neither a table nor the file says it, nor its name by an L or R at its end.
    anyway
        Whether an image that the model does not understand is extrapolated too, with a remark.
    """

    asked: ExtrapolationRequest
    projection: ProjectionRequest = field(default_factory=ProjectionRequest)
    side: Laterality = ""
    anyway: bool = False


def extrapolate_files(
    opens: Opens[Extrapolator],
    files: Sequence[Path],
    out: Path,
    way: ExtrapolateWay,
    placement: Placement | None = None,
    knees: Mapping[Path, Knee] | None = None,
) -> Steps[FolderReport]:
    """Extrapolate radiographs of knees.

    Parameters
    ----------
    out
        Gets ``extrapolated.csv`` (file, side, grade of the image and of its projection, grade and risk at each month that
        was asked for, how well it was projected, picture, remark) and a picture of each baseline beside its last
        prediction.
    placement
        Where it is done; by default in this process.
    knees
        What is known of the images.

    Yields
    ------
    Progress
        A step an image.

    Raises
    ------
    WritingError
        If the folder cannot be written.
    """
    plan = fingerprint([opens.key, asdict(way)])
    job = FolderJob(TABLE, out, plan, _Extrapolate(opens, out.resolve(), way), placement or Placement())
    return (yield from work_through(files, job, knees))


@dataclass(frozen=True)
class _Extrapolate:
    """Extrapolates an image and writes its picture."""

    opens: Opens[Extrapolator]
    out: Path
    way: ExtrapolateWay

    def __call__(self, item: Item) -> Steps[Row]:
        model, knee = self.opens(), item.about or Knee()
        image = read_radiograph(item.file)
        side = knee.side or image.laterality or side_in_name(item.file.stem) or self.way.side
        image = replace(image, laterality=side)
        yield Progress(0, 1, item.file.name)
        doubts = self._doubts(model, image)
        projected = yield from model.project(image, self.way.projection)
        doubts += projected.doubts
        if doubts and not self.way.anyway:
            raise UnsuitableError(" ".join(doubts))
        forecast = Forecast(model, projected, (yield from model.look_ahead(projected, self.way.asked, knee.patient)))
        content = figure_bytes([forecast_pictures(forecast)], ".png", _about(forecast))
        picture = write_whole(self.out / f"{plain(f'{item.stem}_{model.name}')}.png", content, WritingError)
        return Row(_values(forecast, image, picture, doubts), (picture,))

    def _doubts(self, model: Extrapolator, image: Radiograph) -> list[str]:
        """What speaks against an image before it is projected."""
        model.check(image)
        doubts = list(model.grader.doubts(image))
        if doubts and not self.way.anyway:
            raise UnsuitableError(" ".join(doubts))
        if contradicts(model, image):
            doubts.append("The image contradicts its side.")
            if not self.way.anyway:
                raise WrongSideError(f"{image.name} contradicts its side ({image.laterality}).")
        return doubts


def side_in_name(stem: str) -> Laterality:
    """The side that a file's name ends in (``9001_L``, ``9001R``, ``knee_left``); empty where it does not."""
    found = _SIDE_IN_NAME.search(stem)
    if found is None:
        return ""
    return "L" if (found.group(1) or found.group(2))[0].upper() == "L" else "R"


def forecast_pictures(forecast: Forecast, index: int = -1) -> list[Picture]:
    """Baseline, prediction and change at one of the months, as the cells of a figure."""
    months = forecast.prediction.months
    index %= len(months)
    words = f"after {months[index]:g} months"
    real = forecast.projected.frame.restore(forecast.projected.seen)
    change = forecast.difference(index)
    values = np.linspace(-0.5, 0.5, 255, dtype=np.float32)
    bar = Bar(_rgba(paint_difference(values[None]))[0], (-0.5, 0.5), "change of brightness (1 is from black to white)")
    name = "predicted (surrogate)" if forecast.surrogate else "predicted"
    return [
        _picture(_grey(real), "baseline", ""),
        _picture(_grey(forecast.frame(index)), f"{name}\n{words}", "SYNTHETIC"),
        replace(_picture(_rgba(paint_difference(change)), f"change against the projection\n{words}", "SYNTHETIC"), bar=bar),
    ]


def _picture(colours: np.ndarray, caption: str, mark: str) -> Picture:
    rows, columns = colours.shape[:2]
    box = (0.0, float(columns), float(rows), 0.0)
    return Picture([Sheet(colours, box)], box, caption, mark)


def _grey(frame: np.ndarray) -> np.ndarray:
    return np.dstack([frame, frame, frame, np.ones_like(frame)]).clip(0, 1)


def _rgba(pixels: np.ndarray) -> np.ndarray:
    colours = pixels.astype(np.float32) / 255
    return np.concatenate([colours, np.ones((*colours.shape[:2], 1), np.float32)], -1)


def _about(forecast: Forecast) -> FigureOptions:
    told = {"images": forecast.projected.provenance.summary, "surrogate": forecast.surrogate, "notice": NOTICE}
    return FigureOptions(width=180, dpi=200, about=told)


def _values(forecast: Forecast, image: Radiograph, picture: Path, doubts: Sequence[str]) -> dict[str, str | int | float]:
    prediction, projected = forecast.prediction, forecast.projected
    values: dict[str, str | int | float] = {
        "side": image.laterality,
        "grade of the image": float(prediction.baseline_grade),
        "grade of the projection": float(prediction.grade.value[0]),
    }
    for index, month in enumerate(prediction.months):
        if index:
            values[f"grade after {month:g} months"] = float(prediction.grade.value[index])
            values[f"risk of two grades or more after {month:g} months"] = float(prediction.risk.value[index])
    values |= {
        "projection PSNR (dB)": float(projected.psnr),
        "share of the cohort projected more closely": float(projected.badness),
        "model": forecast.extrapolator.name,
        "surrogate": "yes" if forecast.surrogate else "no",
        "picture": picture.name,
    }
    if remarks := [*image.notes, *doubts]:
        values["remark"] = " ".join(remarks)
    return values
