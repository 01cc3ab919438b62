"""The room: views that are linked by one crosshair, one zoom and one place, and what is hung in them.

It knows napari's models and no window, so that it can be driven and tested without one; :mod:`.room_widget` shows it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.events import EventEmitter
from numpy.typing import NDArray

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.hanging import (
    LAYOUTS,
    Hanging,
    Layout,
    PlaneName,
    SlabKind,
    Subject,
    ViewState,
    hanging_for,
    shipped_hanging_for,
)
from napari_medgen.imaging.windows import HOUNSFIELD
from napari_medgen.viewer.canvas.captions import caption_of
from napari_medgen.viewer.canvas.orientation import order_of
from napari_medgen.viewer.canvas.seen import cells as cells_of
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.reading import window_level
from napari_medgen.viewer.reading.blend import Blend, BlendKind
from napari_medgen.viewer.reading.hang import (
    Shape,
    alike,
    best_shape,
    is_overlay,
    main_image,
    place_of,
    replace_hanging,
    subject_of,
)
from napari_medgen.viewer.reading.pane import Pane
from napari_medgen.viewer.reading.planes import PLANES, grid_of, is_volume
from napari_medgen.viewer.reading.sight import Sight
from napari_medgen.viewer.work.preferences import preferences

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

_MOST = 9  # views at once
_SAME_PLACE = 0.3  # of the smaller volume must lie within the other to be taken as in the same place


@dataclass(frozen=True)
class Slab:
    """Thickness in millimetres (0: a single slice), and how its slices become one."""

    thickness: float = 0.0
    kind: SlabKind = "mip"


@dataclass(frozen=True)
class Mark:
    """What somebody marked: a place, or a box by two corners, in the viewer's world along its last two or three axes."""

    first: tuple[float, ...]
    second: tuple[float, ...]


class Room:
    """Linked views of what a viewer shows.

    Parameters
    ----------
    viewer
        The viewer, whose layers are shown and whose sliders follow.

    Attributes
    ----------
    changed
        Event: lines, letters, texts or the crosshair changed, and nothing else.
    arranged
        Event: other views are shown, or in other places.
    moved
        Event: the crosshair was moved here, so that the viewer's own sliders must follow.
    guest
        An image that is shown before it is in the viewer, alone: adding one takes napari as long as a page may take.
    sight
        Where the views look.
    crosshair, overlays, windows_together
        Whether lines are drawn; whether maps, labels and drawings are shown; whether the windows of images that are compared
        are set together.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = unwrapped(viewer)
        self.changed = EventEmitter(source=None, type_name="changed")
        self.arranged = EventEmitter(source=None, type_name="arranged")
        self.moved = EventEmitter(source=None, type_name="moved")
        self.panes: list[Pane] = []
        self.shape: Shape = (1, 1)
        self.hanging = Hanging()
        self.active = 0
        self.maximised: int | None = None
        self.crosshair, self.overlays, self.windows_together = True, True, True
        self.sight = Sight(lambda: self.panes, lambda: self.shown, lambda: self.changed())
        self.slab = Slab()
        self.blend: Blend | None = None
        self.guest: Image | None = None
        self.place: NDArray[np.float64] = np.zeros(self.viewer.dims.ndim)
        self.plane: PlaneName = "axial"  # of views that stand beside each other to be compared
        self.hover: tuple[Pane, tuple[float, float]] | None = None  # the view under the pointer, and where in it
        self.says = ""  # in a view that shows nothing
        self.marks: tuple[Mark, ...] = ()
        self.aim = False  # whether the crosshair is drawn in pictures too, for a mark is set by it
        self.size: tuple[float, float] = (3.0, 4.0)  # height and width of the place for all views
        self._subject: Subject | None = None
        self._box: tuple[float, ...] = ()
        self._hung: weakref.WeakSet[Layer] = weakref.WeakSet()
        self.fault = ""
        self._busy = False

    # -- following the viewer -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what the viewer shows now: its visible layers, or the cells of its grid beside each other."""
        guest = self.guest
        cells: list[list[Layer]] = [cell for cell in cells_of(self.viewer) if cell]
        if guest is not None:
            cells = [[guest]]
        compared = self.viewer.canvas.grid.enabled and len(cells) > 1
        if self.blend is not None and (not compared or not self.blend.is_there(self.viewer)):
            self._end_blend()
        if compared:
            self._hang_cells(cells[:_MOST])
        else:
            self._hang_one(cells[0] if cells else [])
        if self.blend is not None and self.pair != (self.blend.first, self.blend.second):
            self._end_blend()
        self._follow_ndim()
        self.set_place(self.place, told=False)
        self.changed()

    @property
    def shown(self) -> list[int]:
        """Which views are on the screen: all, the one that fills it, or the one that two pictures are laid into."""
        if self.blend is not None:
            return [0] if self.panes else []
        return list(range(len(self.panes))) if self.maximised is None else [self.maximised]

    @property
    def grid(self) -> Shape:
        """Rows and columns that are on the screen."""
        return self.shape if len(self.shown) > 1 else (1, 1)

    @property
    def compared(self) -> bool:
        """Whether pictures stand beside each other, one a view, instead of one volume in several planes."""
        return len({pane.sources for pane in self.panes if pane.sources}) > 1

    def _hang_one(self, layers: list[Layer]) -> None:
        layers = [layer for layer in layers if self._is_shown(layer)]
        subject = main_image(layers)
        known = subject_of(subject) if subject is not None else Subject()
        box = place_of(subject)
        new = known != self._subject or not alike(box, self._box)
        if new and subject is not None:
            self._subject, self._box = known, box
            self.hanging = self._rule(known)
            self.sight.look(self.hanging.zoom)
            self.slab = Slab(self.hanging.slab, self.hanging.slab_kind)
            self.maximised = None
            self.active = 0
        volumes = subject is not None and is_volume(subject)
        planes = self._planes(volumes)
        self._set_panes([(tuple(layers), plane, "") for plane in planes], self._shape(len(planes)))
        if new and subject is not None:
            self._hang_window(subject)
            self._go_to(self.hanging.slice)
        elif subject is not None and subject not in self._hung:
            self._hang_window(subject)

    def _planes(self, volumes: bool) -> tuple[PlaneName, ...]:
        if not volumes:
            return ("picture",)
        views = self.hanging.views
        return tuple(plane for plane in views if plane != "picture") or LAYOUTS[self.hanging.layout]

    def _shape(self, count: int) -> Shape:
        rows, columns = (int(part) for part in self.hanging.layout.split("x"))
        return (rows, columns) if rows * columns >= count > 1 else best_shape(count, (1.0, 1.0), (1.0, 1.0))

    def _hang_cells(self, cells: list[list[Layer]]) -> None:
        shown = [([layer for layer in cell if self._is_shown(layer)] or cell, cell) for cell in cells]
        first = main_image(shown[0][0])
        volumes = first is not None and is_volume(first)
        plane: PlaneName = self.plane if volumes else "picture"
        box = place_of(first)
        if not alike(box, self._box):
            self._box, self._subject = box, None
            self.sight.look(1.0)
        named = [next((text for layer in reversed(cell) if (text := caption_of(layer))), "") for _, cell in shown]
        pictured = first.extent.world if first is not None else np.zeros((2, 2))
        lengths = np.asarray(pictured[1] - pictured[0], float)
        vertical, horizontal = PLANES[plane].displayed
        high, wide = float(lengths[vertical]), float(lengths[horizontal])
        shape = best_shape(len(cells), self.size, (max(high, 1e-6), max(wide, 1e-6)))
        wanted: list[tuple[tuple[Layer, ...], PlaneName, str]] = []
        for (layers, _), text in zip(shown, named, strict=True):
            main = main_image(layers)
            wanted.append((tuple(layers), self.plane if main is not None and is_volume(main) else "picture", text))
        self._set_panes(wanted, shape)
        for layers, _ in shown:
            if (subject := main_image(layers)) is not None and is_volume(subject):
                self._hang_window(subject)

    def _is_shown(self, layer: Layer) -> bool:
        return self.overlays or not is_overlay(layer)

    def _set_panes(self, wanted: Sequence[tuple[tuple[Layer, ...], PlaneName, str]], shape: Shape) -> None:
        before = (len(self.panes), self.shape, [pane.plane for pane in self.panes])
        while len(self.panes) > len(wanted):
            self.panes.pop().clear()
        while len(self.panes) < len(wanted):
            self.panes.append(Pane(lambda: self._busy))
        for pane, (layers, plane, caption) in zip(self.panes, wanted, strict=True):
            # The whole of a volume takes as long to show as its slices: it comes when nobody pages on.
            later = self.guest is not None and plane == "3d"
            pane.show(() if later else layers, plane)
            pane.caption = caption
            pane.set_slab(self.slab.thickness, self.slab.kind)
        self.shape = shape
        self._align()
        if self.maximised is not None and self.maximised >= len(self.panes):
            self.maximised = None
        self.active = min(self.active, len(self.panes) - 1) if self.panes else 0
        if before != (len(self.panes), self.shape, [pane.plane for pane in self.panes]):
            self.arranged()
        self.sight.fit()

    def _align(self) -> None:
        """Move images that lie in quite another place than the first ones, middle on middle, to be compared at all."""
        boxes = [pane.box for pane in self.panes]
        first = next((box for box in boxes if box is not None), None)
        for pane, box in zip(self.panes, boxes, strict=True):
            pane.shift = np.zeros(3)
            if first is None or box is None or len(box.low) != 3 or len(first.low) != 3:
                continue
            common = np.minimum(box.high, first.high) - np.maximum(box.low, first.low)
            share = float(np.prod(np.maximum(common, 0)) / min(np.prod(box.size), np.prod(first.size)))
            if share < _SAME_PLACE:
                pane.shift = box.middle - first.middle

    def _hang_window(self, layer: Image) -> None:
        if layer in self._hung or not window_level.windowed(layer):
            return
        self._hung.add(layer)
        window_level.remember(layer)
        wanted = self._rule(subject_of(layer)).window
        if wanted == "automatic":
            window_level.set_window(layer, window_level.automatic_window(layer))
        elif wanted != "file" and window_level.modality(layer) == "CT":
            preset = next((one for one in (*preferences().presets, *HOUNSFIELD) if one.name.lower() == wanted.lower()), None)
            if preset is not None:
                window_level.set_window(layer, preset)

    def _rule(self, subject: Subject) -> Hanging:
        """How an image hangs; as it is shipped where the reader's own rules cannot be read."""
        try:
            return hanging_for(subject)
        except MedGenError as error:
            self.fault = str(error)
            return shipped_hanging_for(subject)

    def _end_blend(self) -> None:
        blend, self.blend = self.blend, None
        if blend is not None:
            blend.close(self.panes)
            self.arranged()

    def shift_of(self, layer: Layer) -> NDArray[np.float64]:
        """By how much an image is moved against the common crosshair."""
        return next((pane.shift for pane in self.panes if layer in pane.sources and pane.axes == 3), np.zeros(3))

    def layer_removed(self, event: Event) -> None:
        """Forget a layer that is gone."""
        for pane in self.panes:
            pane.forget(event.value)

    def _follow_ndim(self) -> None:
        count = self.ndim
        if len(self.place) == count:
            return
        place = self._viewer_place()
        kept = min(count, len(self.place))
        if kept:
            place[count - kept :] = self.place[len(self.place) - kept :]
        self.place = place

    @property
    def ndim(self) -> int:
        """How many axes the crosshair has: as many as the viewer, or as an image that is not in it yet."""
        return max(self.viewer.dims.ndim, *(source.ndim for pane in self.panes for source in pane.sources), 2)

    def _viewer_place(self) -> NDArray[np.float64]:
        """Where the viewer's own sliders are."""
        place = np.zeros(self.ndim)
        point = np.array(self.viewer.dims.point, float)
        place[self.ndim - len(point) :] = point
        return place

    def follow(self, before: Sequence[float], now: Sequence[float]) -> None:
        """Take over what was moved with the viewer's own sliders, and no more: the crosshair may be on its way there."""
        if len(now) != len(self.place) or len(before) != len(now) or self.guest is not None:
            self._follow_ndim()
            return
        moved = [axis for axis in range(len(now)) if not np.isclose(before[axis], now[axis])]
        if moved:
            place = self.place.copy()
            place[moved] = [now[axis] for axis in moved]
            self.set_place(place, told=False)

    @property
    def telling(self) -> bool:
        """Whether the viewer's sliders are being moved by the room itself."""
        return self._busy

    # -- the crosshair --------------------------------------------------------------------------------------------------

    def set_place(self, place: NDArray[np.float64], *, told: bool = True) -> None:
        """Move the crosshair to a place in the viewer's world; ``told`` where the viewer's own sliders must follow."""
        self.place = np.asarray(place, float)
        for pane in self.panes:
            pane.set_point(self.place)
        if self.blend is not None:
            self.blend.update(self.panes, self.place)
        if told:
            self.moved()
        self.changed()

    def _go_to(self, fractions: tuple[float, float, float]) -> None:
        box = self.sight.first_box
        if box is None or len(box.low) != 3:
            self.place = self._viewer_place()
            return
        place = self._viewer_place()
        place[-3:] = self._on_voxel(box.low + np.asarray(fractions) * box.size)
        if place.shape != self.place.shape or not np.allclose(place, self.place):
            self.set_place(place)

    def start(self) -> None:
        """Look at an image as its hanging says, wherever somebody looked in the one before; its layout stays."""
        self.maximised = None
        self.active = 0
        if self.sight.zoom != self.hanging.zoom or self.sight.offset.any():
            self.sight.look(self.hanging.zoom)
            self.sight.fit()
        self._go_to(self.hanging.slice)

    def set_marks(self, marks: Sequence[Mark], *, aim: bool) -> None:
        """Draw marks, and where the next one would be."""
        if (tuple(marks), aim) != (self.marks, self.aim):
            self.marks, self.aim = tuple(marks), aim
            self.changed()

    def _on_voxel(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """The middle of the voxel of the first image at a place."""
        subject = self.subject
        if subject is None:
            return place
        world = np.zeros(subject.ndim)
        known = min(len(self.place), subject.ndim)
        world[subject.ndim - known :] = self.place[len(self.place) - known :]
        world[-3:] = place + self.active_pane.shift
        inside = np.asarray(subject.world_to_data(world), float)
        last = np.array(np.shape(finest(subject))[-3:]) - 1
        inside[-3:] = np.round(inside[-3:]).clip(0, last)
        return np.asarray(subject.data_to_world(inside), float)[-3:] - self.active_pane.shift

    def tell_viewer(self) -> None:
        """Move the viewer's own sliders to the crosshair, and turn it to the plane of the view that is used."""
        self._busy = True
        try:
            dims = self.viewer.dims
            if len(self.place) == dims.ndim:
                axes = [axis for axis in range(dims.ndim) if not np.isclose(dims.point[axis], self.place[axis])]
                if axes:
                    dims.set_point(axes, [float(self.place[axis]) for axis in axes])
            plane = self.active_pane.plane if self.panes else None
            if plane is not None and plane.through is not None and dims.ndim > 2 and dims.ndisplay == 2:
                order = order_of(dims.ndim, plane.through)
                if tuple(dims.order) != order:
                    dims.order = order
        finally:
            self._busy = False

    # -- slices ---------------------------------------------------------------------------------------------------------

    @property
    def active_pane(self) -> Pane:
        """The view that keys act on."""
        return self.panes[self.active]

    @property
    def subject(self) -> Image | None:
        """The image that the used view is about."""
        return main_image(self.active_pane.sources) if self.panes else None

    def scroll_axis(self, pane: Pane) -> int | None:
        """The axis that a wheel over a view steps along: through its plane, or months of a picture; None for none."""
        through, ndim = pane.plane.through, self.ndim
        if through is not None and pane.axes == 3:
            return ndim - 3 + through
        ahead = [source.ndim for source in pane.sources]
        return ndim - max(ahead) if ahead and max(ahead) > pane.axes and pane.plane.name != "3d" else None

    def slices(self, pane: Pane) -> tuple[int, int]:
        """Which slice a view shows, from 0, and how many there are."""
        axis = self.scroll_axis(pane)
        first, step, count = self._steps(pane, axis)
        if axis is None or count < 2:
            return 0, 1
        shift = pane.shift[axis - self.ndim + 3] if pane.axes == 3 else 0.0
        return int(np.clip(round((self.place[axis] + shift - first) / step), 0, count - 1)), count

    def _steps(self, pane: Pane, axis: int | None) -> tuple[float, float, int]:
        """First place, step and count of what a wheel goes through, on the grid of the image that the view is about."""
        subject = main_image(pane.sources)
        longest = max(pane.sources, key=lambda source: source.ndim, default=None)
        image = subject if subject is not None and pane.axes == 3 else longest
        if axis is None or image is None:
            return 0.0, 1.0, 1
        own = axis - self.ndim + image.ndim
        if own < 0:
            return 0.0, 1.0, 1
        extent, step = np.asarray(image.extent.world, float)[:, own], float(np.asarray(image.extent.step)[own])
        return float(extent[0]), step, round(float(extent[1] - extent[0]) / step) + 1

    def scroll(self, steps: int, pane: Pane | None = None) -> None:
        """Go some slices on, upward in the body or onward in time."""
        pane = pane or self.active_pane
        index, _ = self.slices(pane)
        self.go_to_slice(index + steps, pane)

    def go_to_slice(self, index: int, pane: Pane | None = None) -> None:
        """Show one slice, counted from 0; the first or last where there is none of that number."""
        pane = pane or self.active_pane
        axis = self.scroll_axis(pane)
        first, step, count = self._steps(pane, axis)
        if axis is None:
            return
        shift = pane.shift[axis - self.ndim + 3] if pane.axes == 3 else 0.0
        place = self.place.copy()
        place[axis] = first + step * min(max(index, 0), count - 1) - shift
        if not np.isclose(place[axis], self.place[axis]):
            self.set_place(place)

    def point_at(self, pane: Pane, right: float, down: float) -> None:
        """Move the crosshair to the voxel under a point of a view's canvas."""
        if pane.plane.name == "3d" or pane not in self.panes:
            return
        place = self.place.copy()
        found = pane.from_canvas(right, down, self.sight.size_of(pane), place[-pane.axes :])
        box = pane.box
        if box is not None:
            shift = pane.shift if pane.axes == 3 else 0.0
            found = np.clip(found, box.low - shift, box.high - shift)
        place[-pane.axes :] = self._on_voxel(found) if pane.axes == 3 else found
        self.set_place(place)

    def set_slab(self, slab: Slab) -> None:
        """Show so many millimetres as one slice."""
        self.slab = Slab(float(np.clip(slab.thickness, 0.0, 1000.0)), slab.kind)
        for pane in self.panes:
            pane.set_slab(self.slab.thickness, self.slab.kind)
        self.changed()

    # -- views ----------------------------------------------------------------------------------------------------------

    def set_layout(self, layout: Layout) -> None:
        """Show so many views; their planes are those of the layout."""
        self.hanging = replace_hanging(self.hanging, layout=layout, planes=())
        self.maximised = None
        self.refresh()

    def set_plane(self, plane: PlaneName) -> None:
        """Show another plane in the used view; where pictures are compared, in all of them."""
        if not self.panes or self.active_pane.axes != 3:
            return
        if self.compared:
            self.plane = plane
        else:
            views = list(self.hanging.views)
            if self.active < len(views):
                views[self.active] = plane
                self.hanging = replace_hanging(self.hanging, planes=tuple(views))
        self.refresh()

    def maximise(self, index: int | None) -> None:
        """Show one view alone, or all again."""
        self.maximised = None if self.maximised is not None or len(self.panes) < 2 else index
        if self.maximised is not None:
            self.active = self.maximised
        self.arranged()
        self.sight.fit()
        self.changed()

    def use(self, index: int) -> None:
        """Use a view: keys act on it."""
        if 0 <= index < len(self.panes) and index != self.active:
            self.active = index
            self.moved()  # the viewer's own plane follows
            self.changed()

    def link(self, linked: bool) -> None:
        """Link zoom and place of all views, or let each go its own way; linked again, all are as the used one is."""
        self.sight.link(linked, self.active_pane if self.panes else None)

    def window_targets(self, pane: Pane) -> list[Image]:
        """The images whose window is set from a view."""
        if self.blend is not None:
            return [image for image in (self.blend.first, self.blend.second) if window_level.windowed(image)]
        own = window_level.targets(self.viewer, pane.images)
        if self.windows_together and self.compared and own:
            others = [image for one in self.panes if (image := main_image(one.sources)) is not None]
            own = [image for image in dict.fromkeys([*own, *others]) if window_level.windowed(image)]
        return own

    def windows_changed(self) -> None:
        """Show what follows from other windows."""
        if self.blend is not None:
            self.blend.update(self.panes, self.place)
        self.changed()

    def show_overlays(self, shown: bool) -> None:
        """Show or hide maps, labels and drawings in all views; the viewer's own layers stay as they are."""
        self.overlays = shown
        self.refresh()

    # -- two pictures in one --------------------------------------------------------------------------------------------

    def set_blend(self, kind: BlendKind | None) -> None:
        """Lay the first two images that are compared into one view, or beside each other again."""
        pair = self.pair
        self._end_blend()
        if kind is not None and pair is not None:
            self.blend = Blend(kind, *pair)
            self.maximised = None
        self.arranged()
        self.sight.fit()
        self.set_place(self.place, told=False)

    def swipe_edge(self, pane: Pane) -> float | None:
        """Where the line of a swipe is on a view's canvas, in points from the left; None where there is none."""
        blend = self.blend
        if blend is None or blend.kind != "swipe":
            return None
        low, high = blend.across(pane)
        place = self.place[-pane.axes :].copy()
        place[pane.plane.displayed[1]] = low + blend.at * (high - low)
        return pane.to_canvas(place, self.sight.size_of(pane))[0]

    def swipe_to(self, pane: Pane, right: float) -> None:
        """Put the line of a swipe under a point of a view's canvas."""
        blend = self.blend
        if blend is None or blend.kind != "swipe":
            return
        low, high = blend.across(pane)
        place = pane.from_canvas(right, 0.0, self.sight.size_of(pane), self.place[-pane.axes :])
        blend.at = float(np.clip((place[pane.plane.displayed[1]] - low) / max(high - low, 1e-9), 0, 1))
        blend.update(self.panes, self.place)
        self.changed()

    def blink(self) -> None:
        """Show the other one of two images that are laid into one view."""
        if self.blend is None or self.blend.kind != "blink":
            self.set_blend("blink")
        if self.blend is not None:
            self.blend.swapped = not self.blend.swapped
            self.blend.update(self.panes, self.place)
            self.changed()

    @property
    def pair(self) -> tuple[Image, Image] | None:
        """The two images that can be laid into one; None where there are not two."""
        images = [image for pane in self.panes if (image := main_image(pane.sources)) is not None]
        distinct = [image for image in dict.fromkeys(images) if grid_of(image) is not None and not image.rgb]
        alike = [image for image in distinct if is_volume(image) == is_volume(distinct[0])]
        return (alike[0], alike[1]) if len(alike) > 1 else None

    # -- as a value -----------------------------------------------------------------------------------------------------

    def capture(self) -> ViewState:
        """What the reader sees now."""
        planes = tuple(pane.plane.name for pane in self.panes)
        hanging = replace_hanging(
            self.hanging,
            planes=() if self.compared else planes,
            zoom=self.sight.zoom,
            slab=self.slab.thickness,
            slab_kind=self.slab.kind,
        )
        subjects = [subject for pane in self.panes if (subject := main_image(pane.sources)) is not None]
        windows = tuple(tuple(float(value) for value in layer.contrast_limits) for layer in dict.fromkeys(subjects))
        first, second, third = (float(value) for value in self.sight.offset)
        return ViewState(
            hanging=hanging,
            place=tuple(float(value) for value in self.place),
            offset=(first, second, third),
            windows=windows,
            active=self.active,
        )

    def restore(self, state: ViewState) -> None:
        """Show again what was captured, of what is shown now."""
        self.hanging = state.hanging
        self.sight.zoom, self.sight.offset = state.hanging.zoom, np.array(state.offset)
        self.slab, self.maximised = Slab(state.hanging.slab, state.hanging.slab_kind), None
        self.refresh()
        subjects = [subject for pane in self.panes if (subject := main_image(pane.sources)) is not None]
        for layer, (low, high) in zip(dict.fromkeys(subjects), state.windows, strict=False):
            first, last = layer.contrast_limits_range
            common = min(high, last) - max(low, first)
            if common < 0.005 * (last - first) or not window_level.windowed(layer):
                continue  # it was of an image with other values
            layer.contrast_limits_range = (min(low, first), max(high, last))
            layer.contrast_limits = (low, high)
        self.use(state.active)
        place = np.array(self.place)
        count = min(len(place), len(state.place))
        place[len(place) - count :] = state.place[len(state.place) - count :]
        self.sight.fit()
        box = self.sight.first_box
        if box is not None and len(box.low) == 3:
            place[-3:] = self._on_voxel(np.clip(place[-3:], box.low, box.high))
        self.set_place(place)

    def step_ahead(self, steps: int, pane: Pane) -> None:
        """Go on to the next of several volumes of one file, or the next month: along the axis before those of space."""
        image = max(pane.sources, key=lambda source: source.ndim, default=None)
        if image is None or image.ndim <= pane.axes:
            return
        axis = self.ndim - pane.axes - 1
        own = axis - self.ndim + image.ndim
        extent, step = np.asarray(image.extent.world, float)[:, own], float(np.asarray(image.extent.step)[own])
        place = self.place.copy()
        place[axis] = float(np.clip(place[axis] + steps * step, extent[0], extent[1]))
        self.set_place(place)

    def close(self) -> None:
        """Let go of all layers."""
        if self.blend is not None:
            self.blend.close(self.panes)
            self.blend = None
        for pane in self.panes:
            pane.clear()
        self.panes = []
