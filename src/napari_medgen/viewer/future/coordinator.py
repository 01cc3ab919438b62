"""The coordinator of **Extrapolate radiograph**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QFileDialog

from napari_medgen.errors import BothSidesError, CohortError, MedGenError, SideError, UnsuitableError, WrongSideError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.future.display import FutureDisplay
from napari_medgen.viewer.future.plot import PlotPicture, draw
from napari_medgen.viewer.future.view import ExtrapolateForm, ExtrapolateView
from napari_medgen.viewer.future.words import (
    comparison_details,
    comparison_words,
    month_words,
    neighbour_rows,
    projection_words,
    surrogate_of,
)
from napari_medgen.viewer.future.work import (
    Look,
    compare_later,
    extrapolate_command,
    extrapolate_folder,
    load,
    look_ahead,
    open_visits,
    project_image,
)
from napari_medgen.viewer.layers.owner import is_subject, made_by
from napari_medgen.viewer.layers.plane import Plane, radiograph_plane
from napari_medgen.viewer.widgets.coordinator import FOLDER, Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.widgets.knee_boxes import BUTTON as BOX
from napari_medgen.viewer.widgets.knee_boxes import KneeBoxes
from napari_medgen.viewer.work.models import classifiers, extrapolators
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_medgen.imaging.radiograph import Laterality
    from napari_medgen.progression.forecast import Forecast
    from napari_medgen.progression.model import ProjectedRadiograph
    from napari_medgen.progression.second_visit import VisitComparison
    from napari_medgen.progression.visit_image import VisitImage
    from napari_medgen.running.folders import FolderReport

BLINK_KEY = "B"
ANYWAY = ("Extrapolate anyway", BOX)
SIDES = ("It is a right knee", "It is a left knee")
_SETTLE = 300  # milliseconds without a further change before the images are made anew


class ExtrapolateCoordinator(Coordinator):
    """Turns what the view asks for into work, and predictions into layers.

    Parameters
    ----------
    view
        Form, plot and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where models compute, and where files are written.
    """

    folder_title = "Extrapolate a folder"
    save_title = "Save frames, changes and numbers in"

    def __init__(self, view: ExtrapolateView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files, (extrapolators, classifiers))
        self.view = view
        self.display = FutureDisplay(self.viewer)
        self.projected: ProjectedRadiograph | None = None
        self.forecast: Forecast | None = None
        self._asked: ExtrapolateForm | None = None
        self._shown: ExtrapolateForm | None = None  # what the images on screen were asked for with
        self._plane: Plane | None = None
        self._last: weakref.ref[Image] | None = None  # the baseline that the form was made for
        self._timer = self.settled(_SETTLE, self._look_ahead_anew)
        for signal, slot in (
            (view.project_requested, self.project),
            (view.anyway_requested, self.go_on_anyway),
            (view.box_requested, self.ask_for_box),
            (view.side_requested, self.take_side),
            (view.month_requested, self._show_month),
            (view.close_requested, self._close_pair),
            (view.figure_requested, self.ask_for_figure),
            (view.folder_requested, self.ask_for_folder),
            (view.settings_changed, self._check_fresh),
            (view.dated, self._month_changed),
            (view.blink_requested, self.blink),
            (view.beside_requested, self._side_by_side),
            (view.open_requested, self.open_neighbour),
            (view.compare_requested, self.compare),
            (view.report_requested, self.ask_and_report),
            (view.save_requested, self.ask_and_save),
            (view.card_requested, self._show_card),
            (view.future_changed, self._timer.start),
            (view.subject_changed, self._subject_changed),
            (view.second_changed, self._second_changed),
            (view.plot.outgrown, self._redraw),
        ):
            signal.connect(slot)
        self.images = self.choose_among(is_subject, self._layers_changed)
        self.second = self.choose_among(is_subject, self._seconds_changed)
        self.boxes = KneeBoxes(self, view.knees, self._take_knee)
        self.listen(self.viewer.dims.events.current_step, self._month_changed)
        self.bind(BLINK_KEY, self.blink)
        view.set_models([folder.name for folder in list_models("progression")])
        self.images.choose(self.at_first(self.images, is_subject))
        self._layers_changed(None)
        self._subject_changed()
        self._load()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def project(self, *, anyway: bool = False, sure: bool = False) -> None:
        """Project the image that was chosen, then look ahead.

        Parameters
        ----------
        anyway
            Whether an image that the model does not understand is extrapolated too.
        sure
            Whether somebody confirmed the side that the form says.
        """
        form = self.view.form
        try:
            plane = radiograph_plane(self.viewer, self.images.layer)
        except MedGenError as error:
            self.sorry(error)
            return
        excerpt = plane.excerpt(side=form.side)
        self.boxes.end()
        # Nothing of the image before may arrive beside this one: neither its future nor its neighbours or second visit.
        self._timer.stop()
        self.work.new_subject(but=("load", FOLDER))
        self._forget_forecast()
        self._plane, self._asked, self.display.side = plane, form, excerpt.side
        if self.stage.subject is not plane.layer:
            self.stage.show(plane.layer)
        begun = False

        def progress(step: Progress) -> None:
            nonlocal begun
            look: Look | None = step.preview
            if look is None or plane.layer not in self.viewer.layers:
                return
            if not begun:
                begun = True
                self.display.begin(plane, look.frame.box, look.baseline, asked=True)
            if look.projection is not None:
                self.display.show_projection(look.projection, look.provenance)

        self.work.submit(
            "project",
            f"Projecting {excerpt.name}",
            lambda: project_image(form, excerpt.image, anyway=anyway, sure=sure),
            lambda found: self._show_projection(found, plane, form, anyway=anyway),
            progress,
            on_error=lambda error: self._refuse(error, plane, form),
        )

    def go_on_anyway(self) -> None:
        """Extrapolate an image in spite of what speaks against it, with the projection that is there."""
        self.view.refuse("")
        if self.projected is not None and self._asked is not None and self._is_fresh():
            self._look_ahead(self.view.form)
        else:
            self.project(anyway=True)

    def ask_for_box(self) -> None:
        """Show where knees seem to be on the picture, so that one is cut out and projected."""
        self.view.refuse("")
        self.boxes.begin(self.images.layer)

    def _take_knee(self, layer: Image, side: Laterality) -> None:
        self._choose(layer)
        self.view.set_side(side)
        self.project()

    def take_side(self, side: Laterality) -> None:
        """Take the image as a left or a right knee, and project it."""
        self.view.set_side(side)
        self.project(sure=True)

    def blink(self) -> None:
        """Show the baseline where the prediction is, or the prediction again; what the key does."""
        self.display.blink()

    def open_neighbour(self, place: int) -> None:
        """Show both visits of a neighbour below: the real images where they are at hand, else their projections."""
        forecast = self.forecast
        if forecast is None or not 0 <= place < len(forecast.prediction.extrapolation.neighbours):
            return
        neighbour = forecast.prediction.extrapolation.neighbours[place]

        def show(pair: list[VisitImage]) -> None:
            shown = [(one.title, one.pixels, made_by(one.provenance)) for one in pair]
            if forecast is self.forecast:
                self.view.set_comparison("")
                self.display.show_pair(("neighbour", "neighbour later"), shown)
                self.view.set_pair(True)

        self.work.submit("open", f"Neighbour {place + 1}", lambda: open_visits(forecast, neighbour), show)

    def compare(self) -> None:
        """Show the real second visit beside what was expected of it."""
        form, forecast = self.view.form, self.forecast
        if forecast is None or not form.second:
            return
        try:
            if self._plane is not None and self.second.layer is self._plane.layer:
                raise CohortError("The second visit is the baseline itself; choose another image.")
            later = radiograph_plane(self.viewer, self.second.layer).excerpt()
        except MedGenError as error:
            self.sorry(error)
            return

        self.work.submit(
            "compare", "Second visit", lambda: compare_later(forecast, form, later.image), self._show_comparison
        )

    def _show_month(self, months: float) -> None:
        self.display.show_again()
        self.display.show_month(months)

    def _close_pair(self) -> None:
        self.display.close_pair()
        self.view.set_pair(False)
        self.view.set_comparison("")

    def ask_and_report(self) -> None:
        """Ask for a file and write the report."""
        name, _ = QFileDialog.getSaveFileName(self.view, "Write the report", "", "PDF (*.pdf);;HTML (*.html)")
        if name:
            self.write_report(Path(name))

    def write_report(self, path: Path) -> None:
        """Write the report as PDF or HTML, by the name's ending, in the background."""
        forecast, date = self.forecast, self.view.form.baseline_date
        if forecast is None:
            return

        def write() -> list[Path]:
            from napari_medgen.viewer.future.report_file import write_report

            return [write_report(forecast, path, date)]

        self.write("Writing the report", write)

    def save(self, folder: Path) -> None:
        """Save baseline, frames, changes, numbers and the report, in the background."""
        forecast, date = self.forecast, self.view.form.baseline_date
        if forecast is None:
            return

        def write() -> list[Path]:
            from napari_medgen.progression.export import export_forecast

            return export_forecast(forecast, folder, date, dicom=True)

        self.write("Saving frames, changes and numbers", write)

    def folder_command(self, images: Path, out: Path) -> list[str]:
        """The same as a command line."""
        return extrapolate_command(self.view.form, images)

    def folder_work(self, images: Path, out: Path) -> Callable[[], Steps[FolderReport]]:
        """Extrapolate every knee of a folder as the form says."""
        form = self.view.form
        return lambda: extrapolate_folder(form, images, out)

    def close(self) -> None:
        """End all work of this widget, forget the model, give the stage back and let go of the viewer."""
        if self.viewer_lives:
            self.boxes.end()
            self.display.leave()
        super().close()

    def cancel(self) -> None:
        """End what runs and what waits; what was whole before is on screen again, and nothing half-made."""
        self._timer.stop()
        ahead, projecting = self.work.runs("ahead"), self.work.runs("project")
        super().cancel()
        if projecting:
            self.display.clear()
        if ahead and self.forecast is not None and self._shown is not None:
            self._show_forecast(self.forecast, self._shown)
        elif ahead and self.projected is not None and self._plane is not None:
            self._show_projected(self.projected, self._plane)

    # -- work -----------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Load the model, and what draws plots, while the reader still looks for an image."""
        form = self.view.form
        if not form.model:
            return

        self.work.submit("load", form.model, lambda: load(form), lambda nothing: None)

    def _refuse(self, error: Exception, plane: Plane, form: ExtrapolateForm) -> None:
        """Say why an image was not projected, with what can be done about it, and show it."""
        offers: dict[type[Exception], tuple[str, ...]] = {
            SideError: SIDES,
            WrongSideError: SIDES,
            UnsuitableError: ANYWAY,
        }
        if isinstance(error, BothSidesError) and plane.layer is self.images.layer:
            self.display.clear()
            self.boxes.begin(plane.layer, f"{plane.layer.name} seems to show both knees.")
            return
        offered = offers.get(type(error))
        if offered is None:
            self.sorry(error)
            return
        if plane.layer is self.images.layer:
            self.display.clear()
            self.stage.show(plane.layer)
            wrong_kind = ANYWAY[0] in offered
            self.view.refuse(str(error), offered, find_model(form.model).example if wrong_kind else None)

    def _show_projection(
        self, found: ProjectedRadiograph, plane: Plane, form: ExtrapolateForm, *, anyway: bool = False
    ) -> None:
        if plane.layer not in self.viewer.layers or plane.layer is not self.images.layer:
            return
        self.projected = found
        self._show_projected(found, plane)
        self.view.set_quality(projection_words(found))
        if found.doubts and not anyway:
            self.view.refuse(" ".join(("Not extrapolated.", *found.doubts)), ANYWAY)
            return
        self._look_ahead(form)

    def _show_projected(self, found: ProjectedRadiograph, plane: Plane) -> None:
        if plane.layer not in self.viewer.layers:
            return
        self.display.begin(plane, found.frame.box, found.frame.restore(found.seen), same=True)
        self.display.show_projection(found.frame.restore(found.projection.images[0, 0].numpy()), found.provenance)

    def _look_ahead_anew(self) -> None:
        """Make the images again for other neighbours or times, also while the first are made; the projection stays."""
        if self.projected is not None and (self.forecast is not None or self.work.runs("ahead")):
            self._look_ahead(self.view.form)

    def _look_ahead(self, form: ExtrapolateForm) -> None:
        projected, asked = self.projected, self._asked
        if projected is None or asked is None:
            return
        self.view.set_looked_ahead(False)  # what is saved is what is on screen, and that changes now
        self._close_pair()  # it was of the other neighbours
        self.work.drop("plot")
        size = self.view.plot.wanted

        def steps() -> Steps[tuple[Forecast, PlotPicture]]:
            made = yield from look_ahead(asked, form, projected)
            return made, draw(made.prediction, size)

        def progress(step: Progress) -> None:
            if step.preview is not None:
                self._show_images(step.preview, form.step, projected)

        self.work.submit("ahead", "Looking ahead", steps, lambda made: self._show_forecast(made[0], form, made[1]), progress)

    def _show_images(self, images: NDArray[np.float32], step: float, projected: ProjectedRadiograph) -> None:
        name = "predicted (surrogate)" if surrogate_of(self.forecast, self._asked or self.view.form) else "predicted"
        self.display.show_frames(projected.frame.restore(images), step, name, projected.provenance)

    def _show_forecast(self, forecast: Forecast, form: ExtrapolateForm, picture: PlotPicture | None = None) -> None:
        """Show a forecast; without a picture, its own is there already."""
        if forecast.projected is not self.projected:
            return
        self.forecast, self._shown = forecast, form
        self._show_images(forecast.prediction.images, form.step, forecast.projected)
        if picture is not None:
            self.view.plot.show_picture(picture)
        self.view.set_surrogate(forecast.surrogate)
        self.view.set_neighbours(neighbour_rows(forecast))
        self.view.months.set_months(forecast.prediction.months.tolist())
        self.view.set_looked_ahead(True)
        self._month_changed()

    def _redraw(self) -> None:
        """Draw the plot for the size that it has now."""
        forecast, size = self.forecast, self.view.plot.wanted
        if forecast is None:
            return

        def steps() -> Steps[PlotPicture]:
            yield Progress(0, 0)
            return draw(forecast.prediction, size)

        def show(picture: PlotPicture) -> None:
            if forecast is self.forecast:
                self.view.plot.show_picture(picture)

        self.work.submit("plot", "Plot", steps, show, shown=False, file=True)

    def _show_comparison(self, found: VisitComparison) -> None:
        forecast = self.forecast
        if forecast is None:
            return
        made = made_by(forecast.projected.provenance)
        self.display.show_pair(
            ("real", "expected"),
            [
                (f"real, {found.months:g} months", found.real, {}),
                (f"expected, {found.months:g} months", found.predicted, made),
            ],
        )
        self.display.show_month(found.months)
        self.view.set_pair(True)
        self.view.set_comparison(comparison_words(found, forecast.prediction.labels), comparison_details(found))

    def _forget_forecast(self) -> None:
        """Nothing of what was found before is on screen any more."""
        self.display.clear()
        self.forecast = self.projected = self._asked = self._shown = self._plane = None
        self.view.set_quality("")
        self.view.refuse("")
        self.view.set_stale("")
        self._panel.clear_error()
        self.view.plot.show_picture(None)
        self.view.set_neighbours(())
        self.view.set_looked_ahead(False)
        self.view.set_now("")
        self.view.set_comparison("")

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def subject_chosen(self, event: Event | None = None) -> None:
        """Take what the stage shows as the baseline, unless there is a prediction to keep."""
        subject = self.stage.subject
        if subject is None or subject is self.images.layer or not is_subject(subject):
            return
        if self.projected is None and not self.work.runs("project"):
            self._choose(subject)

    def come_forward(self) -> None:
        """Show the prediction, or else the baseline."""
        layer = self.images.layer
        if not self.display.show_again() and layer is not None and self.stage.subject is not layer:
            self.stage.show(layer)

    def _choose(self, layer: Image) -> None:
        self.images.choose(layer)
        self._offer_images()
        self._subject_changed()

    def _is_fresh(self) -> bool:
        """Whether side, model and way of projection are those that made what is shown."""
        form, asked = self.view.form, self._asked
        if asked is None:
            return True
        return (form.side, form.model, form.cohort, form.projection) == (
            asked.side,
            asked.model,
            asked.cohort,
            asked.projection,
        )

    def _check_fresh(self) -> None:
        self.view.set_stale("" if self._is_fresh() else "Out of date: made with other settings. Press Project.")

    def _side_by_side(self) -> None:
        self.display.arrange(side_by_side=True)

    def _show_card(self) -> None:
        self.show_card_of(self.view.form.model)

    def _layers_changed(self, added: Image | None) -> None:
        self.display.tidy()
        self._offer_images()
        if self.images.layer is None and hasattr(self, "second"):
            self._subject_changed()  # the baseline was removed

    def _seconds_changed(self, added: Image | None) -> None:
        self._offer_images()

    def _offer_images(self) -> None:
        if hasattr(self, "second"):  # not yet, while both fields are being made
            self.view.set_images(self.images.names, self.images.name, self.second.name)

    def _second_changed(self) -> None:
        if self.view.comparison:
            self._close_pair()  # it was of another image, or of another time
        self.second.choose_name(self.view.form.second)

    def _subject_changed(self) -> None:
        form = self.view.form
        if form.image != self.images.name:
            self.images.choose_name(form.image)
        layer = self.images.layer
        last = self._last() if self._last is not None else None
        if layer is None or layer is not last:
            self._last = weakref.ref(layer) if layer is not None else None
            self._timer.stop()
            self.boxes.end()
            self.work.new_subject(but=("load", FOLDER))
            self._forget_forecast()
            self.second.choose(None)
            self.view.begin_anew()
            if layer is not None:
                self.stage.show(layer)
        self._check_fresh()
        self.view.set_surrogate(surrogate_of(self.forecast, self._asked or form))

    def _month_changed(self, event: Event | None = None) -> None:
        forecast = self.forecast
        if forecast is None or not self.display.there or not self.display.on_stage:
            return
        months = forecast.prediction.months
        index = int(np.abs(months - self.display.month).argmin())
        self.display.caption_month()
        self.view.months.show_month(float(months[index]))
        self.view.plot.show_month(float(months[index]))
        self.view.set_now(month_words(forecast, index, self.view.form.baseline_date))


class ExtrapolateRadiograph(DockWidget):
    """The dock widget **Extrapolate radiograph**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = ExtrapolateView()
        self.coordinator = ExtrapolateCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
