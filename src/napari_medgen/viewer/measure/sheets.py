"""Which layer of measurements belongs to which image, and how measurements get into it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medgen.imaging.measurements import Drawn
from napari_medgen.viewer.layers.adding import add_shapes
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.measured import (
    MEASURED,
    colour_of,
    content_of,
    features_of,
    items_in,
    measured_layer,
    shape_of,
    shape_of_image,
)
from napari_medgen.viewer.layers.owner import CALIBRATED

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Shapes
    from napari.utils.events import Event


class Sheets:
    """The layers of measurements in a viewer, one an image.

    Parameters
    ----------
    viewer
        Where they are.
    working
        What is changed within it is no wish of the user's.
    heard
        Called with each layer that is taken for an image's.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        working: Callable[[], AbstractContextManager[None]],
        heard: Callable[[Image, Shapes], None],
    ) -> None:
        self._viewer, self._working, self._heard = viewer, working, heard
        self._layers: weakref.WeakKeyDictionary[Image, Shapes] = weakref.WeakKeyDictionary()

    @property
    def layers(self) -> list[Shapes]:
        """All of them."""
        return list(self._layers.values())

    def of(self, image: Image | None) -> Shapes | None:
        """The layer of an image; None where nothing was measured."""
        return self._layers.get(image) if image is not None else None

    def begin(self, image: Image) -> Shapes:
        """The layer of an image, which is made where there is none."""
        layer = self._layers.get(image)
        if layer is not None and layer in self._viewer.layers:
            return layer
        data, options = measured_layer(image)
        with self._working():
            active = self._viewer.layers.selection.active
            layer = add_shapes(self._viewer, data, **options)
            if active is not None:
                self._viewer.layers.selection.active = active  # whoever draws goes on as they began
        self.take(image, layer)
        return layer

    def take(self, image: Image, layer: Shapes) -> None:
        """Take a layer for an image's; what it knows of the image's size holds where nobody said it anew."""
        self._layers[image] = layer
        known = layer.metadata[MEASURED].get("calibrated")
        if known and CALIBRATED not in image.metadata:
            image.metadata[CALIBRATED] = known
        self._heard(image, layer)

    def forget(self, layer: object) -> bool:
        """A layer was removed; whether it was one of these."""
        gone = [image for image, known in self._layers.items() if known is layer]
        for image in gone:
            del self._layers[image]
        return bool(gone)

    def leave(self, image: object) -> Shapes | None:
        """An image was removed: what was drawn on it waits, hidden, for the image to be opened again."""
        layer = next((known for one, known in self._layers.items() if one is image), None)
        if layer is not None:
            self.forget(layer)
            if layer in self._viewer.layers:
                layer.visible = False
        return layer

    def items(self, image: Image | None) -> list[Drawn | None]:
        """What the shapes of an image's layer measure, in their order; None where one measures nothing."""
        layer = self.of(image)
        return items_in(layer) if layer is not None else []

    def add(self, image: Image, items: Sequence[Drawn]) -> None:
        """Add measurements to an image's layer."""
        layer = self.begin(image)
        known = self.items(image)
        kinds = dict.fromkeys(shape_of(item) for item in items)
        ordered = [item for kind in kinds for item in items if shape_of(item) == kind]
        with self._working():
            for kind in kinds:
                alike = [item for item in items if shape_of(item) == kind]
                layer.add(
                    [item.points for item in alike],
                    shape_type=kind,
                    edge_color=[colour_of(item) for item in alike],
                    edge_width=layer.current_edge_width,
                    face_color=[0.0, 0.0, 0.0, 0.0],
                )
            self.say(layer, [*known, *ordered], [""] * (len(known) + len(ordered)))

    def drop(self, image: Image, shapes: Iterable[int]) -> None:
        """Take shapes out of an image's layer."""
        layer, wanted = self.of(image), set(shapes)
        if layer is not None and wanted:
            layer.selected_data = wanted
            layer.remove_selected()

    def say(self, layer: Shapes, items: Sequence[Drawn | None], texts: Sequence[str]) -> None:
        """Put kinds, names and words beside the shapes."""
        there = [(place, item) for place, item in enumerate(items) if item is not None]
        known = features_of([item for _, item in there], ["" for _ in there])
        columns = {key: np.array([""] * len(items), object) for key in known}
        for key, values in known.items():
            columns[key][[place for place, _ in there]] = values
        columns["text"] = np.array(list(texts), object)
        with self._working():
            layer.features = columns
            layer.refresh_text()

    @staticmethod
    def image_among(images: Sequence[Image], about: Mapping[str, Any], placed: Mapping[str, Any]) -> Image | None:
        """The image with these grey values; None where it is not open.

        Parameters
        ----------
        images
            To choose from; of several that are alike, one that lies as the layer does, and then the first.
        about
            Shape and content of the one that is looked for.
        placed
            Scale and place of the layer.
        """
        shape, content = list(about.get("shape", ())), about.get("content", "")
        alike = [image for image in images if shape_of_image(image) == shape and content_of(finest(image)) == content]

        def apart(image: Image) -> int:
            there = [key for key in ("scale", "translate") if len(placed.get(key, ())) == image.ndim]
            return sum(not np.allclose(getattr(image, key), np.asarray(placed[key], float)) for key in there)

        return min(alike, key=apart, default=None)

    def follow(self, image: Image) -> None:
        """Lay an image's measurements where the image lies now."""
        layer = self.of(image)
        if layer is None:
            return
        with self._working():
            for key in ("scale", "translate", "rotate", "shear"):
                setattr(layer, key, getattr(image, key))
            layer.affine = np.asarray(image.affine.affine_matrix)
            layer.units, layer.axis_labels = image.units, image.axis_labels

    def renew(self, image: Image) -> None:
        """Other grey values stand in an image: its measurements are of those from now on."""
        layer = self.of(image)
        if layer is not None:
            content = content_of(finest(image))
            new = {"content": content, "image": f"image {content[:8]}", "shape": shape_of_image(image)}
            layer.metadata[MEASURED] = layer.metadata[MEASURED] | new


def forget_words(event: Event) -> None:
    """Words beside drawings that somebody changes while nobody counts: none rather than wrong ones."""
    layer = event.source
    if "text" in layer.features:
        layer.features = {
            key: ([""] * len(layer.data) if key == "text" else list(layer.features[key])) for key in layer.features
        }
        layer.refresh_text()
