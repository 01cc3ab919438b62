"""The coordinator of **Sample volumes**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.hanging import hang
from napari_medgen.viewer.layers.volumes import KEY, image_options, volume_of
from napari_medgen.viewer.sample.view import SampleForm, SampleRow, SampleView
from napari_medgen.viewer.widgets.card_dialog import CardDialog
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work import generators
from napari_medgen.viewer.work.queue import Job, WorkQueue, shared_queue

if TYPE_CHECKING:
    from napari_medgen.imaging.volume import Volume
    from napari_medgen.volumes.model import Sample
    from napari_medgen.volumes.request import SampleRequest


class SampleCoordinator(QObject):
    """Turns what the view asks for into work, and results into layers.

    Parameters
    ----------
    view
        Form, buttons and table.
    viewer
        A napari viewer or ``ViewerModel``.
    queue
        Where the work runs.
    """

    def __init__(self, view: SampleView, viewer: Any, queue: WorkQueue) -> None:
        super().__init__(view)
        self.view, self.viewer, self.queue = view, viewer, queue
        self._running: dict[int, str] = {}
        self._forming: dict[int, Any] = {}
        self._layers: list[Any] = []
        self._cost_number = 0
        self._cost_timer = QTimer(self, singleShot=True, interval=200)
        self._cost_timer.timeout.connect(self._estimate)
        view.sample_requested.connect(self.sample)
        view.interpolate_requested.connect(self.interpolate)
        view.card_requested.connect(self.show_card)
        view.save_requested.connect(self.ask_and_save)
        view.form_changed.connect(self._form_changed)
        view.row_selected.connect(self._select)
        view.work.cancel_requested.connect(self.cancel)
        viewer.layers.events.removed.connect(self._layer_removed)
        generators.hold(self)
        hang(viewer)
        self._shown_model = ""
        view.set_models([folder.name for folder in list_models("volumes")])
        self._form_changed()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Queue one job a volume."""
        form = self.view.form
        for index in range(form.count):
            self._submit(form, form.seed + index, lambda generator, request: generator.sample(request))

    def interpolate(self) -> None:
        """Queue a volume half-way between two seeds."""
        form = self.view.form
        self._submit(form, form.seed, lambda generator, request: generator.interpolate(request, request.seed + 1, 0.5))

    def cancel(self) -> None:
        """End what runs and what waits."""
        for number in list(self._running):
            self.queue.cancel(number)

    def show_card(self) -> None:
        """Open the model's card."""
        if name := self.view.form.model:
            CardDialog(find_model(name).card, self.view).show()

    def ask_and_save(self) -> None:
        """Ask for a folder and save there."""
        folder = QFileDialog.getExistingDirectory(self.view, "Save volumes in")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> list[Path]:
        """Save the volumes chosen in the table as NIfTI; the files written."""
        written: list[Path] = []
        self.view.work.clear_error()
        try:
            for row in self.view.chosen_rows:
                layer = self._layers[row]
                data, meta, _ = layer.as_layer_data_tuple()
                written += write_nifti(volume_of(data, meta), _free_path(folder, layer.name))
        except MedGenError as error:
            self.view.work.show_error(error)
        return written

    def close(self) -> None:
        """End all work of this widget, forget the model and let go of the viewer."""
        self._cost_timer.stop()
        self.cancel()
        if self._cost_number:
            self.queue.cancel(self._cost_number)
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self._layers.clear()
        generators.release(self)

    # -- work -----------------------------------------------------------------------------------------------------------

    def _submit(self, form: SampleForm, seed: int, make: Callable[[Any, SampleRequest], Steps[Sample]]) -> None:
        self.view.work.clear_error()
        title = f"{form.model} seed {seed}"
        numbers: list[int] = []

        def steps() -> Steps[Sample]:
            yield Progress(0, 0, "Loading the model")
            generator = generators.generator(form.model, form.device)
            return (yield from make(generator, _request(form, seed)))

        number = self.queue.submit(
            Job(
                title,
                steps,
                on_progress=lambda progress: self._show_progress(numbers[0], progress),
                on_result=lambda sample: self._show_sample(numbers[0], sample),
                on_error=self.view.work.show_error,
                on_end=lambda: self._end(numbers[0]),
            )
        )
        numbers.append(number)
        self._running[number] = title
        if len(self._running) == 1:
            self.view.work.begin(title, 0)

    def _show_progress(self, number: int, progress: Progress) -> None:
        title = self._running[number]
        self.view.work.show_progress(title, progress, len(self._running) - 1)
        look: Volume | None = progress.preview
        if look is None:
            return
        layer = self._forming.get(number)
        if layer is not None and layer in self.viewer.layers:
            layer.data = look.voxels
        else:
            self._forming[number] = self.viewer.add_image(look.voxels, **_options(look))

    def _show_sample(self, number: int, sample: Sample) -> None:
        volume = sample.volume
        options = _options(volume)
        if volume.provenance.operation.startswith("interpolate"):
            options["name"] = f"{volume.name} blended"
        layer = self._forming.pop(number, None)
        if layer is not None and layer in self.viewer.layers:
            # The layer that was watched forming becomes the volume, so nothing jumps.
            layer.data = volume.voxels
            # Its place is the preview's already; setting it again would slice the volume twice more.
            layer.metadata, layer.name = options["metadata"], options["name"]
        else:
            layer = self.viewer.add_image(volume.voxels, **options)
        self._layers.append(layer)
        near = sample.nearest
        self.view.add_row(
            SampleRow(
                volume=layer.name,
                nearest=near.name if near else "not recorded",
                distance=f"{near.distance:.3f}" if near else "",
                verdict=near.verdict if near else "",
                seconds=f"{sample.seconds:.1f}",
                note=near.explanation if near else "This model carries no descriptors of its training volumes.",
                warn=near is not None and near.percentile < 5,
            )
        )

    def _end(self, number: int) -> None:
        self._running.pop(number, None)
        layer = self._forming.pop(number, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
        if not self._running:
            self.view.work.rest()

    # -- what follows from changes ----------------------------------------------------------------------------------------

    def _form_changed(self) -> None:
        name = self.view.form.model
        if not name:
            self.view.set_cost("No model was found: import one, or train one, with napari-medgen.")
            return
        if name != self._shown_model:
            self._shown_model = name
            card = find_model(name).card
            self.view.set_card(card, card.architecture.get("conditions", []))
        self._cost_timer.start()

    def _estimate(self) -> None:
        """Say what a press would cost; this also loads the model, so that the first press is quick."""
        form = self.view.form
        if self._cost_number:
            self.queue.cancel(self._cost_number)

        def steps() -> Steps[str]:
            yield Progress(0, 1)
            generator = generators.generator(form.model, form.device)
            request = _request(form, form.seed)
            cost = generator.estimate(request, form.count)
            return f"{cost.label} on {generator.computing(request).label}"

        # The number is of this moment's form; a later form cancels it.
        self._cost_number = self.queue.submit(Job("Estimate", steps, on_result=self._show_cost, on_error=self._show_cost))

    def _show_cost(self, cost: str | Exception) -> None:
        self.view.set_cost(str(cost))

    def _select(self, row: int) -> None:
        if row < len(self._layers):
            layer = self._layers[row]
            self.viewer.layers.selection = {layer}
            for other in self._layers:
                other.visible = other is layer

    def _layer_removed(self, event: Any) -> None:
        if event.value in self._layers:
            row = self._layers.index(event.value)
            del self._layers[row]
            self.view.remove_row(row)


def _options(volume: Volume) -> dict[str, Any]:
    """What a sampled layer is shown with: contrast limits are the model's own, so that volumes can be compared."""
    low, high = find_model(volume.provenance.model).card.architecture["intensities"]
    return image_options(volume) | {"contrast_limits": (low, high)}


def _request(form: SampleForm, seed: int) -> SampleRequest:
    from napari_medgen.volumes.request import SampleRequest

    return SampleRequest(
        seed=seed,
        sampler=form.sampler,
        steps=form.steps,
        condition=form.condition,
        guidance=form.guidance,
        previews=True,
    )


def _free_path(folder: Path, name: str) -> Path:
    """A path in the folder that no file has yet."""
    plain = re.sub(r"[^\w.-]+", "_", name).strip("_") or KEY
    candidates = (folder / f"{plain}{'' if i == 0 else f'_{i}'}.nii.gz" for i in range(10_000))
    return next(path for path in candidates if not path.exists())


class SampleVolumes(DockWidget):
    """The dock widget **Sample volumes**."""

    def __init__(self, napari_viewer: Any) -> None:
        self.view = SampleView()
        self.coordinator = SampleCoordinator(self.view, napari_viewer, shared_queue())
        super().__init__(self.view, self.coordinator)
