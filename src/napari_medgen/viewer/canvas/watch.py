"""One watch over each viewer: whatever is shown, the mark and the letters are right."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari_medgen.viewer.canvas.gone_programs import mend_gone_programs
from napari_medgen.viewer.canvas.marks import add_mark, update_mark
from napari_medgen.viewer.canvas.orientation import add_letters, update_letters
from napari_medgen.viewer.canvas.size_question import ask_about_size
from napari_medgen.viewer.canvas.stage import stage_of
from napari_medgen.viewer.layers.proxy import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

_watched: weakref.WeakSet[ViewerModel] = weakref.WeakSet()
_EVENTS = ("visible", "metadata", "scale", "translate", "rotate", "shear", "affine", "axis_labels", "opacity", "blending")


def watch(viewer: ViewerModel) -> None:
    """Watch a viewer from now on; a viewer that is watched already is left as it is."""
    viewer = unwrapped(viewer)
    if viewer in _watched:
        return
    _watched.add(viewer)
    if hasattr(viewer, "window"):  # a ViewerModel draws nothing
        mend_gone_programs()
    stage_of(viewer)
    add_mark(viewer)
    add_letters(viewer)
    viewer.canvas.overlays.scale_bar.visible = True

    def update(event: Event | None = None) -> None:
        update_mark(viewer)
        update_letters(viewer)

    def watch_layer(layer: Layer) -> None:
        for event in _EVENTS:
            getattr(layer.events, event).connect(update)
        if hasattr(layer.events, "colormap"):
            layer.events.colormap.connect(update)

    def inserted(event: Event) -> None:
        watch_layer(event.value)
        update()
        ask_about_size(viewer, event.value)

    for layer in viewer.layers:
        watch_layer(layer)
    viewer.layers.events.inserted.connect(inserted)
    viewer.layers.events.removed.connect(update)
    viewer.layers.events.reordered.connect(update)
    viewer.canvas.grid.events.connect(update)
    viewer.dims.events.current_step.connect(update)
    viewer.dims.events.order.connect(update)
    viewer.dims.events.ndisplay.connect(update)
    update()


def watch_all() -> None:
    """Watch every viewer that is open: a reader is not told which of them opens the file, and the current one is a guess."""
    from napari.viewer import Viewer

    for viewer in list(Viewer._instances):
        watch(viewer)
