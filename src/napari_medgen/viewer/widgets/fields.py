"""Fields of the forms: a layer, by which it is and not by what it is called; a side of the body."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeGuard

from magicgui.widgets import ComboBox

from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.viewer.layers.proxy import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event


_SIDES: dict[str, Laterality] = {"as in the file": "", "left": "L", "right": "R"}


class SideField(ComboBox):
    """Which side of the body an image shows, where its file does not say it."""

    def __init__(self, label: str, tooltip: str) -> None:
        super().__init__(label=label, choices=list(_SIDES), tooltip=tooltip)

    @property
    def side(self) -> Laterality:
        """What was chosen; empty for what the file says."""
        return _SIDES[str(self.value)]

    @side.setter
    def side(self, side: Laterality) -> None:
        self.value = next(words for words, known in _SIDES.items() if known == side)


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

    def __init__(
        self, viewer: ViewerModel, accept: Callable[[Layer], TypeGuard[Image]], changed: Callable[[Image | None], None]
    ) -> None:
        self._viewer = viewer = unwrapped(viewer)
        self._accept, self._changed = accept, changed
        self._chosen: Callable[[], Image | None] = lambda: None
        self._watched: weakref.WeakSet[Layer] = weakref.WeakSet()
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        for layer in viewer.layers:
            self._watch(layer)

    @property
    def layers(self) -> list[Image]:
        """All of that kind, in the viewer's order."""
        return [layer for layer in self._viewer.layers if self._accept(layer)]

    @property
    def layer(self) -> Image | None:
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

    def choose(self, layer: Image | None) -> None:
        """Choose a layer, or None."""
        self._chosen = (lambda: None) if layer is None else weakref.ref(unwrapped(layer))

    def choose_name(self, name: str) -> None:
        """Choose the layer that is called so now; nothing where there is none."""
        self.choose(next((layer for layer in self.layers if layer.name == name), None))

    def close(self) -> None:
        """Let go of the viewer and its layers."""
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        self._viewer.layers.events.removed.disconnect(self._removed)
        for layer in list(self._watched):
            layer.events.name.disconnect(self._renamed)

    def _watch(self, layer: Layer) -> None:
        if layer not in self._watched:
            self._watched.add(layer)
            layer.events.name.connect(self._renamed)

    def _inserted(self, event: Event) -> None:
        self._watch(event.value)
        self._changed(event.value if self._accept(event.value) else None)

    def _removed(self, event: Event) -> None:
        if event.value in self._watched:
            self._watched.discard(event.value)
            event.value.events.name.disconnect(self._renamed)
        self._changed(None)

    def _renamed(self, event: Event | None = None) -> None:
        self._changed(None)
