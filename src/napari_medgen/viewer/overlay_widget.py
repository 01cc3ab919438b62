"""The coordinator of **Overlay saliency**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer import classifiers
from napari_medgen.viewer.card_dialog import CardDialog
from napari_medgen.viewer.dock_widget import DockWidget
from napari_medgen.viewer.hanging import hang
from napari_medgen.viewer.overlay_view import OverlayForm, OverlayView
from napari_medgen.viewer.radiograph_layers import Plane, with_side
from napari_medgen.viewer.saliency_layers import (
    SEEN,
    close_comparison,
    compare_side_by_side,
    is_comparison,
    is_map,
    is_ours,
    leave_grid,
    look,
    overlay_options,
    shown_values,
    toggle_maps,
)
from napari_medgen.viewer.survival_dialog import SurvivalDialog
from napari_medgen.viewer.work_queue import Job, WorkQueue, shared_queue

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.maps import Answer, SaliencyMap
    from napari_medgen.saliency.randomisation import Survival

TOGGLE_KEY = "H"
_SETTLE = 60  # milliseconds without a further change before the map follows


@dataclass(frozen=True)
class _Reading:
    """What the background found: the answer, why the image may be unsuitable, and the maps with titles, if any were made."""

    answer: Answer
    warnings: tuple[str, ...]
    maps: tuple[tuple[str, SaliencyMap], ...]
    seconds: float


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
        self.view, self.viewer, self.queue = view, viewer, queue
        self._overlay: Any = None
        self._found: SaliencyMap | None = None
        self._explained: Radiograph | None = None
        self._plane: Plane | None = None
        self._running: dict[str, int] = {}
        self._model = ""
        self._comparing = False
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
        viewer.layers.events.inserted.connect(self._layers_changed)
        viewer.layers.events.removed.connect(self._layers_changed)
        viewer.layers.selection.events.active.connect(self._selection_changed)
        viewer.dims.events.current_step.connect(self._place_changed)
        viewer.dims.events.order.connect(self._place_changed)
        viewer.bind_key(TOGGLE_KEY, toggle_maps, overwrite=True)
        hang(viewer)
        view.set_models([folder.name for folder in list_models("saliency")])
        self._layers_changed()
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

        def steps() -> Steps[Any]:
            from napari_medgen.saliency.slices import explain_stack

            yield Progress(0, 0, "Loading the model")
            return (
                yield from explain_stack(classifiers.classifier(form.model), stack, (low, high), form.request, name=name)
            )

        def show(maps: Any) -> None:
            # The slice on screen was explained before, so its layer knows class and geometry.
            whole = replace(plane, index=(0, None, None))
            if self._found is None or layer not in self.viewer.layers:
                return
            options = overlay_options(self._found, whole, signed=form.signed, opacity=form.opacity)
            self._replace_overlay(shown_values(maps, form.signed and self._found.signed), options)

        self._submit("slices", f"Every slice of {name}", steps, show)

    def show_seen(self) -> None:
        """Add the part of the image that the network saw, at the size it saw, in its place."""
        found, plane = self._found, self._plane
        if found is None or plane is None or plane.layer not in self.viewer.layers:
            return
        seen = found.seen[:, ::-1] if found.view.mirrored else found.seen
        top, left, bottom, right = found.view.box
        base = plane.placement()
        steps = [step for step, place in zip(base["scale"], plane.index, strict=True) if place is None]
        scale = ((bottom - top) / seen.shape[0] * steps[0], (right - left) / seen.shape[1] * steps[1])
        if plane.upright or plane.transposed:
            self._sorry(ImageError("What the network sees is shown for radiographs and axial slices only."))
            return
        start = [s for s, place in zip(base["translate"], plane.index, strict=True) if place is None]
        # A pixel's centre is its place, so larger pixels begin half a small one earlier and half a large one later.
        corner = (
            start[0] + top * steps[0] + (scale[0] - steps[0]) / 2,
            start[1] + left * steps[1] + (scale[1] - steps[1]) / 2,
        )
        self.viewer.add_image(
            seen,
            name=f"Network's view: {plane.layer.name}",
            contrast_limits=(0, 1),
            colormap="gray",
            scale=scale,
            translate=corner,
            units=base["units"][-2:],
            axis_labels=base["axis_labels"][-2:],
            metadata={SEEN: True},
        )

    def shuffle_test(self) -> None:
        """Shuffle the model's weights layer after layer, and show how much of the map is left."""
        form, plane = self.view.form, self._plane_on_screen()
        if plane is None:
            return
        image = self._image(plane, form)

        def steps() -> Steps[Any]:
            from napari_medgen.saliency.randomisation import randomisation_test

            yield Progress(0, 0, "Loading the model")
            return (yield from randomisation_test(classifiers.classifier(form.model), image, form.request))

        def show(found: list[Survival]) -> None:
            SurvivalDialog(form.model, found, self.view).show()

        self._submit("test", "Shuffle test", steps, show)

    def ask_and_save(self) -> None:
        """Ask for a folder and save there."""
        folder = QFileDialog.getExistingDirectory(self.view, "Save the map in")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> list[Path]:
        """Save the map on screen as overlay PNG, raw values and JSON; the files written."""
        from napari_medgen.saliency.export import export_map

        if self._found is None or self._explained is None:
            return []
        try:
            return export_map(self._explained, self._found, folder, signed=self.view.form.signed)
        except MedGenError as error:
            self._sorry(error)
            return []

    def show_card(self) -> None:
        """Open the model's card."""
        if name := self.view.form.model:
            CardDialog(find_model(name).card, self.view).show()

    def cancel(self) -> None:
        """End what runs and what waits."""
        for number in list(self._running.values()):
            self.queue.cancel(number)

    def close(self) -> None:
        """End all work of this widget, forget the models and let go of the viewer."""
        self._timer.stop()
        self.cancel()
        events = self.viewer.layers.events
        events.inserted.disconnect(self._layers_changed)
        events.removed.disconnect(self._layers_changed)
        self.viewer.layers.selection.events.active.disconnect(self._selection_changed)
        self.viewer.dims.events.current_step.disconnect(self._place_changed)
        self.viewer.dims.events.order.disconnect(self._place_changed)
        self._overlay = self._plane = self._found = self._explained = None
        classifiers.forget()

    # -- work -----------------------------------------------------------------------------------------------------------

    def _read(
        self,
        models: Callable[[OverlayForm], tuple[str, ...]],
        show: Callable[[_Reading, Plane, Radiograph], None],
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
        begun, names = time.perf_counter(), models(form)
        kind = "map" if explain else "answer"
        if explain:
            # The answer comes with the map, so one that is being looked for alone is not needed.
            self._timer.stop()
            self._drop_work("answer")

        def steps() -> Steps[_Reading]:
            yield Progress(0, len(names), "Loading the model")
            first = classifiers.classifier(names[0])
            answer, doubts = first.answer(image, form.request.domain), tuple(first.warnings_about(image))
            maps = []
            if explain and (form.anyway or not doubts):
                # All maps explain the class that the first model finds most probable, so that they can be compared.
                request = replace(form.request, label=form.request.label or answer.best)
                for index, name in enumerate(names):
                    model = classifiers.classifier(name)
                    maps.append((model.variant(request.domain), model.explain(image, request)))
                    yield Progress(index + 1, len(names), name)
            return _Reading(answer, doubts, tuple(maps), time.perf_counter() - begun)

        self._submit(kind, f"{title} {image.name}", steps, lambda reading: show(reading, plane, image))

    def _submit(self, kind: str, title: str, steps: Callable[[], Steps[Any]], show: Callable[[Any], None]) -> None:
        """Run one piece of work of a kind; an older one of that kind is out of date and ends."""
        self._drop_work(kind)
        self.view.work.clear_error()

        def end() -> None:
            if self._running.get(kind) == number:
                del self._running[kind]
            if not self._running:
                self.view.work.rest()

        number = -1
        number = self.queue.submit(
            Job(
                title,
                steps,
                on_progress=lambda progress: self.view.work.show_progress(title, progress, len(self._running) - 1),
                on_result=show,
                on_error=self.view.work.show_error,
                on_end=end,
            )
        )
        self._running[kind] = number
        if kind not in ("answer", "map"):  # those are over before a bar could be read
            self.view.work.begin(title, len(self._running) - 1)

    def _drop_work(self, kind: str) -> None:
        if kind in self._running:
            self.queue.cancel(self._running[kind])

    def _show_answer(self, reading: _Reading, plane: Plane, image: Radiograph) -> None:
        if reading.warnings:
            self.view.set_answer({}, "")
        else:
            self.view.set_answer(reading.answer.probabilities, " ".join(image.notes))
        self.view.set_warnings(reading.warnings)

    def _show_map(self, reading: _Reading, plane: Plane, image: Radiograph) -> None:
        self._show_answer(reading, plane, image)
        if not reading.maps or plane.layer not in self.viewer.layers:
            self._drop_overlay()
            return
        form, ((_, found),) = self.view.form, reading.maps
        note = f"{found.label} explained in {reading.seconds * 1000:.0f} ms."
        if reading.warnings:
            note = f"A doubtful map, made all the same: {found.label} {found.probability:.0%}."
            self.view.set_answer({}, note)
        else:
            self.view.set_answer(reading.answer.probabilities, note)
        self._found, self._plane, self._explained = found, plane, image
        options = overlay_options(found, plane, signed=form.signed, opacity=form.opacity)
        if reading.warnings:
            options["name"] = f"DOUBTFUL {options['name']}"
        close_comparison(self.viewer)
        self._replace_overlay(shown_values(plane.values(found.values), form.signed and found.signed), options)
        self.view.set_meaning(found.label, signed=form.signed and found.signed)
        self.view.set_explained(True)

    def _show_comparison(self, reading: _Reading, plane: Plane, image: Radiograph) -> None:
        self._show_answer(reading, plane, image)
        if not reading.maps or plane.layer not in self.viewer.layers:
            return
        self._drop_overlay()
        form = self.view.form
        # In the papers' order, whichever of them was chosen.
        ordered = sorted(reading.maps, key=lambda pair: _place_of(pair[0]))
        titles = [f"{variant} {found.probability:.0%}" for variant, found in ordered]
        maps = [found for _, found in ordered]
        compare_side_by_side(self.viewer, plane, maps, titles=titles, signed=form.signed, opacity=form.opacity)
        self._comparing = True
        self.view.set_meaning(maps[0].label, signed=form.signed and maps[0].signed)

    # -- layers ---------------------------------------------------------------------------------------------------------

    def _replace_overlay(self, values: Any, options: dict[str, Any]) -> None:
        old = self._overlay
        if old is not None and old in self.viewer.layers and old.ndim == values.ndim:
            old.data = values
            for key in ("scale", "translate", "metadata", "opacity", "colormap", "contrast_limits", "name"):
                setattr(old, key, options[key])
            old.visible = True
            return
        self._remove_layer()
        self._overlay = self.viewer.add_image(values, **options)
        self._overlay.colorbar.visible = True

    def _remove_layer(self) -> None:
        old, self._overlay = self._overlay, None
        if old is not None and old in self.viewer.layers:
            self.viewer.layers.remove(old)

    def _drop_overlay(self) -> None:
        """Take the map away: there is nothing explained any more."""
        self._remove_layer()
        self._found = None
        self.view.set_explained(False)

    def _restyle(self) -> None:
        """Show the maps on screen in the look that the form says."""
        form = self.view.form
        if self._overlay is not None and self._found is not None and self._plane is not None:
            signed = form.signed and self._found.signed
            if self._overlay.data.shape == self._plane.shape:
                self._overlay.data = shown_values(self._plane.values(self._found.values), signed)
            for key, value in look(signed).items():
                setattr(self._overlay, key, value)
            self.view.set_meaning(self._found.label, signed=signed)
        for layer in self.viewer.layers:
            if is_map(layer):
                layer.opacity = form.opacity

    def _image_layers(self) -> list[Any]:
        from napari.layers import Image

        return [x for x in self.viewer.layers if isinstance(x, Image) and not is_ours(x)]

    def _plane_on_screen(self) -> Plane | None:
        name = self.view.form.image
        if name not in self.viewer.layers:
            self._sorry(ImageError("Open a radiograph or a volume first."))
            return None
        try:
            return Plane.shown(self.viewer, self.viewer.layers[name])
        except MedGenError as error:
            self._sorry(error)
            return None

    def _image(self, plane: Plane, form: OverlayForm) -> Radiograph:
        return with_side(plane.image(as_on_screen=form.as_on_screen), form.side)

    def _sorry(self, error: Exception) -> None:
        self.view.work.show_error(error)

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def _layers_changed(self, event: Any = None) -> None:
        if self._comparing and not any(is_comparison(layer) for layer in self.viewer.layers):
            self._comparing = False  # the layers were removed by hand
            leave_grid(self.viewer)
        before = self.view.form.image
        names = [layer.name for layer in self._image_layers()]
        active = self.viewer.layers.selection.active
        added = getattr(event, "type", "") == "inserted" and event.value in self._image_layers()
        chosen = event.value.name if added else before if before in names else getattr(active, "name", "")
        self.view.set_images(names, chosen)
        if self.view.form.image != before:
            self._subject_changed()

    def _selection_changed(self, event: Any = None) -> None:
        active = self.viewer.layers.selection.active
        names = [layer.name for layer in self._image_layers()]
        if active is not None and active.name in names and active.name != self.view.form.image:
            self.view.set_images(names, active.name)
            self._subject_changed()

    def _place_changed(self, event: Any = None) -> None:
        self._timer.start()

    def _subject_changed(self) -> None:
        form = self.view.form
        if form.model and form.model != self._model:
            self._model = form.model
            self._offer(form.model)
        layers = self.viewer.layers
        self.view.set_stack(form.image in layers and layers[form.image].ndim == 3 and not layers[form.image].rgb)
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
        if form.image not in self.viewer.layers or not form.model:
            self.view.set_warnings(())
            return
        if self.viewer.dims.ndisplay != 2:
            return
        if form.follow:
            self.explain()
        else:
            self._read(lambda form: (form.model,), self._show_answer, "Looking at", explain=False)


def _place_of(variant: str) -> int:
    order = ("standard", "adversarial", "dual")
    return next((place for place, way in enumerate(order) if variant.startswith(way)), len(order))


class OverlaySaliency(DockWidget):
    """The dock widget **Overlay saliency**."""

    def __init__(self, napari_viewer: Any) -> None:
        self.view = OverlayView()
        self.coordinator = OverlayCoordinator(self.view, napari_viewer, shared_queue())
        super().__init__(self.view, self.coordinator)
