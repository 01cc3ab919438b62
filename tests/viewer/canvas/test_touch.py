"""Who has the left mouse button over a viewer's pictures."""

from __future__ import annotations

import gc
import weakref

import numpy as np
from napari.components import ViewerModel

from napari_medgen.viewer.canvas.touch import Tap, touch_of


class Event:
    """What napari tells its callbacks."""

    def __init__(self, kind: str, *position: float, button: int = 1) -> None:
        self.type, self.position, self.button = kind, position, button


def test_a_viewer_has_one_touch_that_goes_with_it() -> None:
    viewer = ViewerModel()
    touch = touch_of(viewer)
    assert touch_of(viewer) is touch
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None
    assert touch_of(ViewerModel()) is not touch


def test_napari_s_pointer_is_told_while_a_tool_has_it() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 20, 20)))
    viewer.scene.camera.zoom = 4
    touch = touch_of(viewer)
    heard: list[Tap] = []
    drag = touch._dragged(viewer, Event("mouse_press", 1, 2, 3))
    assert list(drag) == []  # nobody has it
    tool = heard.append
    displaced: list[str] = []
    touch.take(tool, lambda: displaced.append("first"))
    event = Event("mouse_press", 1, 2, 3)
    drag = touch._dragged(viewer, event)
    next(drag)
    event.type, event.position = "mouse_move", (1, 5, 6)
    next(drag)
    event.type = "mouse_release"
    assert next(drag, None) is None
    touch._moved(viewer, Event("mouse_move", 1, 7, 8))
    touch._doubled(viewer, Event("mouse_double_click", 1, 7, 8))
    assert [tap.what for tap in heard] == ["press", "move", "release", "move", "double"]
    assert heard[0].shown == (-2, -1)
    assert heard[0].point == 0.25
    np.testing.assert_array_equal(heard[1].world, [1, 5, 6])
    assert list(touch._dragged(viewer, Event("mouse_press", 1, 2, 3, button=2))) == []
    viewer.dims.ndisplay = 3
    touch._moved(viewer, Event("mouse_move", 1, 7, 8))
    assert len(heard) == 5  # there is no slice to draw in
    other = list[Tap]().append
    touch.take(other, lambda: displaced.append("second"))
    assert displaced == ["first"]
    touch.take(tool, lambda: displaced.append("third"))
    assert displaced == ["first", "second"]
    touch.leave(print)
    assert touch.taken  # it was another's
    touch.leave(tool)
    assert not touch.taken
    assert not touch.tell(heard[0])
