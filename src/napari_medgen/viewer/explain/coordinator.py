"""The coordinator of **Overlay saliency**: the only code of the widget that touches the viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.explain.display import MapDisplay
from napari_medgen.viewer.explain.map_layers import toggle_maps
from napari_medgen.viewer.explain.shuffle_dialog import SurvivalDialog
from napari_medgen.viewer.explain.view import OverlayForm, OverlayView
from napari_medgen.viewer.explain.work import Reading, ask_models
from napari_medgen.viewer.layers.owner import can_be_explained
from napari_medgen.viewer.layers.plane import Excerpt, Plane
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work.models import classifiers
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event

    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.analyses.randomisation import Survival
    from napari_medgen.saliency.maps import SaliencyMap

TOGGLE_KEY = "H"
_SETTLE = 60  # milliseconds without a further change before the map follows


class OverlayCoordinator(Coordinator):
    """Turns what the view asks for into work, and maps into layers.

    Parameters
    ----------
    view
        Form and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where models compute, and where files are written.
    """

    save_title = "Save the map in"

    def __init__(self, view: OverlayView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files, (classifiers,))
        self.view = view
        self.display = MapDisplay(self.viewer)
        self._model = ""
        self._holding = False
        self._timer = self.settled(_SETTLE, self._refresh)
        for signal, slot in (
            (view.explain_requested, self.explain),
            (view.compare_requested, self.compare),
            (view.all_slices_requested, self.explain_all_slices),
            (view.seen_requested, self.show_seen),
            (view.test_requested, self.shuffle_test),
            (view.save_requested, self.ask_and_save),
            (view.card_requested, self._show_card),
            (view.subject_changed, self._subject_changed),
            (view.look_changed, self._restyle),
        ):
            signal.connect(slot)
        self.images = self.choose_among(can_be_explained, self._layers_changed)
        self.listen(self.viewer.layers.events.removing, self._removing)
        self.listen(self.viewer.layers.selection.events.active, self._selection_changed)
        self.listen(self.viewer.dims.events.current_step, self._place_changed)
        self.listen(self.viewer.dims.events.order, self._place_changed)
        self.bind(TOGGLE_KEY, self.toggle)
        view.set_models([folder.name for folder in list_models("saliency")])
        self.images.choose(self._active_image() or next(iter(self.images.layers), None))
        self._layers_changed(None)
        self._subject_changed()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Make the map of the slice on screen and lay it over the image."""
        self._ask(lambda form: (form.model,), self._show_map, "Explaining", explain=True)

    def compare(self) -> None:
        """Put the chosen model and the ticked ones side by side."""
        if not self.view.form.compared:
            self.sorry(ImageError("Tick at least one model to compare with."))
            return
        self._ask(lambda form: (form.model, *form.compared), self._show_comparison, "Comparing", explain=True)

    def explain_all_slices(self) -> None:
        """Explain every slice of the stack in the background; the map then covers the whole layer."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None:
            return
        layer = plane.layer
        if layer.ndim != 3 or layer.rgb or plane.index[0] is None or plane.transposed:
            self.sorry(ImageError("All slices can be explained of a grey stack whose first axis is the slider's."))
            return
        low, high = (float(value) for value in layer.contrast_limits)
        stack, name, excerpt = layer.data, layer.name, self._excerpt(plane, form)

        def steps() -> Steps[tuple[NDArray, SaliencyMap, Radiograph]]:
            from napari_medgen.saliency.slices import explain_stack, request_for

            yield Progress(0, 0, "Loading the model")
            classifier, image = classifiers.get(form.model), excerpt.image()
            request = request_for(classifier, stack, (low, high), form.request, name=name)
            maps = yield from explain_stack(classifier, stack, (low, high), request, name=name)
            # Of the slice on screen, to say which model explained which class.
            return maps, classifier.look(image, explain=True).map(request), image

        def show(made: tuple[NDArray, SaliencyMap, Radiograph]) -> None:
            maps, found, image = made
            self.display.cover(maps, found, image, plane, signed=form.signed, opacity=form.opacity)
            self.view.set_explained(True)
            self.view.set_meaning(found.label, signed=form.signed and found.signed)

        self.work.submit("slices", f"Every slice of {name}", steps, show)

    def show_seen(self) -> None:
        """Add the part of the image that the network saw, at the size it saw, in its place."""
        try:
            self.display.show_seen()
        except MedGenError as error:
            self.sorry(error)

    def shuffle_test(self) -> None:
        """Shuffle the model's weights layer after layer, and show how much of the map is left."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None:
            return
        excerpt = self._excerpt(plane, form)

        def steps() -> Steps[list[Survival]]:
            from napari_medgen.saliency.analyses.randomisation import randomisation_test

            yield Progress(0, 0, "Loading the model")
            return (yield from randomisation_test(classifiers.get(form.model), excerpt.image(), form.request))

        self.work.submit("test", "Shuffle test", steps, lambda found: SurvivalDialog(form.model, found, self.view).show())

    def toggle(self) -> None:
        """Hide all maps if one is visible, else show them; what the key does."""
        toggle_maps(self.viewer)

    def save(self, folder: Path) -> None:
        """Save the map on screen as overlay PNG, raw values and JSON, in the background."""
        found, image, signed = self.display.found, self.display.image, self.view.form.signed
        if found is None or image is None:
            return

        def write() -> list[Path]:
            from napari_medgen.saliency.export import export_map

            return export_map(image, found, folder, signed=signed)

        self.write("Saving the map", write)

    def close(self) -> None:
        """End all work of this widget, forget the models and let go of the viewer."""
        self.display.stop()
        super().close()

    # -- work -----------------------------------------------------------------------------------------------------------

    def _ask(
        self,
        models: Callable[[OverlayForm], tuple[str, ...]],
        show: Callable[[Reading, Plane], None],
        title: str,
        *,
        explain: bool,
    ) -> None:
        """Ask the models about the slice on screen, and for maps unless the image is unsuitable."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None or not form.model:
            return
        names, excerpt = models(form), self._excerpt(plane, form)
        if explain:
            # The answer comes with the map, so one that is being looked for alone is not needed.
            self._timer.stop()
            self.work.drop("answer")

        def steps() -> Steps[Reading]:
            return ask_models(names, excerpt.image, form.request, explain=explain, anyway=form.anyway)

        kind = "map" if explain else "answer"
        self.work.submit(kind, f"{title} {excerpt.name}", steps, lambda reading: show(reading, plane), brief=True)

    def _show_answer(self, reading: Reading, plane: Plane) -> None:
        if reading.warnings:
            self.view.set_answer({}, "")
        else:
            self.view.set_answer(reading.answer.probabilities, " ".join(reading.image.notes))
        self.view.set_warnings(reading.warnings)

    def _show_map(self, reading: Reading, plane: Plane) -> None:
        self._show_answer(reading, plane)
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
        self.display.show(found, reading.image, plane, signed=form.signed, opacity=form.opacity)
        self.view.set_meaning(found.label, signed=form.signed and found.signed)
        self.view.set_explained(True)

    def _show_comparison(self, reading: Reading, plane: Plane) -> None:
        self._show_answer(reading, plane)
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

    def _active_image(self) -> Image | None:
        active = self.viewer.layers.selection.active
        return active if active is not None and can_be_explained(active) else None

    def _plane_on_screen(self) -> Plane | None:
        layer = self.images.layer
        if layer is None:
            self.sorry(ImageError("Open a radiograph or a volume first, and choose it as the image."))
            return None
        try:
            return Plane.shown(self.viewer, layer)
        except MedGenError as error:
            self.sorry(error)
            return None

    def _excerpt(self, plane: Plane, form: OverlayForm) -> Excerpt:
        return plane.excerpt(as_on_screen=form.as_on_screen, side=form.side)

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def _layers_changed(self, added: Image | None) -> None:
        self.display.tidy()
        if added is not None:
            self.images.choose(added)
        self.view.set_images(self.images.names, self.images.name)
        if added is not None or self.images.layer is None:
            self._subject_changed()

    def _removing(self, event: Event) -> None:
        # napari selects another layer then: that is no choice of the user's.
        self._holding = True
        QTimer.singleShot(0, self._hold_no_longer)

    def _hold_no_longer(self) -> None:
        self._holding = False

    def _selection_changed(self, event: Event) -> None:
        active = self._active_image()
        if active is not None and not self._holding and active is not self.images.layer:
            self.images.choose(active)
            self.view.set_images(self.images.names, active.name)
            self._subject_changed()

    def _place_changed(self, event: Event) -> None:
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

    def _show_card(self) -> None:
        self.show_card_of(self.view.form.model)

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
            self._ask(lambda form: (form.model,), self._show_answer, "Looking at", explain=False)


class OverlaySaliency(DockWidget):
    """The dock widget **Overlay saliency**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = OverlayView()
        self.coordinator = OverlayCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
