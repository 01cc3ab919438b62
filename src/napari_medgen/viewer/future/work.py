"""The work behind **Project**, run in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.errors import UnsuitableError, WrongSideError
from napari_medgen.models.catalogue import find_model
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.future.months import ASKED_FOR
from napari_medgen.viewer.work.models import extrapolators

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medgen.imaging.network_view import NetworkView
    from napari_medgen.imaging.provenance import Provenance
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.progression.forecast import Forecast
    from napari_medgen.progression.model import Extrapolator, ProjectedRadiograph
    from napari_medgen.progression.second_visit import VisitComparison
    from napari_medgen.progression.trajectories import Neighbour
    from napari_medgen.progression.visit_image import VisitImage
    from napari_medgen.running.folders import FolderReport
    from napari_medgen.viewer.future.view import ExtrapolateForm


@dataclass(frozen=True, eq=False)
class Look:
    """A projection under way, as the patient's side shows it.

    Attributes
    ----------
    frame
        The part of the image that the networks see.
    baseline
        (H, W) in [0, 1]; the real image.
    projection
        (H, W) in [0, 1]; None while there is none.
    provenance
        Of the projection.
    """

    frame: NetworkView
    baseline: NDArray[np.float32]
    projection: NDArray[np.float32] | None
    provenance: Provenance


def project_image(
    form: ExtrapolateForm, take: Callable[[], Radiograph], *, anyway: bool = False, sure: bool = False
) -> Steps[ProjectedRadiograph]:
    """Load the model, see whether the image is one for it, and project.

    Parameters
    ----------
    take
        Makes the image, which may take a moment.
    anyway
        Whether an image of another kind is projected too.
    sure
        Whether somebody confirmed the side, so that it is not doubted again.

    Yields
    ------
    Progress
        Previews are a :class:`Look`.

    Raises
    ------
    BothSidesError, SideError
        If the image shows both knees, or nobody says which one.
    WrongSideError
        If the image contradicts its side.
    UnsuitableError
        If the classifier was not trained for such an image.
    """
    yield Progress(0, 0, "Loading the model")
    model, image = extrapolators.get((form.model, form.cohort)), take()
    model.check(image)
    if not anyway:
        _doubt(model, image, sure=sure)
    from napari_medgen.progression.frames import frame_of, to_grey

    frame, seen = frame_of(image, model.architecture)
    look = Look(frame, frame.restore(to_grey(seen)[0, 0].numpy()), None, model.provenance(image, form.projection))
    yield Progress(0, form.projection.count, "Projecting", look)
    work = model.project(image, form.projection)
    while True:
        try:
            progress = next(work)
        except StopIteration as stop:
            found: ProjectedRadiograph = stop.value
            return found
        shown = None if progress.preview is None else frame.restore(progress.preview[0, 0].numpy())
        yield replace(progress, preview=replace(look, projection=shown))


def _doubt(model: Extrapolator, image: Radiograph, *, sure: bool) -> None:
    """Refuse an image of another kind, and one that contradicts its side."""
    from napari_medgen.progression.side_check import contradicts, error_rate, other_side

    doubts = model.grader.doubts(image)
    wrong = not sure and contradicts(model, image)
    # A knee that is mirrored wrongly looks like no knee to the classifier; one of another kind does so either way.
    if wrong and not (doubts and model.grader.doubts(other_side(image))):
        said, seen = ("left", "right") if image.laterality == "L" else ("right", "left")
        raise WrongSideError(
            f"Is the side right? To the model this looks like a {seen} knee, not like a {said} one. (This check was wrong "
            f"for {error_rate(model)}.)"
        )
    if doubts:
        raise UnsuitableError(" ".join(doubts))


def load(form: ExtrapolateForm) -> Steps[None]:
    """Load the model that a form names, and what draws plots."""
    yield Progress(0, 0, "Loading the model")
    extrapolators.get((form.model, form.cohort))
    import matplotlib.figure  # noqa: F401 (the first import takes a third of a second)


def look_ahead(asked: ExtrapolateForm, form: ExtrapolateForm, projected: ProjectedRadiograph) -> Steps[Forecast]:
    """Follow the neighbours of a projection.

    Parameters
    ----------
    asked
        What the projection was made with: its model and cohort.
    form
        Which neighbours, and which months.

    Yields
    ------
    Progress
        Previews are frames (T, H, W) as the networks see them, NaN where there is none yet.
    """
    from napari_medgen.progression.forecast import Forecast

    yield Progress(0, 0, "Looking ahead")
    model = extrapolators.get((asked.model, asked.cohort))
    return Forecast(model, projected, (yield from model.look_ahead(projected, form.extrapolation, form.patient)))


def open_visits(forecast: Forecast, neighbour: Neighbour) -> Steps[list[VisitImage]]:
    """Both visits of a neighbour: the real images where they are at hand, else their projections."""
    from napari_medgen.progression.visit_image import visit_image

    pair: list[VisitImage] = []
    yield Progress(0, 2, "Opening the neighbour")
    for row in (neighbour.first, neighbour.last):
        pair.append(visit_image(forecast.extrapolator, row, forecast.projected.frame))
        yield Progress(len(pair), 2, "Opening the neighbour")
    return pair


def compare_later(forecast: Forecast, form: ExtrapolateForm, take: Callable[[], Radiograph]) -> Steps[VisitComparison]:
    """A real later image beside what was expected of it."""
    from napari_medgen.progression.second_visit import compare_visit

    request, months = form.extrapolation, form.second_months
    return compare_visit(forecast.extrapolator, forecast.projected, take(), months, request, form.patient)


def extrapolate_folder(form: ExtrapolateForm, images: Path, out: Path) -> Steps[FolderReport]:
    """Every knee of a folder, at the months that studies report."""
    from napari_medgen.imaging.files import radiographs_in
    from napari_medgen.models.kept import Opened, key_of
    from napari_medgen.progression.cohort.folder import cohort_key
    from napari_medgen.progression.folder import ExtrapolateWay, extrapolate_files

    yield Progress(0, 0, "Loading the model")
    model, files = extrapolators.get((form.model, form.cohort)), radiographs_in(images)
    asked = replace(form.extrapolation, months=ASKED_FOR)
    other = cohort_key(Path(form.cohort)) if form.cohort else ""
    key = key_of((model.folder.card.checksum, model.grader.checksum), other)
    return (yield from extrapolate_files(Opened(model, key), files, out, ExtrapolateWay(asked, form.projection, form.side)))


def extrapolate_command(form: ExtrapolateForm, images: Path) -> list[str]:
    """The same as a command line, without place and folder."""
    asked, projection = form.extrapolation, form.projection
    command = ["extrapolate", str(images), "--model", str(find_model(form.model).path)]
    command += ["--months", ",".join(f"{months:g}" for months in ASKED_FOR)]
    command += ["--neighbours", str(asked.neighbours), "--mode", asked.mode]
    command += ["--projection", projection.method, "--steps", str(projection.steps), "--space", projection.space]
    command += ["--side", form.side] if form.side else []
    return [*command, "--cohort", form.cohort] if form.cohort else command
