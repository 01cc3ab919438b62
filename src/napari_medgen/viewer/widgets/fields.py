"""A choice among a viewer's layers, by which they are and not by what they are called."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class LayerField:
    """Knows the layers of one kind in a viewer, and which of them is chosen.

    A layer that is renamed stays chosen. One that is removed leaves nothing chosen: what comes next is for the user to say.

    Parameters
    ----------
    viewer
        A napari viewer or ``ViewerModel``.
    accept
        Whether a layer is of that kind.
    changed
        Called when layers were added, removed or renamed, with the layer that was added; None otherwise.
    """

    def __init__(self, viewer: Any, accept: Callable[[Any], bool], changed: Callable[[Any], None]) -> None:
        # napari hands widgets a proxy that makes new ones of the layers at each look: nothing to keep a weak reference to.
        self._viewer = viewer = getattr(viewer, "__wrapped__", viewer)
        self._accept, self._changed = accept, changed
        self._chosen: Callable[[], Any] = lambda: None
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        for layer in viewer.layers:
            self._watch(layer)

    @property
    def layers(self) -> list[Any]:
        """All of that kind, in the viewer's order."""
        return [layer for layer in self._viewer.layers if self._accept(layer)]

    @property
    def layer(self) -> Any:
        """The chosen one; None where there is none, or it was removed."""
        chosen = self._chosen()
        return chosen if chosen is not None and chosen in self._viewer.layers else None

    @property
    def names(self) -> list[str]:
        """What they are called now."""
        return [layer.name for layer in self.layers]

    @property
    def name(self) -> str:
        """What the chosen one is called now; empty for none."""
        return "" if self.layer is None else str(self.layer.name)

    def choose(self, layer: Any) -> None:
        """Choose a layer, or None."""
        self._chosen = (lambda: None) if layer is None else weakref.ref(getattr(layer, "__wrapped__", layer))

    def choose_name(self, name: str) -> None:
        """Choose the layer that is called so now; nothing where there is none."""
        self.choose(next((layer for layer in self.layers if layer.name == name), None))

    def close(self) -> None:
        """Let go of the viewer and its layers."""
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        self._viewer.layers.events.removed.disconnect(self._removed)
        for layer in list(self._watched):
            layer.events.name.disconnect(self._renamed)

    def _watch(self, layer: Any) -> None:
        if layer not in self._watched:
            self._watched.add(layer)
            layer.events.name.connect(self._renamed)

    def _inserted(self, event: Any) -> None:
        self._watch(event.value)
        self._changed(event.value if self._accept(event.value) else None)

    def _removed(self, event: Any) -> None:
        if event.value in self._watched:
            self._watched.discard(event.value)
            event.value.events.name.disconnect(self._renamed)
        self._changed(None)

    def _renamed(self, event: Any = None) -> None:
        self._changed(None)
