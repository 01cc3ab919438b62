"""The coordinator of **Sample volumes**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import itertools
import re
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from napari_medgen.imaging.files import VOLUME_SUFFIXES, read_volume
from napari_medgen.models.catalogue import find_model, list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.orientation import show_plane
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import KEY
from napari_medgen.viewer.layers.volumes import image_options, volume_of
from napari_medgen.viewer.sample.beside import Beside, find_and_read, training_folders
from napari_medgen.viewer.sample.view import SampleForm, SampleRow, SampleView
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work.models import generators
from napari_medgen.viewer.work.preferences import cluster_in_force, preferences, set_training_folder
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event

    from napari_medgen.imaging.volume import Volume
    from napari_medgen.volumes.model import Sample, VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

_DEVICE_WORDS = {"cuda": "NVIDIA GPU", "mps": "Apple GPU"}
_SETTLE = 200  # milliseconds without a further change before the cost is estimated


class SampleCoordinator(Coordinator):
    """Turns what the view asks for into work, and samples into layers.

    Parameters
    ----------
    view
        Form, buttons and table.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where models compute, and where files are written.
    """

    save_title = "Save volumes in"

    def __init__(self, view: SampleView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files, (generators,))
        self.view = view
        self._numbers = itertools.count()
        self._forming: dict[str, Image] = {}
        self._watching = True  # what forms is on screen, unless the user looked at something else since Sample was pressed
        self._layers: list[Image] = []
        self._nearest: weakref.WeakKeyDictionary[Image, str] = weakref.WeakKeyDictionary()
        self._beside = Beside(self.viewer)
        self._last_look = 0.0
        self._shown_model = ""
        self._devices: dict[str, str] = {}
        self._cost_timer = self.settled(_SETTLE, self._estimate)
        view.sample_requested.connect(self.sample)
        view.interpolate_requested.connect(self.interpolate)
        view.card_requested.connect(lambda: self.show_card_of(view.form.model))
        view.save_requested.connect(self.ask_and_save)
        view.figure_requested.connect(self.ask_for_figure)
        view.plane_requested.connect(lambda plane: show_plane(self.viewer, plane))
        view.nearest_requested.connect(self.ask_for_nearest)
        view.real_requested.connect(self.ask_for_real)
        view.form_changed.connect(self._form_changed)
        view.row_selected.connect(self._select)
        self.listen(self.viewer.layers.events.removed, self._layer_removed)
        self._offer_places()
        view.set_models([folder.name for folder in list_models("volumes")])
        self._form_changed()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Queue one job a volume; ask for a folder where a cluster makes them."""
        form = self.view.form
        if form.cluster:
            self._ask_and_send(form)
            return
        self._watching = True
        for index in range(form.count):
            self._submit(form, form.seed + index, lambda generator, request: generator.sample(request))

    def _ask_and_send(self, form: SampleForm) -> None:
        out = QFileDialog.getExistingDirectory(self.view, "Write the volumes to (a folder that the cluster sees)")
        if out:
            what = f"{form.count} x {form.model}, seed {form.seed}" + (" and on" if form.count > 1 else "")
            self.send(what, _command(form), Path(out), form.cluster)

    def interpolate(self) -> None:
        """Queue a volume half-way between two seeds."""
        form = self.view.form
        self._watching = True
        self._submit(form, form.seed, lambda generator, request: generator.interpolate(request, request.seed + 1, 0.5))

    def save(self, folder: Path) -> None:
        """Save the volumes chosen in the table as NIfTI, in the background."""
        chosen = [self._layers[row].as_layer_data_tuple() for row in self.view.chosen_rows]

        def write() -> list[Path]:
            from napari_medgen.imaging.nifti import write_nifti

            written: list[Path] = []
            for data, meta, _ in chosen:
                written += write_nifti(volume_of(data, meta), _free_path(folder, str(meta["name"])))
            return written

        self.write(f"Saving {len(chosen)} {'volume' if len(chosen) == 1 else 'volumes'}", write)

    def ask_for_nearest(self) -> None:
        """Show the chosen sample beside the training volume that it is most like; ask where those are, if nobody said it."""
        sample = self._chosen
        if sample is None or not self._nearest.get(sample):
            self._panel.say("This model does not record which training volume a sample is most like.")
            return
        folders = training_folders()
        if not folders:
            chosen = QFileDialog.getExistingDirectory(self.view, f"Folder of the training volume {self._nearest[sample]}")
            if not chosen:
                return
            folders = (Path(chosen),)
            set_training_folder(folders[0])
        self.show_nearest(sample, folders)

    def show_nearest(self, sample: Image, folders: Sequence[Path]) -> None:
        """Show a sample beside its nearest training volume, which lies in one of some folders or below."""
        name = self._nearest[sample]
        self._show_beside(sample, f"Looking for {name}", lambda: find_and_read(name, folders), "nearest training volume")

    def ask_for_real(self) -> None:
        """Show the chosen sample beside a real volume: the one opened last, or one of a file."""
        sample = self._chosen
        if sample is None:
            return
        real = self._beside.real
        if real is not None:
            self._beside.show(sample, real, "real")
            return
        file, _ = QFileDialog.getOpenFileName(
            self.view, "A real volume", "", f"Volumes ({' '.join('*' + s for s in VOLUME_SUFFIXES)})"
        )
        if file:
            self.show_beside_file(sample, Path(file))

    def show_beside_file(self, sample: Image, path: Path) -> None:
        """Show a sample beside a volume of a file."""
        self._show_beside(sample, f"Reading {path.name}", lambda: read_volume(path), "real")

    def _show_beside(self, sample: Image, title: str, read: Callable[[], Volume], caption: str) -> None:
        def steps() -> Steps[tuple[Volume, dict[str, Any]]]:
            yield Progress(0, 0, title)
            volume = read()
            return volume, image_options(volume)

        def show(made: tuple[Volume, dict[str, Any]]) -> None:
            self._beside.show_volume(sample, *made, caption)

        self.work.submit("beside", title, steps, show, file=True, brief=True)

    @property
    def _chosen(self) -> Image | None:
        """The sample that is chosen in the table: the first of several; the last where none is."""
        rows = self.view.chosen_rows
        return self._layers[rows[0] if len(rows) < len(self._layers) else rows[-1]] if self._layers and rows else None

    def close(self) -> None:
        """End all work of this widget, forget the model and let go of the viewer."""
        self._beside.close()
        super().close()
        self._layers.clear()

    # -- work -----------------------------------------------------------------------------------------------------------

    def _submit(self, form: SampleForm, seed: int, make: Callable[[VolumeGenerator, SampleRequest], Steps[Sample]]) -> None:
        kind = f"sample {next(self._numbers)}"
        request = _request(form, seed)

        def steps() -> Steps[tuple[Sample, dict[str, Any]]]:
            yield Progress(0, 0, "Loading the model")
            sample = yield from make(generators.get((form.model, form.device)), request)
            return sample, _options(sample.volume)

        self.work.submit(
            kind,
            f"{form.model} seed {seed}",
            steps,
            lambda made: self._show_sample(kind, *made),
            lambda progress: self._show_look(kind, progress.preview),
            on_end=lambda: self._end(kind),
            lasts=repr((form.model, form.device, request.sampler, request.steps)),
        )

    def _show_look(self, kind: str, look: Volume | None) -> None:
        rate, now = preferences().preview_rate, time.monotonic()
        if look is None or rate == 0 or now - self._last_look < 1 / rate:
            return
        self._last_look = now
        layer = self._forming.get(kind)
        if layer is not None and layer in self.viewer.layers:
            layer.data = look.voxels
        else:
            layer = self._forming[kind] = add_image(self.viewer, look.voxels, **_options(look) | {"visible": False})
            if self._watching:
                self.stage.show(layer)

    def _show_sample(self, kind: str, sample: Sample, options: dict[str, Any]) -> None:
        volume = sample.volume
        if volume.provenance.operation.startswith("interpolate"):
            options["name"] = f"{volume.name} blended"
        layer = self._forming.pop(kind, None)
        if layer is not None and layer in self.viewer.layers:
            # The layer that was watched forming becomes the volume, so nothing jumps.
            layer.data = volume.voxels
            # Its place is the preview's already; setting it again would slice the volume twice more.
            layer.metadata, layer.name = options["metadata"], options["name"]
        else:
            layer = add_image(self.viewer, volume.voxels, **options | {"visible": False})
        self._layers.append(layer)
        if self._watching:
            self.stage.show(layer)
        near = sample.nearest
        if near is not None:
            self._nearest[layer] = near.name
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
        self._follow_stage()
        self._cost_timer.start()  # it knows better now

    def _end(self, kind: str) -> None:
        layer = self._forming.pop(kind, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

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
        if form.cluster:
            self.work.drop("estimate")
            self.view.set_cost("Each volume becomes a file in a folder that you choose; the job outlives this window.")
            return
        request = _request(form, form.seed)

        def steps() -> Steps[tuple[str, dict[str, str]]]:
            from napari_medgen.running.devices import available

            yield Progress(0, 1)
            generator = generators.get((form.model, form.device))
            cost = generator.estimate(request, form.count)
            words = {_DEVICE_WORDS.get(name.partition(":")[0], name): name for name in available() if name != "cpu"}
            return f"{cost.label} on {generator.computing(request).label}", words

        # A later form ends the estimate of this one.
        self.work.submit("estimate", "Estimate", steps, self._show_cost, on_error=self._show_cost, shown=False)

    def _show_cost(self, known: tuple[str, dict[str, str]] | Exception) -> None:
        """Say what a press would cost, and offer what was found to compute with: it takes PyTorch to know it."""
        if isinstance(known, Exception):
            self.view.set_cost(str(known))
            return
        cost, self._devices = known
        self.view.set_cost(cost)
        self._offer_places()

    def _offer_places(self) -> None:
        self.view.set_places(self._devices, cluster_in_force())

    def preferences_changed(self) -> None:
        """Offer the cluster that was entered."""
        super().preferences_changed()
        self._offer_places()

    def _select(self, row: int) -> None:
        if row < len(self._layers):
            layer = self._layers[row]
            self._watching = self._watching and layer is self.stage.subject
            self.stage.show(layer)
            self.viewer.layers.selection = {layer}

    def subject_chosen(self, event: Event | None = None) -> None:
        """Choose the line of what the stage shows; what forms goes on unseen where the user looks at something else."""
        if self.stage.subject not in (*self._forming.values(), *self._layers):
            self._watching = False
        self._follow_stage()

    def come_forward(self) -> None:
        """Show the sample that was chosen."""
        rows = self.view.chosen_rows
        if len(rows) == 1 and len(self._layers) > 1 and self.stage.subject is not self._layers[rows[0]]:
            self.stage.show(self._layers[rows[0]])

    def _follow_stage(self) -> None:
        subject = self.stage.subject
        self.view.choose_row(self._layers.index(subject) if subject in self._layers else None)

    def _layer_removed(self, event: Event) -> None:
        if event.value in self._layers:
            row = self._layers.index(event.value)
            del self._layers[row]
            self.view.remove_row(row)


def _options(volume: Volume) -> dict[str, Any]:
    """What a sampled layer is shown with: contrast limits are the model's own, so that volumes can be compared."""
    low, high = find_model(volume.provenance.model).card.architecture["intensities"]
    return image_options(volume, (low, high))


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


def _command(form: SampleForm) -> list[str]:
    """What the form asks for, as a command line without place and folder."""
    command = ["sample", "--model", str(find_model(form.model).path), "--count", str(form.count), "--seed", str(form.seed)]
    command += ["--sampler", form.sampler, "--steps", str(form.steps), "--guidance", str(form.guidance)]
    for name, value in form.condition.items():
        command += ["--condition", f"{name}={value}"]
    return command


def _free_path(folder: Path, name: str) -> Path:
    """A path in the folder that no file has yet."""
    plain = re.sub(r"[^\w.-]+", "_", name).strip("_") or KEY
    candidates = (folder / f"{plain}{'' if i == 0 else f'_{i}'}.nii.gz" for i in range(10_000))
    return next(path for path in candidates if not path.exists())


class SampleVolumes(DockWidget):
    """The dock widget **Sample volumes**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = SampleView()
        self.coordinator = SampleCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
