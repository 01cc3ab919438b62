"""The map on screen: one layer over the image, or a comparison; what of it changes with the look and what is taken away."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.explain.map_layers import (
    close_comparison,
    compare_side_by_side,
    is_comparison,
    look,
    name_of,
    overlay_options,
    shown_values,
)
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import KEY, SEEN, is_map
from napari_medgen.viewer.layers.plane import Plane
from napari_medgen.viewer.work.turns import one_each_turn

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.maps import SaliencyMap


class MapDisplay:
    """Owns the layers that show maps in one viewer.

    Parameters
    ----------
    viewer
        A napari viewer or ``ViewerModel``.

    Attributes
    ----------
    found, image, plane
        The map on screen, the image it explains, and the slice it lies on; None where there is none.
    compared
        Titles and maps that stand side by side.
    arriving
        Whether layers of a comparison are still being added.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.found: SaliencyMap | None = None
        self.image: Radiograph | None = None
        self.plane: Plane | None = None
        self._layer: Image | None = None
        self._seen: Image | None = None
        self._stack: NDArray[Any] | None = None  # signed maps of all slices
        self.compared: list[tuple[str, SaliencyMap]] = []
        self._stage = stage_of(viewer)
        self._comparing, self._compared = False, 0
        self.arriving = False
        self._steps: Generator[None, None, None] | None = None

    def show(self, found: SaliencyMap, image: Radiograph, plane: Plane, *, signed: bool, opacity: float) -> None:
        """Lay a map over the slice it explains; the layer of the map before is used again."""
        close_comparison(self.viewer)
        self._comparing, self.compared = False, []
        self.found, self.image, self.plane, self._stack = found, image, plane, None
        options = overlay_options(found, plane, signed=signed, opacity=opacity)
        if found.warnings:
            options["name"] = f"DOUBTFUL {options['name']}"
        self._replace(shown_values(plane.values(found.values), signed and found.signed), options)

    def belonging(self, layer: Image) -> tuple[Image, ...]:
        """The layer of the map that lies over an image."""
        mine = self._layer
        there = mine is not None and mine in self.viewer.layers and self.plane is not None and self.plane.layer is layer
        return (mine,) if there and mine is not None else ()

    def note(self, words: str) -> None:
        """Write over the map, or into the captions, what a reader must know of it; nothing for an empty text."""
        short = words.split(". ")[0]
        if self._layer is not None:
            doubtful = "Doubtful: no image for this model" if self.found is not None and self.found.warnings else ""
            self._stage.note(self._layer, "\n".join(part for part in (doubtful, short) if part))
        pictures = [one for one in self.viewer.layers if is_comparison(one) and not is_map(one)]
        for layer, (title, _) in zip(pictures, self.compared, strict=False):
            self._stage.caption(layer, f"{title}\nOUT OF DATE" if words else title)

    def cover(
        self, maps: NDArray[Any], found: SaliencyMap, image: Radiograph, plane: Plane, *, signed: bool, opacity: float
    ) -> None:
        """Put maps of all slices over the whole stack.

        Parameters
        ----------
        found, image
            The map of the slice on screen by the same model, which says what all of them are of; and that slice.
        """
        if plane.layer not in self.viewer.layers:
            return
        close_comparison(self.viewer)
        self._comparing, self.compared = False, []
        self.found, self.image, self.plane, self._stack = found, image, plane, maps
        whole = replace(plane, index=(0, None, None))
        options = overlay_options(found, whole, signed=signed, opacity=opacity, name=name_of(found, None))
        self._replace(shown_values(maps, signed and found.signed), options)

    def compare(
        self,
        maps: list[SaliencyMap],
        titles: list[str],
        image: Radiograph,
        plane: Plane,
        *,
        signed: bool,
        opacity: float,
    ) -> None:
        """Put several maps of one slice side by side."""
        self.drop()
        self.compared, self.image = list(zip(titles, maps, strict=True)), image
        steps = compare_side_by_side(self.viewer, plane, maps, titles=titles, signed=signed, opacity=opacity)
        self._compared = 2 * len(maps)
        self.arriving, self._steps = True, steps
        one_each_turn(steps, partial(self._compared_whole, steps))

    def leave(self) -> None:
        """Give the stage back; a map that lies over its image stays."""
        self.compared = []
        close_comparison(self.viewer)
        self._stage.leave("seen")
        self._hide_seen()

    def stop(self) -> None:
        """Leave no half of a comparison; for the end of the widget."""
        if self.arriving and self._steps is not None:
            self._steps.close()
            close_comparison(self.viewer)

    def _compared_whole(self, steps: Generator[None, None, None]) -> None:
        if steps is not self._steps:  # another one has begun meanwhile
            return
        self.arriving = False
        self._comparing = sum(is_comparison(layer) for layer in self.viewer.layers) == self._compared

    def restyle(self, *, signed: bool, opacity: float) -> None:
        """Show what is on screen in another look; nothing is computed."""
        if self._layer is not None and self.found is not None and self.plane is not None:
            signed = signed and self.found.signed
            if self._stack is not None:
                self._layer.data = shown_values(self._stack, signed)
            elif self._layer.data.shape == self.plane.shape:
                self._layer.data = shown_values(self.plane.values(self.found.values), signed)
            for key, value in look(signed).items():
                setattr(self._layer, key, value)
        for layer in self.viewer.layers:
            if is_map(layer):
                layer.opacity = opacity

    def show_seen(self) -> None:
        """Add the part of the image that the network saw, at the size it saw, in its place.

        Raises
        ------
        ImageError
            If the slice is not one whose rows and columns are those of the array.
        """
        found, plane = self.found, self.plane
        if found is None or plane is None or plane.layer not in self.viewer.layers:
            return
        if plane.upright or plane.transposed:
            raise ImageError("What the network sees is shown for radiographs and axial slices only.")
        seen = found.seen[:, ::-1] if found.view.mirrored else found.seen
        self._hide_seen()
        added = self._seen = add_image(
            self.viewer,
            seen,
            name=f"Network's view: {plane.layer.name}",
            contrast_limits=(0, 1),
            colormap="gray",
            visible=False,
            metadata={SEEN: True} | ({KEY: plane.layer.metadata[KEY]} if KEY in plane.layer.metadata else {}),
            **plane.part(found.view.box, (seen.shape[0], seen.shape[1])),
        )
        image = (Shown(plane.layer, plane.layer.name), *(Shown(one) for one in self.belonging(plane.layer)))
        cells = [image, (Shown(added, "what the network sees"),)]
        self._stage.set_scene("seen", cells, left=self._hide_seen)

    def _hide_seen(self) -> None:
        layer, self._seen = self._seen, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def drop(self) -> None:
        """Take the map or the comparison away: there is nothing explained any more."""
        self._comparing, self.compared = False, []
        self.stop()
        close_comparison(self.viewer)
        self._stage.leave("seen")
        self._hide_seen()
        self._remove_layer()
        self.found = self.image = self.plane = self._stack = None

    def tidy(self) -> None:
        """Forget a map that was removed by hand; end a comparison of which a layer was: the others mean nothing alone."""
        if self._layer is not None and self._layer not in self.viewer.layers:
            self.drop()
        if self._comparing and sum(is_comparison(layer) for layer in self.viewer.layers) < self._compared:
            self.drop()

    def _replace(self, values: Any, options: dict[str, Any]) -> None:
        old = self._layer
        if old is not None and old in self.viewer.layers and old.ndim == values.ndim:
            old.data = values
            for key in (
                "scale",
                "translate",
                "rotate",
                "shear",
                "affine",
                "metadata",
                "opacity",
                "colormap",
                "contrast_limits",
                "name",
            ):
                setattr(old, key, options[key])
            old.visible = True
            return
        self._remove_layer()
        self._layer = add_image(self.viewer, values, **options)

    def _remove_layer(self) -> None:
        old, self._layer = self._layer, None
        if old is not None and old in self.viewer.layers:
            self.viewer.layers.remove(old)
