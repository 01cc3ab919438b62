"""Going through a work list: the case that is shown, what was read ahead, and the strip of thumbnails.

A case is shown before it is a layer of the viewer (the room's guest), and becomes one when nobody pages on: adding a layer
takes napari as long as a page may take.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medgen.imaging.worklist import read_worklist
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.layers.owner import is_subject
from napari_medgen.viewer.reading.cases import Cases, Loaded, read_case
from napari_medgen.viewer.reading.strip import Strip

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_medgen.imaging.worklist import Case
    from napari_medgen.viewer.canvas.stage import Stage
    from napari_medgen.viewer.reading.room import Room
    from napari_medgen.viewer.work.latest import LatestWork

_SETTLED = 150  # milliseconds without a further page until a case becomes a layer of the viewer


class Paging(QObject):
    """The work list of a room.

    Parameters
    ----------
    room, stage, viewer
        What shows a case: the room at once, the stage of the viewer when it has become a layer.
    work
        Reads files in the background.
    parent
        Whoever holds it.

    Signals
    -------
    numbered
        What is said of the case that is shown: "3 of 12: name".
    said, failed, cleared
        A sentence on what could not be done; an error; no error any more.
    shown
        A case is in the room now, and must be painted.
    changed
        Something else is to be shown, soon.

    Attributes
    ----------
    cases
        The list.
    strip
        Its thumbnails on the screen; None while the room is not.
    """

    numbered = Signal(str)
    said = Signal(str)
    failed = Signal(object)
    cleared = Signal()
    shown = Signal()
    changed = Signal()

    def __init__(self, room: Room, stage: Stage, viewer: ViewerModel, work: LatestWork, parent: QObject) -> None:
        super().__init__(parent)
        self._room, self._stage, self._viewer, self._work = room, stage, viewer, work
        self.cases = Cases()
        self.strip: Strip | None = None
        self._layer: Callable[[], Layer | None] = lambda: None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLED)
        self._settle.timeout.connect(self.admit)

    # -- the list -------------------------------------------------------------------------------------------------------

    def read(self, source: Path) -> None:
        """Go through the images of a folder or of a table."""

        def steps() -> Steps[list[Case]]:
            yield Progress(0, 0, "Looking for cases")
            return read_worklist(source)

        def show(cases: list[Case]) -> None:
            self._begin(Cases.of_files(cases))

        self._work.submit("cases", f"Cases of {source.name}", steps, show, file=True, brief=True)

    def read_samples(self) -> None:
        """Go through the images that are open."""
        self.admit()
        layers = [layer for layer in self._viewer.layers if is_subject(layer)]
        if not layers:
            self.said.emit("Nothing is open yet: sample a volume, or open a file.")
            return
        self._begin(Cases.of_layers(layers))

    def _begin(self, cases: Cases) -> None:
        self._work.drop("case")
        self._work.drop("ahead")
        self.cases = cases
        self.fill_strip()
        self.show(0)

    def layer_removed(self, layer: Layer) -> None:
        """A layer is gone: its case is in no list."""
        gone = [i for i, entry in enumerate(self.cases.entries) if entry.layer is not None and entry.layer() is layer]
        for index in gone:
            del self.cases.entries[index]
            self.cases.index -= self.cases.index > index
        if gone:
            self.cases.index = min(self.cases.index, len(self.cases.entries) - 1)
            self.fill_strip()
            self.numbered.emit(f"{len(self.cases.entries)} images" if self.cases.entries else "")

    def layer_renamed(self) -> None:
        """A layer has another name: so has its case."""
        for entry in self.cases.entries:
            if entry.layer is not None and (layer := entry.layer()) is not None:
                entry.name = layer.name
        if any(entry.layer is not None for entry in self.cases.entries):
            self.fill_strip()

    # -- the strip ------------------------------------------------------------------------------------------------------

    def show_strip(self, strip: Strip) -> None:
        """Show the list's thumbnails in a strip."""
        self.strip = strip
        strip.chosen.connect(self.show)
        if self.cases.entries:
            self.fill_strip()

    def fill_strip(self) -> None:
        """Show the whole list anew."""
        if self.strip is None:
            return
        self.strip.fill([entry.name for entry in self.cases.entries])
        for index, entry in enumerate(self.cases.entries):
            if entry.thumbnail is not None:
                self.strip.set_picture(index, entry.thumbnail)
        self.strip.setVisible(bool(self.cases.entries))
        self.strip.choose(self.cases.index)

    # -- one case -------------------------------------------------------------------------------------------------------

    def turn_page(self, by: int) -> None:
        """Show the next case, or the one before."""
        if not self.cases.entries:
            self.said.emit("No list of cases is open: choose a folder, a table or the samples.")
            return
        index = self.cases.index + by
        if 0 <= index < len(self.cases.entries):
            self.show(index)
        else:
            self.said.emit("This is the last case." if by > 0 else "This is the first case.")

    def show(self, index: int) -> None:
        """Show a case; at once where it was read ahead."""
        entry = self.cases.entries[index]
        self.cases.index = index
        self.cases.tidy()
        self.numbered.emit(f"{index + 1} of {len(self.cases.entries)}: {entry.name}")
        if self.strip is not None:
            self.strip.choose(index)
        layer = entry.layer() if entry.layer is not None else None
        if self._room.guest is not None and entry.case is None:
            self.admit()
        if layer is not None and layer in self._viewer.layers:
            self._stage.show(layer)
        elif entry.case is None:
            self.said.emit(f"{entry.name} was removed.")
        elif index in self.cases.ahead:
            self._work.drop("case")
            self._show_loaded(self.cases.ahead[index])
        else:
            self._work.drop("ahead")
            self._room.says = f"Reading {entry.name}"
            self._drop_layer()  # never another case under this one's name
            case = entry.case
            self._work.submit(
                "case",
                f"Reading {entry.name}",
                lambda: read_case(case),
                lambda loaded: self._was_read(index, loaded),
                on_error=lambda error: self._was_not_read(index, error),
                file=True,
                brief=True,
            )

    def _was_read(self, index: int, loaded: Loaded) -> None:
        self._keep(index, loaded)
        if index == self.cases.index:
            self._show_loaded(loaded)

    def _was_not_read(self, index: int, error: Exception) -> None:
        self.cases.entries[index].fault = str(error)
        if self.strip is not None:
            self.strip.set_fault(index, str(error))
        if index == self.cases.index:
            self._room.says = f"{self.cases.entries[index].name} cannot be read."
            self._drop_layer()
            self.failed.emit(error)
            self._read_ahead()

    def _keep(self, index: int, loaded: Loaded) -> None:
        self.cases.keep(index, loaded)
        if self.strip is not None:
            self.strip.set_picture(index, loaded.thumbnail)

    def _show_loaded(self, loaded: Loaded) -> None:
        from napari.layers import Image

        data, options, _ = loaded.layer
        self.cleared.emit()
        self._room.says = ""
        self._room.guest = Image(data, **options)
        if self.strip is None:
            self.admit()
        else:
            self.shown.emit()
            self._settle.start()
        self._read_ahead()

    def admit(self) -> None:
        """Put the case that is shown into the viewer, in the place of the one before."""
        self._settle.stop()
        guest, self._room.guest = self._room.guest, None
        if guest is None:
            return
        before = self._layer()
        self._viewer.layers.append(guest)
        self._layer = weakref.ref(guest)
        self._stage.show(guest)
        if before is not None and before in self._viewer.layers:
            self._viewer.layers.remove(before)

    def _drop_layer(self) -> None:
        self._settle.stop()
        self._room.guest = None
        self.changed.emit()
        layer, self._layer = self._layer(), lambda: None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _read_ahead(self) -> None:
        wanted = self.cases.wanted
        case = self.cases.entries[wanted].case if wanted is not None else None
        if wanted is None or case is None:
            return

        def kept(loaded: Loaded) -> None:
            self._keep(wanted, loaded)
            self._read_ahead()

        def failed(error: Exception) -> None:
            self.cases.entries[wanted].fault = str(error)
            self._read_ahead()

        self._work.submit(
            "ahead", f"Reading {case.name}", lambda: read_case(case), kept, on_error=failed, shown=False, file=True
        )

    def end(self) -> None:
        """The room is left: there is no strip, and what was shown as a guest is a layer."""
        self.strip = None
        self._settle.stop()
