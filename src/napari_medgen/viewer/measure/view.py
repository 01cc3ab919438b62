"""The view of **Measure**: signals out, setters in; it knows nothing of a viewer."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox, Container
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QGridLayout, QHeaderView, QPushButton, QVBoxLayout, QWidget

from napari_medgen.imaging.measurements import Kind
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.viewer.widgets.fields import SideField
from napari_medgen.viewer.widgets.parts import ButtonGrid, Table, form, notice, say, sentence, warning
from napari_medgen.viewer.work.panel import WorkPanel

ADJUST = "Adjust"
_TO_CONTENTS = QHeaderView.ResizeMode.ResizeToContents
_TOOLS: dict[str, tuple[Kind, str, str]] = {
    "Length": ("length", "Distance of two points", "Click both ends, or drag from one to the other."),
    "Angle": ("angle", "Angle at a corner", "Click an arm's end, the corner, and the other arm's end."),
    "Cobb angle": (
        "Cobb angle",
        "Angle between two lines that need not meet",
        "Click both ends of one line, then of the other.",
    ),
    "Hip-knee-ankle": (
        "hip-knee-ankle angle",
        "How far the leg's axis is from straight: 0° for a straight leg",
        "Click the middle of the hip, of the knee and of the ankle.",
    ),
    "Outline": (
        "outline",
        "Mean, deviation, extremes and area of what is inside",
        "Click around it; click the first point again, or double-click, to close it.",
    ),
    "Ellipse": ("ellipse", "Mean, deviation, extremes and area of what is inside", "Drag from one corner to the other."),
}
HEADERS = ("What", "Value")


class MeasureView(QWidget):
    """Image, tools, table and files.

    Signals
    -------
    image_chosen
        Another image.
    tool_chosen
        A kind of measurement, :data:`ADJUST`, or nothing.
    joint_space_requested, calibrate_requested, delete_requested, save_requested, open_requested, table_requested
        A button was pressed.
    row_chosen
        Lines of the table that are marked.

    Attributes
    ----------
    rows
        What stands in the table: what, value and where.
    """

    image_chosen = Signal()
    tool_chosen = Signal(str)
    joint_space_requested = Signal()
    calibrate_requested = Signal()
    delete_requested = Signal()
    save_requested = Signal()
    open_requested = Signal()
    table_requested = Signal()
    row_chosen = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._image = ComboBox(label="Image", choices=[], tooltip="What is measured; a slice of a volume as it is shown")
        self._side = SideField("Side of the knee", "For the joint space: which side is the medial one")
        self._form = Container(widgets=[self._image, self._side], labels=True)
        self._model, self._scale, self._hint, self._note = warning(), sentence(), sentence(bold=True), sentence()
        self._tools = QWidget()
        self._buttons: dict[str, QPushButton] = {}
        grid = QGridLayout(self._tools)
        grid.setContentsMargins(0, 0, 0, 0)
        tips = {title: tip for title, (_, tip, _) in _TOOLS.items()} | {
            ADJUST: "Drag points of what was drawn, or choose a drawing and press Delete"
        }
        for place, (title, tip) in enumerate(tips.items()):
            button = self._buttons[title] = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda checked, title=title: self._press(title, checked))
            grid.addWidget(button, place // 2, place % 2)
        self._table = Table(HEADERS)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._table.setMinimumHeight(150)
        self._table.setAccessibleName("Measurements")
        self._table.itemSelectionChanged.connect(self._rows_chosen)
        self._grid = ButtonGrid(
            (
                (
                    "Joint space",
                    self.joint_space_requested,
                    "Measure the joint space of a knee, medial and lateral; of a prediction at every month",
                ),
                (
                    "Calibrate...",
                    self.calibrate_requested,
                    "Say how long the length is that is marked in the table, or was drawn last",
                ),
                ("Delete", self.delete_requested, "Take the marked measurements away"),
                ("Table as CSV...", self.table_requested, "A line a value, for a spreadsheet"),
                ("Save...", self.save_requested, "Save what was drawn, to be opened again over its image"),
                ("Open...", self.open_requested, "Open what was saved"),
            )
        )
        self.work = WorkPanel()
        self.rows: list[tuple[str, str, str]] = []
        self._lay_out()
        self.set_image("", has_any=False)

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_images(self, names: Sequence[str], chosen: str = "") -> None:
        """Offer image layers."""
        with self._image.changed.blocked():
            self._image.choices = list(names) if chosen in names else ["", *names]
            self._image.value = chosen if chosen in names else ""

    def begin_anew(self) -> None:
        """For another image: the side that was said is not this one's."""
        self._side.value = next(iter(self._side.choices))

    def set_image(self, scale: str, *, has_any: bool, of_a_model: str = "", can_calibrate: bool = False) -> None:
        """What is known of the chosen image.

        Parameters
        ----------
        scale
            Where its lengths come from, in a sentence; empty where there is none.
        has_any
            Whether there is an image.
        of_a_model
            What must be said above numbers of a picture that a model made.
        can_calibrate
            Whether a known length helps: a picture, no scan with its own millimetres.
        """
        say(self._scale, scale)
        say(self._model, of_a_model)
        for button in self._buttons.values():
            button.setEnabled(has_any)
        self._grid["Joint space"].setEnabled(has_any)
        self._grid["Calibrate..."].setEnabled(has_any and can_calibrate)

    def set_rows(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Show what was measured, its value and where; marked lines stay marked where they are still there."""
        marked, self.rows = self.marked, list(rows)
        self._table.blockSignals(True)
        try:
            self._table.fill([(f"{what}\n{where}" if where else what, value) for what, value, where in rows])
            for row in marked:
                if row < len(rows):
                    self._mark(row)
        finally:
            self._table.blockSignals(False)
        self._table.resizeRowsToContents()
        for name in ("Delete", "Table as CSV...", "Save..."):
            self._grid[name].setEnabled(bool(rows))

    def mark(self, row: int) -> None:
        """Mark one line, and bring it into sight."""
        self._table.clearSelection()
        self._mark(row)
        if (item := self._table.item(row, 0)) is not None:
            self._table.scrollToItem(item)

    def set_tool(self, tool: str) -> None:
        """Show which tool is on, with how it is used; none for an empty name."""
        for title, button in self._buttons.items():
            button.setChecked((_TOOLS[title][0] if title in _TOOLS else title) == tool)
        hints = {kind: hint for kind, _, hint in _TOOLS.values()} | {ADJUST: "Drag the points of a drawing."}
        hint = hints.get(tool, "")
        say(self._hint, f"{hint} Escape ends it." if hint else "")

    def set_note(self, text: str) -> None:
        """Something that must be known of the numbers; nothing for none."""
        say(self._note, text)

    # -- readings -----------------------------------------------------------------------------------------------------

    @property
    def image(self) -> str:
        """Name of the chosen image; empty for none."""
        return str(self._image.value or "")

    @property
    def side(self) -> Laterality:
        """Which knee it is, where the file does not say it; empty for what the file says."""
        return self._side.side

    @property
    def marked(self) -> list[int]:
        """Lines of the table that are marked."""
        selection = self._table.selectionModel()
        return sorted({index.row() for index in selection.selectedRows()}) if selection is not None else []

    @property
    def scale(self) -> str:
        """What is said of the scale."""
        return self._scale.text()

    @property
    def note(self) -> str:
        """What is said of the numbers; empty for nothing."""
        return self._note.text()

    @property
    def of_a_model(self) -> str:
        """What is said of a picture that a model made; empty for another."""
        return self._model.text()

    @property
    def hint(self) -> str:
        """How the tool that is on is used; empty for none."""
        return self._hint.text()

    # -- construction -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        widgets: tuple[QWidget, ...] = (
            notice("Measured on the picture. Not for diagnosis."),
            form(self._form),
            self._scale,
            self._tools,
            self._hint,
            self._model,
            self._table,
            self._note,
            self._grid,
            self.work,
        )
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch(1)
        self._table.size_columns(_TO_CONTENTS, stretch_last=True)
        self._image.changed.connect(lambda: self.image_chosen.emit())

    def _press(self, title: str, checked: bool) -> None:
        tool = _TOOLS[title][0] if title in _TOOLS else title
        self.tool_chosen.emit(tool if checked else "")

    def _mark(self, row: int) -> None:
        for column in range(len(HEADERS)):
            if (item := self._table.item(row, column)) is not None:
                item.setSelected(True)

    def _rows_chosen(self) -> None:
        self.row_chosen.emit(self.marked)
