"""The coordinator of **Overlay saliency**: the only code of the widget that touches the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.hanging import hang
from napari_medgen.viewer.explain.display import MapDisplay
from napari_medgen.viewer.explain.map_layers import is_ours, toggle_maps
from napari_medgen.viewer.explain.shuffle_dialog import SurvivalDialog
from napari_medgen.viewer.explain.view import OverlayForm, OverlayView
from napari_medgen.viewer.explain.work import Reading, read_image
from napari_medgen.viewer.layers.radiographs import Plane, with_side
from napari_medgen.viewer.widgets.card_dialog import CardDialog
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.widgets.fields import LayerField
from napari_medgen.viewer.work import classifiers
from napari_medgen.viewer.work.latest import LatestWork
from napari_medgen.viewer.work.queue import WorkQueue, shared_queue

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.analyses.randomisation import Survival

TOGGLE_KEY = "H"
_SETTLE = 60  # milliseconds without a further change before the map follows


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image) and not is_ours(layer)


class OverlayCoordinator(QObject):
    """Turns what the view asks for into work, and maps into layers.

    Parameters
    ----------
    view
        Form and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue
        Where the work runs.
    """

    def __init__(self, view: OverlayView, viewer: Any, queue: WorkQueue) -> None:
        super().__init__(view)
        self.view, self.viewer = view, viewer
        self._holding = False
        self.display = MapDisplay(viewer)
        self.work = LatestWork(queue, view.work)
        self._model = ""
        self._timer = QTimer(self, singleShot=True, interval=_SETTLE)
        self._timer.timeout.connect(self._refresh)
        for signal, slot in (
            (view.explain_requested, self.explain),
            (view.compare_requested, self.compare),
            (view.all_slices_requested, self.explain_all_slices),
            (view.seen_requested, self.show_seen),
            (view.test_requested, self.shuffle_test),
            (view.save_requested, self.ask_and_save),
            (view.card_requested, self.show_card),
            (view.subject_changed, self._subject_changed),
            (view.look_changed, self._restyle),
            (view.work.cancel_requested, self.cancel),
        ):
            signal.connect(slot)
        self.images = LayerField(viewer, _is_image, self._layers_changed)
        viewer.layers.events.removing.connect(self._removing)
        viewer.layers.selection.events.active.connect(self._selection_changed)
        viewer.dims.events.current_step.connect(self._place_changed)
        viewer.dims.events.order.connect(self._place_changed)
        viewer.bind_key(TOGGLE_KEY, toggle_maps, overwrite=True)
        classifiers.hold(self)
        hang(viewer)
        view.set_models([folder.name for folder in list_models("saliency")])
        self.images.choose(self._active_image() or next(iter(self.images.layers), None))
        self._layers_changed(None)
        self._subject_changed()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Make the map of the slice on screen and lay it over the image."""
        self._read(lambda form: (form.model,), self._show_map, "Explaining", explain=True)

    def compare(self) -> None:
        """Put the chosen model and the ticked ones side by side."""
        if not self.view.form.compared:
            self._sorry(ImageError("Tick at least one model to compare with."))
            return
        self._read(lambda form: (form.model, *form.compared), self._show_comparison, "Comparing", explain=True)

    def explain_all_slices(self) -> None:
        """Explain every slice of the stack in the background; the map then covers the whole layer."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None:
            return
        layer = plane.layer
        if layer.ndim != 3 or layer.rgb or plane.index[0] is None or plane.transposed:
            self._sorry(ImageError("All slices can be explained of a grey stack whose first axis is the slider's."))
            return
        low, high = (float(value) for value in layer.contrast_limits)
        stack, name = layer.data, layer.name
        try:
            image = self._image(plane, form)
        except MedGenError as error:
            self._sorry(error)
            return

        def steps() -> Steps[Any]:
            from napari_medgen.saliency.slices import explain_stack, request_for

            yield Progress(0, 0, "Loading the model")
            classifier = classifiers.classifier(form.model)
            request = request_for(classifier, stack, (low, high), form.request, name=name)
            maps = yield from explain_stack(classifier, stack, (low, high), request, name=name)
            # Of the slice on screen, to say which model explained which class.
            return maps, classifier.look(image, explain=True).map(request)

        def show(made: Any) -> None:
            maps, found = made
            self.display.cover(maps, found, image, plane, signed=form.signed, opacity=form.opacity)
            self.view.set_explained(True)
            self.view.set_meaning(found.label, signed=form.signed and found.signed)

        self.work.submit("slices", f"Every slice of {name}", steps, show)

    def show_seen(self) -> None:
        """Add the part of the image that the network saw, at the size it saw, in its place."""
        try:
            self.display.show_seen()
        except MedGenError as error:
            self._sorry(error)

    def shuffle_test(self) -> None:
        """Shuffle the model's weights layer after layer, and show how much of the map is left."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None:
            return
        try:
            image = self._image(plane, form)
        except MedGenError as error:
            self._sorry(error)
            return

        def steps() -> Steps[Any]:
            from napari_medgen.saliency.analyses.randomisation import randomisation_test

            yield Progress(0, 0, "Loading the model")
            return (yield from randomisation_test(classifiers.classifier(form.model), image, form.request))

        def show(found: list[Survival]) -> None:
            SurvivalDialog(form.model, found, self.view).show()

        self.work.submit("test", "Shuffle test", steps, show)

    def ask_and_save(self) -> None:
        """Ask for a folder and save there."""
        folder = QFileDialog.getExistingDirectory(self.view, "Save the map in")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> list[Path]:
        """Save the map on screen as overlay PNG, raw values and JSON; the files written."""
        from napari_medgen.saliency.export import export_map

        found, image = self.display.found, self.display.image
        if found is None or image is None:
            return []
        try:
            return export_map(image, found, folder, signed=self.view.form.signed)
        except MedGenError as error:
            self._sorry(error)
            return []

    def show_card(self) -> None:
        """Open the model's card."""
        if name := self.view.form.model:
            CardDialog(find_model(name).card, self.view).show()

    def cancel(self) -> None:
        """End what runs and what waits."""
        self.work.cancel()

    def close(self) -> None:
        """End all work of this widget, forget the models and let go of the viewer."""
        self._timer.stop()
        self.cancel()
        self.images.close()
        self.viewer.layers.events.removing.disconnect(self._removing)
        self.viewer.layers.selection.events.active.disconnect(self._selection_changed)
        self.viewer.dims.events.current_step.disconnect(self._place_changed)
        self.viewer.dims.events.order.disconnect(self._place_changed)
        classifiers.release(self)

    # -- work -----------------------------------------------------------------------------------------------------------

    def _read(
        self,
        models: Callable[[OverlayForm], tuple[str, ...]],
        show: Callable[[Reading, Plane, Radiograph], None],
        title: str,
        *,
        explain: bool,
    ) -> None:
        """Ask the models about the slice on screen, and for maps unless the image is unsuitable."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None or not form.model:
            return
        try:
            image = self._image(plane, form)
        except MedGenError as error:
            self._sorry(error)
            return
        names = models(form)
        kind = "map" if explain else "answer"
        if explain:
            # The answer comes with the map, so one that is being looked for alone is not needed.
            self._timer.stop()
            self.work.drop("answer")

        def steps() -> Steps[Reading]:
            return read_image(names, image, form.request, explain=explain, anyway=form.anyway)

        self.work.submit(kind, f"{title} {image.name}", steps, lambda reading: show(reading, plane, image), brief=True)

    def _show_answer(self, reading: Reading, plane: Plane, image: Radiograph) -> None:
        if reading.warnings:
            self.view.set_answer({}, "")
        else:
            self.view.set_answer(reading.answer.probabilities, " ".join(image.notes))
        self.view.set_warnings(reading.warnings)

    def _show_map(self, reading: Reading, plane: Plane, image: Radiograph) -> None:
        self._show_answer(reading, plane, image)
        if not reading.maps or plane.layer not in self.viewer.layers:
            self.display.drop()
            self.view.set_explained(False)
            return
        form, ((_, found),) = self.view.form, reading.maps
        note = f"{found.label} explained in {reading.seconds * 1000:.0f} ms."
        if not found.values.any():
            note = found.warnings[-1]  # a plain image without a word would look like a map of nothing in particular
        if reading.warnings:
            note = f"A doubtful map, made all the same: {found.label} {found.probability:.0%}."
            self.view.set_answer({}, note)
        else:
            self.view.set_answer(reading.answer.probabilities, note)
        self.display.show(found, image, plane, signed=form.signed, opacity=form.opacity)
        self.view.set_meaning(found.label, signed=form.signed and found.signed)
        self.view.set_explained(True)

    def _show_comparison(self, reading: Reading, plane: Plane, image: Radiograph) -> None:
        self._show_answer(reading, plane, image)
        if not reading.maps or plane.layer not in self.viewer.layers:
            return
        form = self.view.form
        titles = [f"{variant} {found.probability:.0%}" for variant, found in reading.in_order]
        maps = [found for _, found in reading.in_order]
        self.display.compare(maps, titles, plane, signed=form.signed, opacity=form.opacity)
        self.view.set_explained(False)
        self.view.set_meaning(maps[0].label, signed=form.signed and maps[0].signed)

    # -- layers ---------------------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        """Show the maps on screen in the look that the form says."""
        form, found = self.view.form, self.display.found
        self.display.restyle(signed=form.signed, opacity=form.opacity)
        if found is not None:
            self.view.set_meaning(found.label, signed=form.signed and found.signed)

    def _active_image(self) -> Any:
        active = self.viewer.layers.selection.active
        return active if active is not None and _is_image(active) else None

    def _plane_on_screen(self) -> Plane | None:
        layer = self.images.layer
        if layer is None:
            self._sorry(ImageError("Open a radiograph or a volume first, and choose it as the image."))
            return None
        try:
            return Plane.shown(self.viewer, layer)
        except MedGenError as error:
            self._sorry(error)
            return None

    def _image(self, plane: Plane, form: OverlayForm) -> Radiograph:
        return with_side(plane.image(as_on_screen=form.as_on_screen), form.side)

    def _sorry(self, error: Exception) -> None:
        self.view.work.show_error(error)

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def _layers_changed(self, added: Any) -> None:
        self.display.tidy()
        if added is not None:
            self.images.choose(added)
        self.view.set_images(self.images.names, self.images.name)
        if added is not None or self.images.layer is None:
            self._subject_changed()

    def _removing(self, event: Any = None) -> None:
        # napari selects another layer then: that is no choice of the user's.
        self._holding = True
        QTimer.singleShot(0, self._hold_no_longer)

    def _hold_no_longer(self) -> None:
        self._holding = False

    def _selection_changed(self, event: Any = None) -> None:
        active = self._active_image()
        if active is not None and not self._holding and getattr(active, "__wrapped__", active) is not self.images.layer:
            self.images.choose(active)
            self.view.set_images(self.images.names, active.name)
            self._subject_changed()

    def _place_changed(self, event: Any = None) -> None:
        self._timer.start()

    def _subject_changed(self) -> None:
        form = self.view.form
        if form.image != self.images.name:
            self.images.choose_name(form.image)  # the user chose it in the form
        if form.model and form.model != self._model:
            self._model = form.model
            self._offer(form.model)
        layer = self.images.layer
        self.view.set_stack(layer is not None and layer.ndim == 3 and not layer.rgb)
        self._timer.start()

    def _offer(self, model: str) -> None:
        """What the chosen model knows, and which others could stand beside it: its relatives are ticked."""
        from napari_medgen.saliency.architecture import classifier_architecture

        own = classifier_architecture(find_model(model).card)
        others = {}
        for folder in list_models("saliency"):
            other = classifier_architecture(folder.card)
            if folder.name != model and set(other.labels) & set(own.labels):
                others[folder.name] = bool(own.family) and other.family == own.family
        self.view.set_model(own.labels, own.domain_names, others)

    def _refresh(self) -> None:
        """Classify what is on screen now; explain it too if the reader asked to follow."""
        form = self.view.form
        if self.images.layer is None or not form.model:
            self.view.set_warnings(())
            return
        if self.viewer.dims.ndisplay != 2:
            return
        if form.follow:
            self.explain()
        else:
            self._read(lambda form: (form.model,), self._show_answer, "Looking at", explain=False)


class OverlaySaliency(DockWidget):
    """The dock widget **Overlay saliency**."""

    def __init__(self, napari_viewer: Any) -> None:
        self.view = OverlayView()
        self.coordinator = OverlayCoordinator(self.view, napari_viewer, shared_queue())
        super().__init__(self.view, self.coordinator)
