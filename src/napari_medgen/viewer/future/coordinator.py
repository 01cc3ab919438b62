"""The coordinator of **Extrapolate radiograph**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_medgen.errors import CohortError, ImageError, MedGenError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.hanging import hang
from napari_medgen.viewer.explain.map_layers import is_ours as is_saliency
from napari_medgen.viewer.future.display import FutureDisplay, is_ours
from napari_medgen.viewer.future.view import ExtrapolateForm, ExtrapolateView
from napari_medgen.viewer.future.words import (
    comparison_words,
    month_words,
    neighbour_rows,
    projection_words,
    surrogate_of,
)
from napari_medgen.viewer.future.work import project_image
from napari_medgen.viewer.layers.radiographs import Plane, radiograph_plane, with_side
from napari_medgen.viewer.layers.volumes import made_by
from napari_medgen.viewer.widgets.card_dialog import CardDialog
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.widgets.fields import LayerField
from napari_medgen.viewer.work import classifiers, extrapolators
from napari_medgen.viewer.work.latest import LatestWork
from napari_medgen.viewer.work.queue import WorkQueue, shared_queue

if TYPE_CHECKING:
    from napari_medgen.progression.model import ProjectedRadiograph
    from napari_medgen.progression.report import Outlook
    from napari_medgen.progression.second_visit import VisitComparison

BLINK_KEY = "B"
_SETTLE = 300  # milliseconds without a further change before the frames are made anew


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image) and not is_ours(layer) and not is_saliency(layer)


class ExtrapolateCoordinator(QObject):
    """Turns what the view asks for into work, and futures into layers.

    Parameters
    ----------
    view
        Form, plot and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue
        Where the work runs.
    """

    def __init__(self, view: ExtrapolateView, viewer: Any, queue: WorkQueue) -> None:
        super().__init__(view)
        self.view, self.viewer = view, viewer
        self.display = FutureDisplay(viewer)
        self.projected: ProjectedRadiograph | None = None
        self.outlook: Outlook | None = None
        self._asked: ExtrapolateForm | None = None
        self._shown: ExtrapolateForm | None = None  # what the frames on screen were asked for with
        self._plane: Plane | None = None
        self.work = LatestWork(queue, view.work)
        self._timer = QTimer(self, singleShot=True, interval=_SETTLE)
        self._timer.timeout.connect(self._look_ahead_anew)
        for signal, slot in (
            (view.project_requested, self.project),
            (view.blink_requested, self.display.blink),
            (view.beside_requested, lambda: self.display.arrange(side_by_side=True)),
            (view.open_requested, self.open_neighbour),
            (view.compare_requested, self.compare),
            (view.report_requested, self.ask_and_report),
            (view.save_requested, self.ask_and_save),
            (view.card_requested, self.show_card),
            (view.future_changed, self._timer.start),
            (view.subject_changed, self._subject_changed),
            (view.second_changed, lambda: self.second.choose_name(view.form.second)),
            (view.work.cancel_requested, self.cancel),
        ):
            signal.connect(slot)
        self.images: LayerField = LayerField(viewer, _is_image, self._layers_changed)
        self.second: LayerField = LayerField(viewer, _is_image, lambda added: None)
        viewer.dims.events.current_step.connect(self._month_changed)
        blink = weakref.WeakMethod(self.display.blink)
        self._on_blink = lambda _: (there := blink()) and there()
        viewer.bind_key(BLINK_KEY, self._on_blink, overwrite=True)
        extrapolators.hold(self)
        classifiers.hold(self)
        hang(viewer)
        view.set_models([folder.name for folder in list_models("progression")])
        self.images.choose(next(iter(self.images.layers), None))
        self._layers_changed(None)
        self._subject_changed()
        self._load()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def project(self) -> None:
        """Project the image on screen, then look ahead."""
        form = self.view.form
        try:
            plane = radiograph_plane(self.viewer, self.images.layer)
            image = with_side(plane.image(), form.side)
        except MedGenError as error:
            self._sorry(error)
            return
        # Nothing of the image before may arrive beside this one: neither its future nor its neighbours or second visit.
        self._timer.stop()
        self.work.new_subject(but=("load",))
        self._forget_futures()
        self.projected, self._plane = None, plane
        self.view.set_quality("")
        begun = False

        def progress(step: Progress) -> None:
            nonlocal begun
            if step.preview is None or plane.layer not in self.viewer.layers:
                return
            frame, seen, shown, made = step.preview
            if not begun:
                begun = True
                self.display.begin(plane, frame, seen)
            if shown is not None:
                self.display.show_projection(shown, made)

        title = f"Projecting {image.name}"
        self._asked = form
        self.work.submit(
            "project",
            title,
            lambda: project_image(form, image),
            lambda found: self._show_projection(found, plane, form),
            progress,
        )

    def open_neighbour(self, place: int) -> None:
        """Show both visits of a neighbour below: the real images where they are at hand, else their projections."""
        outlook = self.outlook
        if outlook is None or not 0 <= place < len(outlook.futures.extrapolation.neighbours):
            return
        neighbour = outlook.futures.extrapolation.neighbours[place]

        def steps() -> Steps[Any]:
            from napari_medgen.progression.visit_image import visit_image

            pair = []
            for row in (neighbour.first, neighbour.last):
                pair.append(visit_image(outlook.extrapolator, row, outlook.projected.frame))
                yield Progress(len(pair), 2, "Opening the neighbour")
            return pair

        def show(pair: list[Any]) -> None:
            shown = [(one.title, one.pixels, made_by(one.provenance)) for one in pair]
            self.display.show_pair(("neighbour", "neighbour later"), shown)

        self.work.submit("open", f"Neighbour {place + 1}", steps, show)

    def compare(self) -> None:
        """Show the real second visit beside what was expected of it."""
        form, outlook = self.view.form, self.outlook
        if outlook is None or not form.second:
            return
        try:
            if self._plane is not None and self.second.layer is self._plane.layer:
                raise CohortError("The second visit is the baseline itself; choose another image.")
            later = radiograph_plane(self.viewer, self.second.layer).image()
        except MedGenError as error:
            self._sorry(error)
            return

        def steps() -> Steps[VisitComparison]:
            from napari_medgen.progression.second_visit import compare_visit

            return compare_visit(
                outlook.extrapolator, outlook.projected, later, form.second_months, form.extrapolation, form.patient
            )

        self.work.submit("compare", "Second visit", steps, self._show_comparison)

    def ask_and_report(self) -> None:
        """Ask for a file and write the report."""
        name, _ = QFileDialog.getSaveFileName(self.view, "Write the report", "", "PDF (*.pdf);;HTML (*.html)")
        if name:
            self.write_report(Path(name))

    def write_report(self, path: Path) -> Path | None:
        """Write the report as PDF or HTML, by the name's ending; the file, or None where it could not be."""
        if self.outlook is None:
            return None
        from napari_medgen.viewer.future.report_file import write_report

        try:
            return write_report(self.outlook, path)
        except MedGenError as error:
            self._sorry(error)
            return None

    def ask_and_save(self) -> None:
        """Ask for a folder and save there."""
        folder = QFileDialog.getExistingDirectory(self.view, "Save frames, changes and numbers in")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> list[Path]:
        """Save frames, changes, numbers and the report; the files written."""
        if self.outlook is None:
            return []
        from napari_medgen.progression.report import export_outlook

        try:
            return export_outlook(self.outlook, folder)
        except MedGenError as error:
            self._sorry(error)
            return []

    def show_card(self) -> None:
        """Open the model's card."""
        if name := self.view.form.model:
            CardDialog(find_model(name).card, self.view).show()

    def cancel(self) -> None:
        """End what runs and what waits; what was whole before is on screen again, and nothing half-made."""
        self._timer.stop()
        ahead, projecting = self.work.runs("ahead"), self.work.runs("project")
        self.work.cancel()
        if projecting:
            self.display.clear()
        if ahead and self.outlook is not None and self._shown is not None:
            self._show_outlook(self.outlook, self._shown)
        elif ahead and self.projected is not None and self._plane is not None:
            self._show_projected(self.projected, self._plane)

    def close(self) -> None:
        """End all work of this widget, forget the models and let go of the viewer."""
        self._timer.stop()
        self.work.cancel()
        self.images.close()
        self.second.close()
        self.viewer.dims.events.current_step.disconnect(self._month_changed)
        if self._on_blink in self.viewer.keymap.values():  # another widget's key stays
            self.viewer.bind_key(BLINK_KEY, None, overwrite=True)
        extrapolators.release(self)
        classifiers.release(self)

    # -- work -----------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Load the model while the reader still looks for an image."""
        form = self.view.form
        if not form.model:
            return

        def steps() -> Steps[None]:
            yield Progress(0, 0, "Loading the model")
            extrapolators.extrapolator(form.model, form.cohort)

        self.work.submit("load", form.model, steps, lambda nothing: None)

    def _show_projection(self, found: ProjectedRadiograph, plane: Plane, form: ExtrapolateForm) -> None:
        self.projected = found
        if plane.layer not in self.viewer.layers:
            return
        self._show_projected(found, plane)
        self.view.set_quality(projection_words(found), found.doubts)
        if found.doubts and not form.anyway:
            self.view.work.show_error(ImageError("Not extrapolated: see above. More settings can allow it."))
            return
        self._look_ahead(form)

    def _show_projected(self, found: ProjectedRadiograph, plane: Plane) -> None:
        if plane.layer not in self.viewer.layers:
            return
        self.display.begin(plane, found.frame, found.frame.restore(found.seen))
        self.display.show_projection(found.frame.restore(found.projection.images[0, 0].numpy()), found.provenance)

    def _look_ahead_anew(self) -> None:
        """Make the frames again for other neighbours or times, also while the first are made; the projection stays."""
        if self.projected is not None and (self.outlook is not None or self.work.runs("ahead")):
            self._look_ahead(self.view.form)

    def _look_ahead(self, form: ExtrapolateForm) -> None:
        projected, asked = self.projected, self._asked
        if projected is None or asked is None:
            return
        title = "Looking ahead"
        self.view.set_looked_ahead(False)  # what is saved is what is on screen, and that changes now

        def steps() -> Steps[Outlook]:
            from napari_medgen.progression.report import Outlook

            model = extrapolators.extrapolator(asked.model, asked.cohort)
            futures = yield from model.look_ahead(projected, form.extrapolation, form.patient)
            return Outlook(model, projected, futures)

        def progress(step: Progress) -> None:
            if step.preview is not None:
                self._show_frames(step.preview, form.step, projected)

        self.work.submit("ahead", title, steps, lambda outlook: self._show_outlook(outlook, form), progress)

    def _show_frames(self, frames: Any, step: float, projected: ProjectedRadiograph) -> None:
        name = "predicted (surrogate)" if surrogate_of(self.outlook, self._asked or self.view.form) else "predicted"
        self.display.show_frames(projected.frame.restore(frames), step, name, projected.provenance)

    def _show_outlook(self, outlook: Outlook, form: ExtrapolateForm) -> None:
        if outlook.projected is not self.projected:
            return
        self.outlook, self._shown = outlook, form
        self._show_frames(outlook.futures.frames, form.step, outlook.projected)
        self.view.plot.show_futures(outlook.futures)
        self.view.set_surrogate(outlook.surrogate)
        self.view.set_neighbours(neighbour_rows(outlook))
        self.view.set_looked_ahead(True)
        self._month_changed()

    def _show_comparison(self, found: VisitComparison) -> None:
        outlook = self.outlook
        if outlook is None:
            return
        made = made_by(outlook.projected.provenance)
        pair = [
            (f"real, {found.months:g} months", found.real, {}),
            (f"expected, {found.months:g} months", found.predicted, made),
        ]
        self.display.show_pair(("real", "expected"), pair)
        self.view.set_comparison(comparison_words(found, outlook.futures.labels))

    # -- layers ---------------------------------------------------------------------------------------------------------

    def _sorry(self, error: Exception) -> None:
        self.view.work.show_error(error)

    def _forget_futures(self) -> None:
        self.outlook = None
        self.view.plot.show_futures(None)
        self.view.set_neighbours(())
        self.view.set_looked_ahead(False)
        self.view.set_now("")
        self.view.set_comparison("")

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def _layers_changed(self, added: Any) -> None:
        self.display.tidy()
        if added is not None and self.outlook is None:
            self.images.choose(added)
        self.view.set_images(self.images.names, self.images.name, self.second.name)

    def _subject_changed(self) -> None:
        form = self.view.form
        if form.image != self.images.name:
            self.images.choose_name(form.image)
        self.view.set_surrogate(surrogate_of(self.outlook, self._asked or form))

    def _month_changed(self, event: Any = None) -> None:
        outlook = self.outlook
        if outlook is None or not self.display.there:
            return
        months = self.display.month
        futures = outlook.futures
        index = int(np.abs(futures.months - months).argmin())
        self.view.plot.show_month(float(futures.months[index]))
        self.view.set_now(month_words(outlook, index, self.view.form.baseline_date))


class ExtrapolateRadiograph(DockWidget):
    """The dock widget **Extrapolate radiograph**."""

    def __init__(self, napari_viewer: Any) -> None:
        self.view = ExtrapolateView()
        self.coordinator = ExtrapolateCoordinator(self.view, napari_viewer, shared_queue())
        super().__init__(self.view, self.coordinator, scrolls=True)
