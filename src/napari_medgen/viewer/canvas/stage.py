"""What is on a viewer's canvas: the subject that was chosen, alone, or pictures in captioned cells.

Every widget shows its pictures through the stage of the viewer, so that one rule holds for all of them: what is chosen is
what is shown, and a captioned cell shows its own layers only, whatever is opened, hidden, renamed, moved or removed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.events import EventEmitter
from numpy.typing import NDArray

from napari_medgen.viewer.canvas.captions import set_caption
from napari_medgen.viewer.canvas.seen import cells as cells_of
from napari_medgen.viewer.layers.owner import is_subject
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.work.own_doing import OwnDoing

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event


@dataclass(frozen=True, eq=False)
class Shown:
    """A layer of a cell, and the caption that stands over it while it is the uppermost of its cell that has one.

    Attributes
    ----------
    visible
        Whether it can be seen at first.
    """

    layer: Layer
    caption: str = ""
    visible: bool = True


_FILLED = 0.95  # of the canvas, by what is fitted to it
Cell = tuple[Shown, ...]


@dataclass(eq=False)
class _Scene:
    owner: Hashable
    cells: list[Cell]
    rows: int | None
    left: Callable[[], None]
    single: Callable[[], None] | None
    captions: dict[Layer, str] = field(default_factory=dict)

    @property
    def layers(self) -> list[Layer]:
        return [shown.layer for cell in self.cells for shown in cell]


class Stage:
    """Decides what is on the canvas of one viewer; :func:`stage_of` has it.

    Attributes
    ----------
    chosen
        Event: another subject, or none, was chosen.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self.chosen = EventEmitter(source=None, type_name="chosen")
        self._subject: Callable[[], Image | None] = lambda: None
        self._scene: _Scene | None = None
        self._fitted: tuple[object, ...] = ()
        self._busy = OwnDoing()
        self._holders: weakref.WeakSet[object] = weakref.WeakSet()
        # What somebody drew over a subject goes and comes with it.
        self._drawn: weakref.WeakKeyDictionary[Layer, weakref.WeakSet[Layer]] = weakref.WeakKeyDictionary()
        # What was drawn over a scene that was one picture, by the scene's owner.
        self._over: dict[Hashable, weakref.WeakSet[Layer]] = {}
        self._watched: weakref.WeakSet[Layer] = weakref.WeakSet()
        self._notes: weakref.WeakKeyDictionary[Layer, str] = weakref.WeakKeyDictionary()
        for layer in viewer.layers:
            self._watch(layer)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        viewer.layers.events.reordered.connect(self._reordered)
        viewer.canvas.grid.events.enabled.connect(self._grid_switched)

    # -- what widgets ask for -------------------------------------------------------------------------------------------

    def hold(self, holder: object) -> None:
        """Let the stage decide while this object lives or until it is released: a viewer without our widgets is napari's."""
        self._holders.add(holder)

    def release(self, holder: object) -> None:
        """Let an object need the stage no more."""
        self._holders.discard(holder)

    @property
    def subject(self) -> Image | None:
        """The image that was chosen last; None where it was removed."""
        subject = self._subject()
        return subject if subject is not None and subject in self.viewer.layers else None

    @property
    def owner(self) -> Hashable | None:
        """Who has pictures in captioned cells now."""
        return None if self._scene is None else self._scene.owner

    @property
    def viewer(self) -> ViewerModel:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer of this stage is gone")
        return viewer

    def show(self, layer: Image, *belonging: Layer) -> None:
        """Choose a subject: it alone is shown, with what was drawn over it and what a widget says belongs to it."""
        layer = unwrapped(layer)
        if layer not in self.viewer.layers:
            return
        before = self.subject
        with self._busy.working():
            self._drop_scene()
            kept = {layer, *belonging}
            for other in self._visible():
                if other in kept:
                    continue
                if is_subject(other) or _is_image(other):
                    other.visible = False
                elif before is not None and before is not layer:
                    self._drawn.setdefault(before, weakref.WeakSet()).add(other)
                    other.visible = False
            for drawn in self._drawn.pop(layer, ()):
                if drawn in self.viewer.layers:
                    drawn.visible = True
            for one in kept:
                if not one.visible:
                    one.visible = True
            self._leave_grid()
            self._subject = weakref.ref(layer)
            self._fit([layer])
        self._caption()
        if before is not layer:
            self.chosen()

    def set_scene(
        self,
        owner: Hashable,
        cells: Sequence[Cell],
        *,
        left: Callable[[], None],
        single: Callable[[], None] | None = None,
        rows: int | None = None,
        fit: bool = True,
    ) -> None:
        """Show pictures in captioned cells, and nothing else.

        Parameters
        ----------
        owner
            Who asks; an owner that has the stage changes what it shows.
        cells
            Layers of each cell from below; all but the last have the same number of layers.
        left
            Called when somebody else takes the stage, after these layers were hidden. A method is held weakly; a function
            must hold no strong reference to a viewer.
        single
            Called where the grid is taken away (by napari's own button, or because somebody draws): shows what can lie on
            one picture. Without it the scene is left.
        rows
            Rows of the grid; by default as many as make the pictures largest. One cell needs no grid.
        fit
            Whether the view is fitted to what is shown, where that has another extent than before.
        """
        with self._busy.working():
            if self._scene is not None and self._scene.owner != owner:
                self._drop_scene()
            scene = self._scene = _Scene(
                owner,
                [tuple(cell) for cell in cells if cell],
                rows,
                _weakly(left),
                None if single is None else _weakly(single),
            )
            scene.captions = {shown.layer: shown.caption for cell in scene.cells for shown in cell}
            for cell in scene.cells:
                for shown in cell:
                    if shown.layer.visible != shown.visible:
                        shown.layer.visible = shown.visible
            self._arrange(scene)
            if fit and scene.cells:
                self._fit(scene.layers)
        self._caption()

    def caption(self, layer: Layer, text: str) -> None:
        """Change the caption of a layer of the scene."""
        if self._scene is not None and layer in self._scene.captions:
            self._scene.captions[layer] = text
            self._caption()

    def note(self, layer: Layer, text: str) -> None:
        """Write over a layer of no scene what a reader must know of it; an empty text takes it away."""
        if self._notes.get(layer, "") != text:
            self._notes[layer] = text
            self._caption()

    def leave(self, owner: Hashable) -> None:
        """Give the stage back: the subject alone is shown again; nothing where it is somebody else's."""
        if self._scene is None or self._scene.owner != owner:
            return
        with self._busy.working():
            scene, self._scene = self._scene, None
            self._hide(scene)
            self._leave_grid()
        self._show_subject()
        self._caption()

    # -- keeping it so --------------------------------------------------------------------------------------------------

    def _arrange(self, scene: _Scene) -> None:
        viewer, own = self.viewer, set(scene.layers)
        over = self._over.get(scene.owner, ())
        alone = len(scene.cells) < 2
        for other in self._visible():
            if other in own or (alone and other in over):
                continue
            if not _is_image(other) and self.subject is not None and other not in over:
                self._drawn.setdefault(self.subject, weakref.WeakSet()).add(other)  # it comes back with what it lies over
            other.visible = False
        # Cells of the grid are filled in the order of the layers.
        for place, layer in enumerate(scene.layers):
            if (now := viewer.layers.index(layer)) != place:
                viewer.layers.move(now, place)
        count = len(scene.cells)
        if alone:
            for drawn in over:
                if drawn in viewer.layers:
                    drawn.visible = True
            self._leave_grid()
            return
        stride = max(len(cell) for cell in scene.cells)
        rows = scene.rows or _best_rows(viewer, scene.layers, count)
        shape = (rows, -(-count // rows))
        grid = viewer.canvas.grid
        if (grid.stride, grid.shape) != (stride, shape):
            grid.stride, grid.shape = stride, shape
        if not grid.enabled:
            grid.enabled = True

    def _leave_grid(self) -> None:
        grid = self.viewer.canvas.grid
        if grid.enabled:
            grid.enabled = False
        if (grid.stride, tuple(grid.shape)) != (1, (-1, -1)):
            grid.stride, grid.shape = 1, (-1, -1)

    def _fit(self, layers: list[Layer]) -> None:
        # Who looks at a detail goes on looking at it in the next picture of the same extent.
        viewer = self.viewer
        shape = viewer.canvas.grid.actual_shape(viewer.layers)
        extents = tuple(sorted({tuple(np.round(_displayed(viewer, layer).ravel(), 3)) for layer in layers}))
        fitted = (shape, extents, viewer.dims.ndisplay)
        if fitted != self._fitted:
            self._fitted = fitted
            fit_view(viewer, layers, shape)

    def _drop_scene(self) -> None:
        scene, self._scene = self._scene, None
        if scene is not None:
            self._hide(scene)
            scene.left()

    def _hide(self, scene: _Scene) -> None:
        for layer in (*scene.layers, *self._over.get(scene.owner, ())):
            if layer in self.viewer.layers and layer is not self.subject:
                layer.visible = False

    def _show_subject(self) -> None:
        if (subject := self.subject) is not None:
            self.show(subject)

    def _draw_over(self, layer: Layer) -> None:
        """Somebody draws over a scene: it becomes one picture, and the drawing comes and goes with it."""
        if self._scene is not None and self._scene.single is not None:
            self._over.setdefault(self._scene.owner, weakref.WeakSet()).add(layer)
        self._one_picture()

    def _one_picture(self) -> None:
        """The grid cannot stay: show what lies on one picture, or give the scene up."""
        scene = self._scene
        if scene is None:
            return
        if scene.single is not None:
            scene.single()
        else:
            with self._busy.working():
                self._drop_scene()
                self._leave_grid()
            self._show_subject()

    def _caption(self) -> None:
        viewer, scene = self.viewer, self._scene
        shown: dict[Layer, str] = {}
        for cell in cells_of(viewer):
            for layer in reversed(cell):
                if scene is not None:
                    text = scene.captions.get(layer, "")
                elif viewer.canvas.grid.enabled and _is_image(layer):
                    text = layer.name
                else:
                    text = self._notes.get(layer, "")
                if text:
                    shown[layer] = text
                    break
        for layer in viewer.layers:
            set_caption(layer, shown.get(layer, ""))

    # -- what others do -------------------------------------------------------------------------------------------------

    def _watch(self, layer: Layer) -> None:
        if layer not in self._watched:
            self._watched.add(layer)
            layer.events.visible.connect(self._shown_or_hidden)
            layer.events.name.connect(self._renamed)

    def _inserted(self, event: Event) -> None:
        layer = event.value
        self._watch(layer)
        if self._busy:
            return
        if self._scene is not None:
            if not _is_image(layer):
                self._draw_over(layer)
            elif layer.visible:
                with self._busy.working():
                    layer.visible = False
                self.viewer.status = f"{layer.name} is open, and hidden while pictures stand beside each other."
        elif self._holders and layer.visible and is_subject(layer):
            self.show(layer)
        self._caption()

    def _removed(self, event: Event) -> None:
        layer = event.value
        if layer in self._watched:
            self._watched.discard(layer)
            layer.events.visible.disconnect(self._shown_or_hidden)
            layer.events.name.disconnect(self._renamed)
        if self._busy:
            return
        scene = self._scene
        if scene is not None and layer in scene.captions:
            cells = (tuple(shown for shown in cell if shown.layer is not layer) for cell in scene.cells)
            scene.cells = [cell for cell in cells if cell]
            del scene.captions[layer]
            with self._busy.working():
                self._arrange(scene)
        if self._subject() is layer:
            self._subject = lambda: None
            self.chosen()
        self._caption()

    def _reordered(self, event: Event | None = None) -> None:
        if not self._busy and self._scene is not None:
            with self._busy.working():
                self._arrange(self._scene)
        if not self._busy:
            self._caption()

    def _shown_or_hidden(self, event: Event) -> None:
        if self._busy:
            return
        layer, scene = event.source, self._scene
        if scene is not None and layer.visible and layer not in scene.captions:
            if is_subject(layer):
                self.show(layer)
            elif _is_image(layer):
                with self._busy.working():
                    layer.visible = False
            else:
                self._draw_over(layer)
        elif scene is not None and not layer.visible:
            self._over.get(scene.owner, weakref.WeakSet()).discard(layer)  # who hides a drawing does not want it
        elif scene is None and self._holders and (self.subject is None or not self.subject.visible):
            # Who hides the subject and looks at one other image has chosen that one.
            seen = [one for one in self._visible() if is_subject(one)]
            if len(seen) == 1:
                self.show(seen[0])
        self._caption()

    def _renamed(self, event: Event | None = None) -> None:
        if self._scene is None and self.viewer.canvas.grid.enabled:
            self._caption()

    def _grid_switched(self, event: Event | None = None) -> None:
        if self._busy:
            return
        scene, on = self._scene, self.viewer.canvas.grid.enabled
        if scene is not None and on != (len(scene.cells) > 1):
            if on:
                with self._busy.working():
                    self._leave_grid()
            else:
                self._one_picture()
        self._caption()

    def _visible(self) -> list[Layer]:
        return [layer for layer in self.viewer.layers if layer.visible]


def _weakly(function: Callable[[], None]) -> Callable[[], None]:
    """A call of a method whose object may be gone by then; a function as it is."""
    if not isinstance(function, MethodType):
        return function
    method = weakref.WeakMethod(function)
    return lambda: (method() or _nothing)()


def _nothing() -> None:
    """What is called where there is nobody any more."""


def _best_rows(viewer: ViewerModel, layers: Sequence[Layer], count: int) -> int:
    """Rows in which so many pictures, of the first layer's shape, are largest on the canvas; the fewest of those."""
    extent = _displayed(viewer, layers[0])
    high, wide = np.maximum(extent[1] - extent[0], 1e-9)
    room_high, room_wide = (float(size) for size in viewer.canvas.size)

    def scale(rows: int) -> float:
        return min(room_high / rows / high, room_wide / -(-count // rows) / wide)

    return max(range(1, count + 1), key=lambda rows: (round(scale(rows), 6), -rows))


def fit_view(viewer: ViewerModel, layers: Sequence[Layer], shape: tuple[int, int] = (1, 1)) -> None:
    """Fit the view to some layers; napari's own way fails for images beside a layer that has more axes.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    """
    if viewer.dims.ndisplay == 3:
        viewer.reset_view(reset_camera_angle=False)
        return
    extents = np.stack([_displayed(viewer, layer) for layer in layers])
    low, high = extents[:, 0].min(0), extents[:, 1].max(0)
    room = np.asarray(viewer.canvas.size, float) / np.asarray(shape)
    steps = np.asarray(layers[0].extent.step, float)[-2:]
    viewer.scene.camera.center = (0.0, *((low + high) / 2))
    viewer.scene.camera.zoom = float(_FILLED * np.min(room / np.maximum(high - low + steps, 1e-9)))


def _displayed(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    before = viewer.dims.ndim - layer.ndim
    shown = [axis - before for axis in viewer.dims.displayed]
    return np.asarray(layer.extent.world, float)[:, shown if min(shown) >= 0 else [-2, -1]]


def _is_image(layer: Layer) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


# By identity and weakly: a stage reaches its viewer through the layers on it, and must not keep it alive.
_stages: weakref.WeakValueDictionary[int, Stage] = weakref.WeakValueDictionary()


def stage_of(viewer: ViewerModel) -> Stage:
    """The stage of a viewer; there is one for each, which lives as long as the viewer."""
    viewer = unwrapped(viewer)
    stage = _stages.get(id(viewer))
    if stage is None or stage.viewer is not viewer:
        stage = _stages[id(viewer)] = Stage(viewer)
        # napari keeps functions strongly and methods weakly: this is what keeps the stage.
        viewer.layers.events.inserted.connect(partial(_keep, stage))
    return stage


def _keep(stage: Stage, event: Event) -> None:
    """Nothing: a viewer holds its stage by this."""
