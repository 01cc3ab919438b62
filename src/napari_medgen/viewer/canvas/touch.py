"""Who has the left mouse button over a viewer's pictures: the viewer itself, or a tool that draws.

napari's own canvas and the views of the reading room both tell it where the pointer is, so that a tool needs to know
neither.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medgen.viewer.layers.proxy import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LEFT = 1
What = Literal["press", "move", "release", "double"]


@dataclass(frozen=True, eq=False)
class Tap:
    """What the pointer did.

    Attributes
    ----------
    what
        The button went down, or up, or twice down; or the pointer moved, with the button or without.
    world
        Where, along all axes of the viewer's world.
    shown
        Axes of the picture, rows first, counted from the last of the world's: (-2, -1) as a rule.
    point
        How much of the world a point of the screen is.
    live
        Whether a drawing may follow every move; views that copy each layer are too slow for it.
    """

    what: What
    world: NDArray[np.float64]
    shown: tuple[int, int]
    point: float
    live: bool = True


Tool = Callable[[Tap], None]


class Touch:
    """The pointer over one viewer's pictures.

    Parameters
    ----------
    viewer
        Whose.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._tool: Tool | None = None
        self._displaced: Callable[[], None] | None = None
        viewer.mouse_drag_callbacks.append(self._dragged)
        viewer.mouse_move_callbacks.append(self._moved)
        viewer.mouse_double_click_callbacks.append(self._doubled)

    @property
    def taken(self) -> bool:
        """Whether a tool has the button."""
        return self._tool is not None

    def take(self, tool: Tool, displaced: Callable[[], None]) -> None:
        """Give a tool the button.

        Parameters
        ----------
        displaced
            Called when another tool takes it.
        """
        before, self._displaced = self._displaced, displaced
        if self._tool is not None and self._tool != tool and before is not None:
            before()
        self._tool, self._displaced = tool, displaced

    def leave(self, tool: Tool) -> None:
        """Give the button back, if it is this tool's."""
        if self._tool == tool:
            self._tool = self._displaced = None

    def tell(self, tap: Tap) -> bool:
        """Tell the tool; whether there is one."""
        if self._tool is None:
            return False
        self._tool(tap)
        return True

    def _tap(self, what: What, event: Any) -> None:
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay != 2:
            return
        count = viewer.dims.ndim
        rows, columns = (int(axis) - count for axis in viewer.dims.displayed)
        self.tell(Tap(what, np.asarray(event.position, float), (rows, columns), 1 / viewer.scene.camera.zoom))

    def _dragged(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        if not self.taken or event.button != _LEFT:
            return
        self._tap("press", event)
        yield
        while event.type == "mouse_move":
            self._tap("move", event)
            yield
        self._tap("release", event)

    def _moved(self, viewer: Any, event: Any) -> None:
        if self.taken:
            self._tap("move", event)

    def _doubled(self, viewer: Any, event: Any) -> None:
        if self.taken:
            self._tap("double", event)


_touches: dict[int, Touch] = {}  # by identity: napari's models cannot be hashed


def touch_of(viewer: ViewerModel) -> Touch:
    """The pointer over a viewer; there is one for each, which lives as long as the viewer."""
    viewer = unwrapped(viewer)
    known = _touches.get(id(viewer))
    if known is None or known._viewer() is not viewer:
        known = _touches[id(viewer)] = Touch(viewer)
        weakref.finalize(viewer, _touches.pop, id(viewer), None)
    return known
