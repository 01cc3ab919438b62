"""The coordinator of **Measure**: the only code of the widget that touches the viewer."""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.imaging.joint_space import Gap
from napari_medgen.imaging.measure import Scale
from napari_medgen.imaging.measurements import (
    OF_A_MODEL,
    Drawn,
    Kind,
    Measurements,
    read_measurements,
    write_measurements,
    write_table,
)
from napari_medgen.viewer.layers.adding import add_shapes
from napari_medgen.viewer.layers.finest import finest
from napari_medgen.viewer.layers.measured import MEASURED, drawn_in, layer_of, measurements_in, scale_of
from napari_medgen.viewer.layers.owner import CALIBRATED, FUTURE, can_be_explained, provenance_of
from napari_medgen.viewer.layers.place import has_patient_axes
from napari_medgen.viewer.measure.drawing import Drawing
from napari_medgen.viewer.measure.joints import Joint, drawn_of
from napari_medgen.viewer.measure.rows import Row, joint_note, rows_of
from napari_medgen.viewer.measure.sheets import Sheets, forget_words
from napari_medgen.viewer.measure.view import ADJUST, MeasureView
from napari_medgen.viewer.measure.words import scale_words, where
from napari_medgen.viewer.widgets.coordinator import Coordinator
from napari_medgen.viewer.widgets.dock import DockWidget
from napari_medgen.viewer.work.own_doing import OwnDoing
from napari_medgen.viewer.work.queue import WorkQueue, file_queue, shared_queue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Shapes
    from napari.utils.events import Event

_SETTLE = 40  # milliseconds without a further change before values follow


class MeasureCoordinator(Coordinator):
    """Turns taps into shapes, and shapes into numbers.

    Parameters
    ----------
    view
        Tools and table.
    viewer
        A napari viewer or ``ViewerModel``.
    queue, files
        Where joint spaces are looked for, and where files are written.
    """

    def __init__(self, view: MeasureView, viewer: ViewerModel, queue: WorkQueue, files: WorkQueue | None = None) -> None:
        super().__init__(view, viewer, queue, files)
        self.view = view
        self.rows: list[Row] = []
        self._busy = OwnDoing()
        self.sheets = Sheets(self.viewer, self._busy.working, self._hear)
        self.drawing = Drawing(self.viewer, self._busy.working, self._finished, self.sorry, self._displaced)
        self._heard: weakref.WeakSet[Shapes] = weakref.WeakSet()
        self._followed: weakref.WeakSet[Image] = weakref.WeakSet()
        self._counted: weakref.WeakKeyDictionary[Shapes, int] = weakref.WeakKeyDictionary()
        self._tool = ""
        self._timer = self.settled(_SETTLE, self._recount)
        for signal, slot in (
            (view.image_chosen, self._image_chosen),
            (view.tool_chosen, self.choose_tool),
            (view.joint_space_requested, self.measure_joint_space),
            (view.calibrate_requested, self.ask_to_calibrate),
            (view.delete_requested, self.delete),
            (view.save_requested, self.ask_and_save),
            (view.open_requested, self.ask_and_open),
            (view.table_requested, self.ask_for_table),
            (view.row_chosen, self._mark_shapes),
        ):
            signal.connect(slot)
        self.images = self.choose_among(can_be_explained, self._layers_changed)
        self.listen(self.viewer.layers.events.inserted, self._inserted)
        self.listen(self.viewer.layers.events.removed, self._removed)
        self.listen(self.viewer.layers.selection.events.active, self._selection_changed)
        self.listen(self.viewer.dims.events.ndisplay, self._displaced)
        self.bind("Escape", self.put_down)
        for layer in list(self.viewer.layers):
            self._adopt(layer)
        self.images.choose(self.at_first(self.images, can_be_explained))
        self._show_image()

    # -- what the view asks for -----------------------------------------------------------------------------------------

    def choose_tool(self, tool: str) -> None:
        """Draw one kind of measurement from now on, or adjust what was drawn; nothing for an empty name."""
        self._end_tool()
        image = self.images.layer
        if tool:
            try:
                self._take_up(tool, image)
            except MedGenError as error:
                self.sorry(error)
        self.view.set_tool(self._tool)

    def _take_up(self, tool: str, image: Image | None) -> None:
        if image is None:
            raise ImageError("Open an image first, and choose it.")
        scale_of(image)
        if self.viewer.dims.ndisplay != 2:
            raise ImageError("The viewer shows volumes in 3D; switch to 2D to measure in a slice.")
        drawn = self.sheets.of(image)
        if tool == ADJUST and drawn is None:
            raise ImageError("Nothing was drawn on this image yet.")
        self._panel.clear_error()
        if self.stage.subject is not image and self.stage.owner is None:
            self.stage.show(image)
        self._tool = tool
        if drawn is not None:
            drawn.visible = True
            drawn.mode = "pan_zoom"
        if tool == ADJUST and drawn is not None:
            with self._busy.working():
                self.viewer.layers.selection.active = drawn
            drawn.mode = "direct"
            return
        self.drawing.take_up(cast(Kind, tool), image, image if drawn is None else drawn)

    def _end_tool(self) -> None:
        self._tool = ""
        self.drawing.put_down()
        for layer in self.sheets.layers:
            if layer.mode == "direct":
                layer.mode = "pan_zoom"

    def _displaced(self, event: object = None) -> None:
        """Another tool has the button, or there is no slice to draw in any more."""
        if self._tool:
            self.choose_tool("")

    def _finished(self, image: Image, item: Drawn) -> None:
        self.sheets.add(image, [item])
        self._recount()
        last = len(self.sheets.items(image)) - 1
        self.view.mark(next((place for place, row in enumerate(self.rows) if last in row.shapes), 0))

    def put_down(self, *_: object) -> None:
        """Give up what is half drawn; what the key does. Once more, and no tool is on."""
        if not self.drawing.give_up():
            self.choose_tool("")

    def measure_joint_space(self) -> None:
        """Look for the joint of a knee and measure it, in every picture of a stack of them."""
        image = self.images.layer
        if image is None:
            self.sorry(ImageError("Open a radiograph of one knee first, and choose it."))
            return
        try:
            joint = Joint.of(image, self.view.side)
        except MedGenError as error:
            self.sorry(error)
            return

        def show(found: list[tuple[Gap, ...]]) -> None:
            if image in self.viewer.layers:
                self._show_joint_space(image, drawn_of(found, image.ndim))

        self.work.submit("joint space", f"Joint space of {image.name}", joint.measure, show, brief=True, file=True)

    def ask_to_calibrate(self) -> None:
        """Ask how long a length is."""
        if self._length() is None:
            self.sorry(
                ImageError("Draw a length of something whose size is known, such as a ball or a ruler, then calibrate.")
            )
            return
        millimetres, said = QInputDialog.getDouble(
            self.view, "Calibrate", "This length is, in millimetres", 25.0, 0.1, 2000.0, 2
        )
        if said:
            self.calibrate(millimetres)

    def calibrate(self, millimetres: float) -> None:
        """Take a length that was drawn for so many millimetres: all lengths of this picture follow."""
        image, item = self.images.layer, self._length()
        layer = self.sheets.of(image)
        if image is None or layer is None or item is None:
            return
        try:
            world = scale_of(image, 1.0).along(item.plane).place(item.within)
            scale = Scale.calibrated(world[0], world[1], millimetres)
        except MedGenError as error:
            self.sorry(error)
            return
        image.metadata[CALIBRATED] = scale.steps[-1]  # what is cut out or predicted of it follows
        layer.metadata[MEASURED] = layer.metadata[MEASURED] | {"calibrated": scale.steps[-1]}
        self._recount()

    def delete(self) -> None:
        """Take the marked measurements away."""
        image = self.images.layer
        layer = self.sheets.of(image)
        if layer is None:
            return
        shapes = {shape for row in self.view.marked if row < len(self.rows) for shape in self.rows[row].shapes}
        if image is not None and shapes:
            self.sheets.drop(image, shapes)
            self._recount()

    def ask_and_save(self) -> None:
        """Ask for a file and save what was drawn."""
        name, _ = QFileDialog.getSaveFileName(self.view, "Save the measurements", "", "Measurements (*.json)")
        if name:
            self.save_as(Path(name))

    def save_as(self, path: Path) -> None:
        """Save what was drawn, in the background."""
        kept, pixels = self._kept()
        if kept is not None:
            self.write("Saving the measurements", lambda: [write_measurements(path, kept, pixels)])

    def ask_for_table(self) -> None:
        """Ask for a file and write the table."""
        name, _ = QFileDialog.getSaveFileName(self.view, "Write the table", "", "CSV (*.csv)")
        if name:
            self.write_table(Path(name))

    def write_table(self, path: Path) -> None:
        """Write a line a value as CSV, in the background."""
        kept, pixels = self._kept()
        if kept is not None:
            self.write("Writing the table", lambda: [write_table(path, kept, pixels)])

    def ask_and_open(self) -> None:
        """Ask for a file and open what was saved."""
        name, _ = QFileDialog.getOpenFileName(self.view, "Open measurements", "", "Measurements (*.json)")
        if name:
            self.open(Path(name))

    def open(self, path: Path) -> None:
        """Open measurements over the image that they were made on."""
        try:
            kept = read_measurements(path)
        except MedGenError as error:
            self.sorry(error)
            return
        self._panel.clear_error()
        data, options = layer_of(kept)
        image = self._image_of(options["metadata"][MEASURED], options)
        if image is None or self.sheets.of(image) is None:
            add_shapes(self.viewer, data, **options)  # it is taken for its image when it is heard of
            return
        self.sheets.add(image, kept.items)
        self._choose(image)

    def close(self) -> None:
        """Put every tool down and let go of the viewer; what was drawn stays."""
        self._end_tool()
        super().close()

    # -- joint spaces ---------------------------------------------------------------------------------------------------

    def _show_joint_space(self, image: Image, items: list[Drawn]) -> None:
        old = {
            place for place, item in enumerate(self.sheets.items(image)) if item is not None and item.kind == "joint space"
        }
        self.sheets.drop(image, old)
        if not items:
            self.sorry(ImageError(f"No joint space was found on {image.name}; measure it with Length."))
            self._recount()
            return
        self.sheets.add(image, items)
        self.sheets.begin(image).visible = True
        if self.stage.subject is not image and self.stage.owner is None:
            self.stage.show(image)
        self._recount()

    # -- counting -------------------------------------------------------------------------------------------------------

    def _recount(self) -> None:
        """Make the table, and the words beside the drawings, of the shapes as they are."""
        image = self.images.layer
        layer = self.sheets.of(image)
        self.rows = []
        note = ""
        if image is not None and layer is not None:
            try:
                scale = scale_of(image)
            except MedGenError as error:
                self.sorry(error)
                self.view.set_rows([])
                self.view.set_note("")
                self._show_scale()
                return
            items = self.sheets.items(image)
            places = ["" if item is None else where(image, item) for item in items]
            pixels = None if image.rgb else finest(image)
            self.rows = rows_of(items, pixels, scale, places)
            texts = [""] * len(items)
            for shape, text in (label for row in self.rows for label in row.labels.items()):
                texts[shape] = text
            self.sheets.say(layer, items, texts)
            self._counted[layer] = len(items)
            if any(row.what.startswith("Joint space") for row in self.rows):
                rows, columns = np.shape(image.data)[-2:]
                own = scale.along((len(scale.steps) - 2, len(scale.steps) - 1))
                note = joint_note((rows, columns), own, several=image.ndim == 3)
        self.view.set_rows([(row.what, row.value, row.where) for row in self.rows])
        self.view.set_note(note)
        self._show_scale()

    def _show_scale(self) -> None:
        image = self.images.layer
        if image is None:
            self.view.set_image("", has_any=False)
            return
        try:
            scale = scale_of(image)
        except MedGenError as error:
            self.view.set_image(str(error), has_any=False)
            return
        of_a_model = OF_A_MODEL if provenance_of(image).synthetic else ""
        flat = not has_patient_axes(image)
        self.view.set_image(scale_words(image, scale), has_any=True, of_a_model=of_a_model, can_calibrate=flat)

    def _length(self) -> Drawn | None:
        """The length that is marked in the table, or else the last one."""
        image = self.images.layer
        layer = self.sheets.of(image)
        if layer is None:
            return None
        items = self.sheets.items(image)
        marked = [shape for row in self.view.marked if row < len(self.rows) for shape in self.rows[row].shapes]
        lengths = [place for place, item in enumerate(items) if item is not None and item.kind == "length"]
        chosen = next((place for place in marked if place in lengths), lengths[-1] if lengths else None)
        return items[chosen] if chosen is not None else None

    def _kept(self) -> tuple[Measurements | None, NDArray[Any] | None]:
        image = self.images.layer
        layer = self.sheets.of(image)
        if image is None or layer is None:
            self.sorry(ImageError("Nothing was measured yet."))
            return None, None
        try:
            return measurements_in(layer, image), None if image.rgb else finest(image)
        except MedGenError as error:
            self.sorry(error)
            return None, None

    # -- layers ---------------------------------------------------------------------------------------------------------

    def _hear(self, image: Image, layer: Shapes) -> None:
        layer.name = f"Measurements of {image.name}"
        if image not in self._followed:
            self._followed.add(image)
            self._follow(image)
        if layer in self._heard:
            return
        self._heard.add(layer)
        layer.events.data.disconnect(forget_words)
        self._undo.append(lambda: layer.events.data.connect(forget_words))
        self.listen(layer.events.data, self._shapes_changed)
        self.listen(layer.events.set_data, self._shapes_pasted)
        self.listen(layer.events.mode, self._mode_changed)
        weak = weakref.ref(self)

        def escape(_: object) -> None:
            if (there := weak()) is not None:
                there.put_down()

        layer.bind_key("Escape", escape, overwrite=True)
        self._undo.append(lambda: layer.bind_key("Escape", None, overwrite=True))

    def _follow(self, image: Image) -> None:
        """Keep what was drawn on an image where it lies, and what was counted true to its grey values."""
        weak = weakref.ref(image)

        def moved(event: Event) -> None:
            if (one := weak()) is not None:
                self.sheets.follow(one)
                self._timer.start()

        def renewed(event: Event) -> None:
            if (one := weak()) is not None:
                self.sheets.renew(one)
                self._timer.start()

        for what in ("scale", "translate", "rotate", "shear", "affine"):
            self.listen(getattr(image.events, what), moved)
        self.listen(image.events.data, renewed)

    def _adopt(self, layer: Any, only: Image | None = None) -> None:
        """Take a layer of measurements for the image that it was made on, if that is open, or is a certain one."""
        about = layer.metadata.get(MEASURED)
        if not isinstance(about, dict) or layer in self.sheets.layers:
            return
        image = self._image_of(about, {"scale": layer.scale, "translate": layer.translate})
        if only is not None and image is not only:
            return
        if image is None:
            self.view.set_note(
                f"The image that {layer.name} belongs to is not open: its grey values are needed for regions."
            )
        elif self.sheets.of(image) is None:
            self.sheets.take(image, layer)
            if only is None:
                self._choose(image)
            else:
                layer.visible = bool(image.visible)
                self._recount()
        else:
            # A file that was dropped beside what is there already; napari is still busy with it.
            QTimer.singleShot(0, partial(self._join, image, layer))

    def _image_of(self, about: dict[str, Any], placed: dict[str, Any]) -> Image | None:
        """The open image that measurements are of; the chosen one where several are alike."""
        chosen = self.images.layer
        images = [image for image in self.images.layers if image is not chosen]
        return self.sheets.image_among([*([chosen] if chosen is not None else []), *images], about, placed)

    def _join(self, image: Image, layer: Shapes) -> None:
        known = self.sheets.of(image)
        if known is None or layer not in self.viewer.layers or known not in self.viewer.layers:
            return
        items = drawn_in(layer.data, layer.features, layer.shape_type)
        self.sheets.add(image, [item for item in items if item is not None])
        self.viewer.layers.remove(layer)
        self._choose(image)

    def _inserted(self, event: Event) -> None:
        if self._busy:
            return
        self._adopt(event.value)
        if can_be_explained(event.value):
            # An image that is opened again, as from a work list, has what was drawn on it.
            for layer in [one for one in self.viewer.layers if MEASURED in one.metadata]:
                self._adopt(layer, event.value)

    def _removed(self, event: Event) -> None:
        if self.sheets.forget(event.value) or self.sheets.leave(event.value) is not None:
            self.choose_tool("")
            self._recount()

    def _layers_changed(self, added: Image | None) -> None:
        if hasattr(self, "images"):
            self.view.set_images(self.images.names, self.images.name)
            if self.images.layer is None:
                self.choose_tool("")
                self._show_image()

    def subject_chosen(self, event: Event | None = None) -> None:
        """Take what the stage shows as the image, unless something is being drawn."""
        subject = self.stage.subject
        if subject is None or subject is self.images.layer or self._tool or not can_be_explained(subject):
            return
        self._choose(subject)

    def _choose(self, image: Image) -> None:
        if image is not self.images.layer:
            self.view.begin_anew()
        self.images.choose(image)
        self._show_image()

    def _image_chosen(self) -> None:
        self.choose_tool("")
        self.view.begin_anew()
        self.images.choose_name(self.view.image)
        image = self.images.layer
        if image is not None and FUTURE not in image.metadata:
            self.stage.show(image)
        self._show_image()

    def _show_image(self) -> None:
        self.view.set_images(self.images.names, self.images.name)
        self._recount()

    def _selection_changed(self, event: Event) -> None:
        """Who chooses another layer wants to do something else."""
        active = self.viewer.layers.selection.active
        if self._busy or not self._tool or active is None:
            return
        image = self.images.layer
        own: list[Layer | None] = [] if image is None else [image, self.sheets.of(image)]
        if active not in own:
            self.choose_tool("")
        elif self.drawing.on:
            self.drawing.hold(active)

    def _shapes_changed(self, event: Event) -> None:
        if not self._busy:
            self._timer.start()

    def _shapes_pasted(self, event: Event) -> None:
        """Napari says nothing of shapes that are pasted but that the layer looks otherwise."""
        layer = event.source
        if not self._busy and len(layer.data) != self._counted.get(layer, len(layer.data)):
            self._timer.start()

    def _mode_changed(self, event: Event) -> None:
        """Who takes one of napari's own tools has put ours down."""
        layer = event.source
        if not self._busy and self.drawing.on and str(layer.mode) != "pan_zoom":
            mode = layer.mode
            self.choose_tool("")
            layer.mode = mode

    def _mark_shapes(self, rows: list[int]) -> None:
        image = self.images.layer
        layer = self.sheets.of(image)
        if image is None or layer is None:
            return
        shapes = {shape for row in rows if row < len(self.rows) for shape in self.rows[row].shapes}
        layer.selected_data = {shape for shape in shapes if shape < len(layer.data)}
        first = next((self.rows[row].shapes[0] for row in rows if row < len(self.rows)), None)
        if first is not None:
            self._go_to(image, layer, first)

    def _go_to(self, image: Image, layer: Shapes, shape: int) -> None:
        """Show the slice of a drawing."""
        items = self.sheets.items(image)
        item = items[shape] if shape < len(items) else None
        if item is None or image.ndim == 2:
            return
        world = np.asarray(image.data_to_world(item.points[0]), float)
        before = self.viewer.dims.ndim - image.ndim
        for axis, place in enumerate(item.slice):
            if place is not None:
                self.viewer.dims.set_point(before + axis, float(world[axis]))


class Measure(DockWidget):
    """The dock widget **Measure**."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self.view = MeasureView()
        self.coordinator = MeasureCoordinator(self.view, napari_viewer, shared_queue(), file_queue())
        super().__init__(self.view, self.coordinator)
