"""What the reader looked at, noted as events: slice, zoom, window, layout, and when nobody touched anything."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_medgen.errors import StudyError
from napari_medgen.running.allocator import release
from napari_medgen.study.session import Session
from napari_medgen.viewer.reading.room import Room

_EVERY = 1000  # milliseconds: the most that a power cut can take of what was looked at
_QUIET = 3  # seconds without a hand on anything: the reader looks
_IDLE = 60  # seconds without a hand on anything


class Viewing(QObject):
    """Notes, once a second, what is shown if it is something else, and keeps it.

    Parameters
    ----------
    session, room
        Whose, and what shows the case.
    failed
        Called with the sentence where the disk does not take it.
    parent
        Whoever holds it.
    """

    def __init__(self, session: Session, room: Room, failed: Callable[[str], None], parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._room, self._failed = session, room, failed
        self._last: dict[str, Any] = {}
        self._still, self._idle = 0, False
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """A case is shown."""
        self._last, self._still, self._idle = {}, 0, False
        self._timer.start()

    def end(self) -> None:
        """No case is shown."""
        self._timer.stop()

    def touch(self) -> None:
        """Somebody did something."""
        self._still = 0
        if self._idle:
            self._idle = False
            self._session.note("active", {})

    def look(self) -> None:
        """Note what is shown now, if it is something else than a second ago."""
        seen = self._seen()
        changed = {key: value for key, value in seen.items() if self._last.get(key) != value}
        if changed and self._last:
            self.touch()
            self._session.note("view", changed)
        elif changed:
            self._session.note("view", changed)
        self._last = seen
        self._still += 1
        if self._still == _QUIET:
            # Layers of cases that were left are cycles, which Python finds late and the allocator then keeps. It takes a
            # tenth of a second, in which nobody scrolls.
            gc.collect()
            release()
        if self._still >= _IDLE and not self._idle:
            self._idle = True
            self._session.note("idle", {})
        try:
            self._session.flush()
        except StudyError as error:
            self._failed(str(error))

    def _seen(self) -> dict[str, Any]:
        room = self._room
        if not room.panes:
            return {}
        index, count = room.slices(room.active_pane)
        state = room.capture()
        return {
            "slice": [index + 1, count],
            "place": [round(value, 2) for value in state.place],
            "zoom": round(state.hanging.zoom, 3),
            "windows": [[round(low, 4), round(high, 4)] for low, high in state.windows],
            "layout": state.hanging.layout,
            "view": room.active_pane.plane.name,
            "alone": room.maximised is not None,
            "slab": state.hanging.slab,
            "blend": room.blend.kind if room.blend is not None else "",
            "overlays": room.overlays,
        }
