"""The coordinator of **Overlay saliency**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.request import METHODS
from napari_medgen.viewer.explain.asked import Asked
from napari_medgen.viewer.explain.display import MapDisplay
from napari_medgen.viewer.explain.map_layers import toggle_maps
from napari_medgen.viewer.explain.shuffle_dialog import SurvivalDialog
from napari_medgen.viewer.explain.view import OverlayForm, OverlayView
from napari_medgen.viewer.explain.work import Question, Reading, ask_models, fitting_model, one_of_each_family
from napari_medgen.viewer.layers.owner import COMPARISON, FUTURE, can_be_explained, is_subject
from napari_medgen.viewer.layers.plane import Excerpt, Plane
from napari_medgen.viewer.widgets.coordinator import FOLDER, Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.widgets.knee_boxes import KneeBoxes
from napari_medgen.viewer.work.models import classifiers
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event

    from napari_medgen.imaging.radiograph import Laterality, Radiograph
    from napari_medgen.running.folders import FolderReport
    from napari_medgen.saliency.analyses.randomisation import Survival
    from napari_medgen.saliency.maps import SaliencyMap

Questions = Callable[[OverlayForm], tuple[Question, ...]]
Answered = Callable[[Reading, Plane, Asked], None]
TOGGLE_KEY, NEXT_KEY, PREVIOUS_KEY = "H", "PageDown", "PageUp"
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

    folder_title = "Explain a folder"
    save_title = "Save the map in"

    def __init__(self, view: OverlayView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files, (classifiers,))
        self.view = view
        self.display = MapDisplay(self.viewer)
        self._model = ""
        self._holding = False
        self._asked: Asked | None = None  # what the map on screen was asked for with
        self._of: weakref.ref[Image] | None = None  # the image whose answer is shown
        self._last_of: weakref.ref[Image] | None = None
        self._asked_last: tuple[Questions, Answered, str] | None = None
        self._model_chosen = False  # by the user, who then knows better than a guess
        self._timer = self.settled(_SETTLE, self._refresh)
        for signal, slot in (
            (view.explain_requested, self.explain),
            (view.compare_requested, self.compare),
            (view.all_slices_requested, self.explain_all_slices),
            (view.seen_requested, self.show_seen),
            (view.test_requested, self.shuffle_test),
            (view.save_requested, self.ask_and_save),
            (view.figure_requested, self.ask_for_figure),
            (view.folder_requested, self.ask_for_folder),
            (view.card_requested, self._show_card),
            (view.compare_methods_requested, self.compare_methods),
            (view.anyway_requested, self.explain_anyway),
            (view.box_requested, self.ask_for_box),
            (view.subject_changed, self._subject_changed),
            (view.model_chosen, self._note_model),
            (view.asked_changed, self._check_fresh),
            (view.look_changed, self._restyle),
        ):
            signal.connect(slot)
        self.images = self.choose_among(can_be_explained, self._layers_changed)
        self.boxes = KneeBoxes(self, view.knees, self._take_knee)
        self.listen(self.viewer.layers.events.removing, self._hold)
        self.listen(self.viewer.layers.events.inserting, self._hold)
        self.listen(self.viewer.layers.selection.events.active, self._selection_changed)
        self.listen(self.viewer.dims.events.current_step, self._place_changed)
        self.listen(self.viewer.dims.events.order, self._place_changed)
        self.bind(TOGGLE_KEY, self.toggle)
        self.bind(NEXT_KEY, self.next_image)
        self.bind(PREVIOUS_KEY, self.previous_image)
        view.set_models([folder.name for folder in list_models("saliency")])
        self.images.choose(self.at_first(self.images, can_be_explained))
        self._layers_changed(None)
        self._subject_changed()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def explain(self) -> None:
        """Make the map of the slice on screen and lay it over the image."""
        self._ask(_one, self._show_map, "Explaining", explain=True)

    def explain_anyway(self) -> None:
        """Make the maps that were asked for last, of an image that the model was not trained for."""
        questions, show, title = self._asked_last or (_one, self._show_map, "Explaining")
        self._ask(questions, show, title, explain=True, anyway=True)

    def ask_for_box(self) -> None:
        """Show where knees seem to be on the picture, so that one is cut out and explained."""
        self.view.set_warnings(())
        self.boxes.begin(self.images.layer)

    def _take_knee(self, layer: Image, side: Laterality) -> None:
        self._choose(layer)
        self.explain()

    def compare_methods(self) -> None:
        """Put all methods of the chosen model side by side."""
        self._ask(
            lambda form: tuple((form.model, replace(form.request, method=method)) for method in METHODS),
            partial(self._show_comparison, by_method=True),
            "Comparing methods",
            explain=True,
        )

    def compare(self) -> None:
        """Put the chosen model and the ticked ones side by side."""
        if not self.view.form.compared:
            self.sorry(ImageError("Tick at least one model to compare with."))
            return
        self._ask(
            lambda form: tuple((model, form.request) for model in (form.model, *form.compared)),
            self._show_comparison,
            "Comparing",
            explain=True,
        )

    def next_image(self) -> None:
        """Choose the next image of the list; what the key does."""
        self._step(1)

    def previous_image(self) -> None:
        """Choose the image before; what the key does."""
        self._step(-1)

    def _step(self, by: int) -> None:
        layers = [layer for layer in self.images.layers if is_subject(layer)]
        if not layers:
            return
        layer = self.images.layer
        place = layers.index(layer) + by if layer is not None and layer in layers else 0
        self._choose(layers[place % len(layers)])

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
            if plane.layer is not self.images.layer:
                return
            self.display.cover(maps, found, image, plane, signed=form.signed, opacity=form.opacity)
            self._asked = Asked.of(form, plane, every_slice=True)
            self.view.set_explained(True)
            self._check_fresh()
            self._say_meaning(found)

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
        """Save the maps on screen as overlay PNG, raw values and JSON, in the background."""
        image, signed = self.display.image, self.view.form.signed
        maps = [one for _, one in self.display.compared] or ([self.display.found] if self.display.found is not None else [])
        if not maps or image is None:
            return

        def write() -> list[Path]:
            from napari_medgen.saliency.export import export_map

            return [path for found in maps for path in export_map(image, found, folder, signed=signed, dicom=True)]

        self.write("Saving the map" if len(maps) == 1 else "Saving the maps", write)

    def folder_command(self, images: Path, out: Path) -> list[str]:
        """The same as a command line."""
        form = self.view.form
        request = form.request
        command = ["explain", str(images), "--model", str(find_model(form.model).path), "--method", request.method]
        command += ["--batch-norm", ("clean", "adversarial")[request.domain], "--clip", str(request.clip)]
        command += ["--class", request.label] if request.label else []
        command += ["--side", form.side] if form.side else []
        return command if form.signed else [*command, "--absolute"]

    def folder_work(self, images: Path, out: Path) -> Callable[[], Steps[FolderReport]]:
        """Explain every radiograph of a folder as the form says."""
        form = self.view.form

        def steps() -> Steps[FolderReport]:
            from napari_medgen.imaging.files import radiographs_in
            from napari_medgen.models.kept import Opened, key_of
            from napari_medgen.saliency.folder import ExplainWay, explain_files

            yield Progress(0, 0, "Loading the model")
            classifier, files = classifiers.get(form.model), radiographs_in(images)
            way = ExplainWay(form.request, form.side, form.signed)
            opens = Opened(classifier, key_of((classifier.folder.card.checksum,)))
            return (yield from explain_files(opens, files, out, way))

        return steps

    def close(self) -> None:
        """End all work of this widget, forget the models and let go of the viewer."""
        self.display.stop()
        if self.viewer_lives:
            self.boxes.end()
            self.display.leave()
        super().close()

    # -- work -----------------------------------------------------------------------------------------------------------

    def _ask(
        self,
        questions: Questions,
        show: Answered,
        title: str,
        *,
        explain: bool,
        anyway: bool = False,
    ) -> None:
        """Ask the models about the slice on screen, and for maps unless the image is unsuitable."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None or not form.model:
            return
        asked, excerpt = Asked.of(form, plane), self._excerpt(plane, form)
        if explain:
            self._asked_last = (questions, show, title)
            self.work.drop("fit")  # who asks this model wants this model
            self._bring_on_stage(plane.layer)
            # The answer comes with the map, so one that is being looked for alone is not needed.
            self._timer.stop()
            self.work.drop("answer")

        def steps() -> Steps[Reading]:
            return ask_models(questions(form), excerpt.image, explain=explain, anyway=anyway)

        def arrived(reading: Reading) -> None:
            if plane.layer is self.images.layer:  # an answer of another image is none of this one's
                self._of = weakref.ref(plane.layer)
                show(reading, plane, asked)

        kind = "map" if explain else "answer"
        self.work.submit(kind, f"{title} {excerpt.name}", steps, arrived, brief=True)

    def _show_answer(self, reading: Reading, plane: Plane, asked: Asked) -> None:
        if reading.warnings:
            self.view.set_answer({}, "")
        else:
            self.view.set_answer(reading.answer.probabilities, " ".join(reading.image.notes))
        self.view.set_warnings(reading.warnings, find_model(asked.model).example)

    def _show_map(self, reading: Reading, plane: Plane, asked: Asked) -> None:
        self._show_answer(reading, plane, asked)
        if not reading.maps:
            self._forget_map()
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
        self._asked = asked
        self._say_meaning(found)
        self.view.set_explained(True)
        self._check_fresh()

    def _show_comparison(self, reading: Reading, plane: Plane, asked: Asked, *, by_method: bool = False) -> None:
        self._show_answer(reading, plane, asked)
        if not reading.maps:
            self._forget_map()
            return
        if self.stage.owner not in (None, COMPARISON, "seen"):
            return  # another widget was asked since, and has the canvas
        form = self.view.form
        if by_method:
            maps = [found for _, found in reading.maps]
            titles = [f"{METHODS[found.request.method]}\n{found.provenance.model}, {found.label}" for found in maps]
        else:
            titles = [f"{variant}\n{found.label} {found.probability:.0%}" for variant, found in reading.in_order]
            maps = [found for _, found in reading.in_order]
        place = next((place for place in plane.index if place is not None), None)
        titles = titles if place is None else [f"{title}, slice {place}" for title in titles]
        self.display.compare(maps, titles, reading.image, plane, signed=form.signed, opacity=form.opacity)
        self._asked = replace(asked, compared="methods" if by_method else "models")
        self.view.set_explained(True, seen=False)
        self._check_fresh()
        self._say_meaning(maps[0])

    def _say_meaning(self, found: SaliencyMap) -> None:
        self.view.set_meaning(found.label, signed=self.view.form.signed and found.signed, clip=found.request.clip)

    def _forget_map(self) -> None:
        self.display.drop()
        self._asked = None
        self.view.set_explained(False)
        self.view.set_stale("")

    def _forget_answer(self) -> None:
        """Nothing of the image before is said of the next."""
        self.work.new_subject(but=(FOLDER,))
        self._asked_last = None
        self._forget_map()
        self._of = None
        self.view.set_answer({})
        self.view.set_warnings(())
        self._panel.clear_error()

    def _check_fresh(self) -> None:
        """Say at once where the map on screen is not what the form asks for now."""
        found = self.display.compared[0][1] if self.display.compared else self.display.found
        if self._asked is None or found is None:
            return
        words = ""
        if (layer := self.images.layer) is not None and self.viewer.dims.ndisplay == 2:
            try:
                words = self._asked.stale(Asked.of(self.view.form, Plane.shown(self.viewer, layer)), found)
            except MedGenError:
                words = ""
        self.view.set_stale(words)
        self.display.note(words)

    # -- layers ---------------------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        """Show the maps on screen in the look that the form says."""
        form, found = self.view.form, self.display.found
        self.display.restyle(signed=form.signed, opacity=form.opacity)
        if found is not None:
            self._say_meaning(found)

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
        if self.view.explained and self.display.found is None and not self.display.compared:
            self._forget_map()  # its layers were removed by hand, or by somebody who shows others
        self.view.set_images(self.images.names, self.images.name)
        if self.images.layer is None:
            self._subject_changed()

    def subject_chosen(self, event: Event | None = None) -> None:
        """Take what the stage shows as the image, where it can be explained."""
        subject = self.stage.subject
        if subject is not None and can_be_explained(subject) and subject is not self.images.layer:
            self._choose(subject)

    def come_forward(self) -> None:
        """Show the chosen image, with its map."""
        if (layer := self.images.layer) is not None:
            self._bring_on_stage(layer)

    def _bring_on_stage(self, layer: Image) -> None:
        """What is asked about is what is shown."""
        if self.stage.subject is not layer or self.stage.owner is not None or not layer.visible:
            self.stage.show(layer, *self.display.belonging(layer))

    def _choose(self, layer: Image) -> None:
        self.images.choose(layer)
        self.view.set_images(self.images.names, layer.name)
        self._subject_changed()

    def _hold(self, event: Event) -> None:
        # napari selects a layer that comes, or another where one goes: that is no choice of the user's.
        self._holding = True
        QTimer.singleShot(0, self._hold_no_longer)

    def _hold_no_longer(self) -> None:
        self._holding = False

    def _selection_changed(self, event: Event) -> None:
        active = self._active_image()
        # What stands in a captioned cell is not chosen by a click on its layer: it is looked at already.
        if self._holding or self.stage.owner is not None:
            return
        if active is not None and active is not self.images.layer:
            self._choose(active)

    def _place_changed(self, event: Event) -> None:
        self._check_fresh()
        if self._of is not None:
            self.view.set_answer_old(True)
        self._timer.start()

    def _note_model(self) -> None:
        self._model_chosen = True

    def _subject_changed(self) -> None:
        form = self.view.form
        if form.image != self.images.name:
            self.images.choose_name(form.image)  # the user chose it in the form
        layer = self.images.layer
        if (self._last() is not layer) or layer is None:
            self._last_of = weakref.ref(layer) if layer is not None else None
            self.boxes.end()
            self._forget_answer()
            self.view.begin_anew()
            form = self.view.form
            if layer is not None:
                self.stage.show(layer)
                self._find_model(layer)
        if form.model and form.model != self._model:
            self._model = form.model
            self._offer(form.model)
        self._check_fresh()
        if self._of is not None:
            self.view.set_answer_old(True)
        self.view.set_stack(layer is not None and layer.ndim == 3 and not layer.rgb)
        self._timer.start()

    def _last(self) -> Image | None:
        return self._last_of() if self._last_of is not None else None

    def _find_model(self, layer: Image) -> None:
        """Choose the model that was trained for such an image, unless the user chose one."""
        flat = layer.ndim == 2 or FUTURE in layer.metadata
        names = one_of_each_family() if flat and not self._model_chosen else []
        if len(names) < 2:
            return
        try:
            excerpt = Plane.shown(self.viewer, layer).excerpt()
        except MedGenError:
            return

        def show(name: str) -> None:
            if name and layer is self.images.layer and not self._model_chosen:
                self.view.choose_model(name)

        self.work.submit("fit", "Finding the model", lambda: fitting_model(names, excerpt.image), show, shown=False)

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
        self.view.set_model(
            own.labels, own.domain_names, others, sided=bool(own.view.mirror), of_knees=own.body_part.startswith("knee")
        )

    def _refresh(self) -> None:
        """Classify what is on screen now; explain it too if the reader asked to follow."""
        form = self.view.form
        if self.images.layer is None or not form.model:
            self.view.set_warnings(())
            return
        if self.viewer.dims.ndisplay != 2:
            return
        if form.follow and self.stage.owner is None and self.stage.subject is self.images.layer:
            self.explain()
        else:
            self._ask(_one, self._show_answer, "Looking at", explain=False)


def _one(form: OverlayForm) -> tuple[Question, ...]:
    return ((form.model, form.request),)


class OverlaySaliency(DockWidget):
    """The dock widget **Overlay saliency**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = OverlayView()
        self.coordinator = OverlayCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
