"""What stands between a view, a viewer and the queues, and undoes all of it when the widget is closed."""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.figure import FigureOptions, save_figure
from napari_medgen.models.catalogue import find_model
from napari_medgen.running.jobs import start_job
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement
from napari_medgen.viewer.canvas.snapshot import about, snapshot
from napari_medgen.viewer.canvas.stage import stage_of
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.owner import is_subject
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.widgets.card_dialog import CardDialog
from napari_medgen.viewer.widgets.fields import LayerField
from napari_medgen.viewer.widgets.figure_dialog import FigureDialog
from napari_medgen.viewer.widgets.folder_dialog import FolderDialog
from napari_medgen.viewer.work.latest import SAVE, LatestWork
from napari_medgen.viewer.work.models import LoadedModels
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.viewer.work.preferences import cluster_in_force, hand_down, on_change
from napari_medgen.viewer.work.queue import WorkQueue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event, EventEmitter

    from napari_medgen.running.folders import FolderReport


_saves = itertools.count()
FOLDER = "folder"  # the kind of work on a folder, which another subject does not end


class View(Protocol):
    """What a coordinator needs of a view beside its own signals: a panel of work."""

    work: WorkPanel


class Coordinator(QObject):
    """Turns what a view asks for into work, and results into layers.

    Whatever it listens to, binds, holds or begins goes through this class, so that :meth:`close` undoes all of it.

    Parameters
    ----------
    view
        Form and buttons.
    viewer
        A napari viewer or ``ViewerModel``.
    queue
        Where models compute.
    files
        Where files are written; the same queue by default.
    models
        Kinds of models that stay loaded while the widget is open.

    Attributes
    ----------
    written
        The files that were written last.
    stage
        What is on the viewer's canvas.
    """

    save_title = "Save in"
    folder_title = "A folder"

    def __init__(
        self,
        view: View,
        viewer: ViewerModel,
        queue: WorkQueue,
        files: WorkQueue | None = None,
        models: Sequence[LoadedModels[Any, Any]] = (),
    ) -> None:
        super().__init__(cast(QWidget, view))
        self.viewer: ViewerModel = unwrapped(viewer)
        self._panel = view.work
        self.work = LatestWork(queue, view.work, files)
        self.written: tuple[Path, ...] = ()
        self._undo: list[Callable[[], object]] = [self.work.close]
        for kind in models:
            kind.hold(self)
            self._undo.append(partial(kind.release, self))
        hand_down()
        self._undo.append(on_change(self.preferences_changed))
        view.work.cancel_requested.connect(self.cancel)
        watch(self.viewer)
        self.stage = stage_of(self.viewer)
        self.stage.hold(self)
        self._undo.append(partial(self.stage.release, self))
        self.listen(self.stage.chosen, self.subject_chosen)

    # -- what is undone at the end --------------------------------------------------------------------------------------

    def listen(self, emitter: EventEmitter, slot: Callable[[Event], None]) -> None:
        """Call a method at an event of napari's until the widget is closed."""
        emitter.connect(slot)
        self._undo.append(lambda: emitter.disconnect(slot))

    def bind(self, key: str, slot: Callable[[], object]) -> None:
        """Call a method at a key until the widget is closed; the newest widget has the key, and another's stays."""
        weak = weakref.WeakMethod(slot)

        def pressed(viewer: object) -> None:
            if (there := weak()) is not None:
                there()

        viewer = self.viewer
        viewer.bind_key(key, pressed, overwrite=True)

        def unbind() -> None:
            if pressed in viewer.keymap.values():
                viewer.bind_key(key, None, overwrite=True)

        self._undo.append(unbind)

    def choose_among(
        self, accept: Callable[[Layer], TypeGuard[Image]], changed: Callable[[Image | None], None]
    ) -> LayerField:
        """A choice among the layers of a kind, until the widget is closed."""
        field = LayerField(self.viewer, accept, changed)
        self._undo.append(field.close)
        return field

    def settled(self, milliseconds: int, slot: Callable[[], object]) -> QTimer:
        """A timer that calls a method when nothing has started it again for a while."""
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        self._undo.append(timer.stop)
        return timer

    @property
    def viewer_lives(self) -> bool:
        """Whether the viewer will be looked at when this widget is closed; its window may be closing too."""
        window = getattr(self.viewer, "window", None)  # a ViewerModel has none
        try:
            return window is None or bool(window._qt_window.isVisible())
        except RuntimeError:
            return False

    def close(self) -> None:
        """End all work of this widget, forget its models, and let go of the viewer."""
        while self._undo:
            self._undo.pop()()

    # -- what every widget does -----------------------------------------------------------------------------------------

    def subject_chosen(self, event: Event | None = None) -> None:
        """Follow the stage, which shows another subject, or none."""

    def preferences_changed(self) -> None:
        """Follow what was set on napari's page of preferences."""
        hand_down()

    def come_forward(self) -> None:
        """Show this widget's own pictures, when its tab is brought to the front."""

    def sorry(self, error: Exception) -> None:
        """Say what went wrong."""
        self._panel.show_error(error)

    def cancel(self) -> None:
        """End what runs and what waits."""
        self.work.cancel()

    def show_card_of(self, model: str) -> None:
        """Open a model's card."""
        if model:
            CardDialog(find_model(model).card, cast(QWidget, self.parent())).show()

    def ask_and_save(self) -> None:
        """Ask for a folder and save there."""
        folder = QFileDialog.getExistingDirectory(cast(QWidget, self.parent()), self.save_title)
        if folder:
            self.save(Path(folder))

    def at_first(self, images: LayerField, accept: Callable[[Layer], TypeGuard[Image]]) -> Image | None:
        """What is looked at when the widget is opened: what somebody opened, before what was made of it."""
        active, subject = self.viewer.layers.selection.active, self.stage.subject
        if active is not None and is_subject(active) and accept(active):
            return active
        if subject is not None and accept(subject):
            return subject
        seen = [layer for layer in images.layers if layer.visible]
        return next(reversed(seen), None) or next(iter(images.layers), None)

    def ask_for_figure(self) -> FigureDialog:
        """Ask how a figure of the canvas should be, and for its file."""
        dialog = FigureDialog(cast(QWidget, self.parent()))
        dialog.chosen.connect(self.save_figure)
        dialog.show()
        return dialog

    def save_figure(self, path: Path, options: FigureOptions) -> None:
        """Save what is on the canvas as a figure, in the background."""
        try:
            rows = snapshot(self.viewer)
        except Exception as error:  # a layer of somebody else's may be of any kind
            self.sorry(error)
            return
        options = replace(options, about=about(self.viewer))
        self.write("Saving the figure", lambda: [save_figure(rows, path, options)])

    def save(self, folder: Path) -> None:
        """Save what is on screen into a folder, in the background."""
        raise NotImplementedError

    def ask_for_folder(self) -> FolderDialog:
        """Ask for a folder of images, for one to write to, and what computes, and work through it."""
        dialog = FolderDialog(self.folder_title, cluster_in_force(), cast(QWidget, self.parent()))
        dialog.chosen.connect(self._folder_chosen)
        dialog.show()
        return dialog

    def _folder_chosen(self, images: Path, out: Path, cluster: str) -> None:
        if cluster:
            self.send(f"{self.folder_title}: {images.name}", self.folder_command(images, out), out, cluster)
        else:
            self.work_through(images, out)

    def folder_command(self, images: Path, out: Path) -> list[str]:
        """What :meth:`work_through` does, by what the form says now, as a command line."""
        raise NotImplementedError

    def send(self, title: str, command: Sequence[str], out: Path, cluster: str) -> None:
        """Send a command to a cluster: it runs in a process of its own, which outlives this window."""
        try:
            Placement(cluster)  # what is no cluster is said here, not in a job that fails
            start_job(title, [*command, "--out", str(out), "--cluster", cluster], out)
        except MedGenError as error:
            self.sorry(error)
            return
        self._panel.clear_error()
        self._panel.say(f"Sent: {title}. Jobs shows how far it is, in this window or another.", folder=out)
        if (window := getattr(self.viewer, "window", None)) is not None:
            window.add_plugin_dock_widget("napari-medgen", "Jobs")

    def work_through(self, images: Path, out: Path) -> None:
        """Do what the widget is for with every image of a folder, in the background; whoever cancels keeps what is done."""
        before = time.time()
        done: list[FolderReport] = []

        def end() -> None:
            if done:
                self.written = (done[0].table, *done[0].pictures)
                self._panel.say(f"{done[0].summary}: {done[0].table.name} in {out}", folder=out)
            elif any(path.stat().st_mtime >= before for path in out.glob("*.csv")):
                self._panel.say(f"Ended early; what is done is in {out}", folder=out)

        steps = self.folder_work(images, out)
        # Each by itself: a second folder waits for the first.
        self.work.submit(f"{FOLDER} {next(_saves)}", f"Images of {images.name}", steps, done.append, on_end=end)

    def folder_work(self, images: Path, out: Path) -> Callable[[], Steps[FolderReport]]:
        """What :meth:`work_through` does in the background, by what the form says now."""
        raise NotImplementedError

    def write(self, title: str, write: Callable[[], Sequence[Path]]) -> None:
        """Write files in the background, and say which.

        Parameters
        ----------
        write
            Called there; returns the files.
        """
        self.written = ()
        said: list[str] = []

        def steps() -> Steps[Sequence[Path]]:
            yield Progress(0, 0, "Writing")
            return write()

        def show(files: Sequence[Path]) -> None:
            self.written = tuple(files)
            if files:
                what = files[0].name if len(files) == 1 else f"{len(files)} files"
                said.append(f"Saved {what} in {files[0].parent}")

        def end() -> None:
            if said:
                self._panel.say(said[0], folder=self.written[0].parent)

        # Each by itself: one that waits is not given up for another.
        self.work.submit(f"{SAVE} {next(_saves)}", title, steps, show, on_end=end, file=True)
