"""The form of the **Reading room**: signals out, setters in; it knows nothing of a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_medgen.imaging.hanging import LAYOUTS
from napari_medgen.imaging.windows import Window
from napari_medgen.viewer.widgets.parts import ButtonGrid, Folded, notice, sentence
from napari_medgen.viewer.work.panel import WorkPanel

_LAYOUTS = {f"{name.replace('x', ' x ')}": name for name in LAYOUTS}
_PLANES = {"Axial": "axial", "Coronal": "coronal", "Sagittal": "sagittal", "3D": "3d"}
_SLABS = {"Single slice": "", "Mean": "mean", "MIP (brightest)": "mip", "MinIP (darkest)": "minip"}
_MODES = {
    "Beside each other": "",
    "Swipe": "swipe",
    "Checkerboard": "checkerboard",
    "Blink": "blink",
    "Difference": "difference",
}
_MOST_COMPARED = 4


@dataclass(frozen=True)
class ReadingState:
    """What the room shows, for the form to say."""

    layout: str
    crosshair: bool
    overlays: bool
    linked: bool
    together: bool
    thickness: float
    slab_kind: str
    playing: bool
    speed: int
    blend: str


class ReadingView(QWidget):
    """Layouts, windows, slabs, comparison and cases.

    Signals
    -------
    layout_requested, plane_requested, window_requested, blend_requested
        By name; a window is ``automatic``, ``own``, ``invert`` or the number of a preset.
    flag_requested
        Name of a flag, and whether it is wanted.
    slab_requested
        Thickness in millimetres, and how it becomes one slice.
    cine_requested, speed_requested
        Start or stop; slices a second.
    compare_requested
        Indices of the images that were chosen.
    folder_requested, table_requested, samples_requested, previous_requested, next_requested
        A work list is wanted; the case before, or the next.
    keep_requested, restore_requested, help_requested, figure_requested, panels_requested, leave_requested
        A button was pressed.
    """

    layout_requested = Signal(str)
    plane_requested = Signal(str)
    window_requested = Signal(str)
    flag_requested = Signal(str, bool)
    slab_requested = Signal(float, str)
    cine_requested = Signal()
    speed_requested = Signal(int)
    compare_requested = Signal(list)
    blend_requested = Signal(str)
    folder_requested = Signal()
    table_requested = Signal()
    samples_requested = Signal()
    previous_requested = Signal()
    next_requested = Signal()
    keep_requested = Signal()
    restore_requested = Signal()
    help_requested = Signal()
    figure_requested = Signal()
    panels_requested = Signal()
    leave_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._silent = False
        self.layout_field = _combo(_LAYOUTS, "How many views of a volume")
        self.window_field = QComboBox()
        self.window_field.setToolTip("Which grey values are black and white")
        self.slab_field = _combo(_SLABS, "How the slices of a slab become one picture")
        self.thickness = QSpinBox()
        self.thickness.setRange(0, 1000)
        self.thickness.setSuffix(" mm")
        self.thickness.setToolTip("Thickness of the slab; 0 is a single slice")
        self.speed = QSpinBox()
        self.speed.setRange(1, 30)
        self.speed.setValue(10)
        self.speed.setSuffix(" slices a second")
        self.speed.setToolTip("How fast the slices go on")
        self.cine = QPushButton("Cine")
        self.cine.setCheckable(True)
        self.cine.setToolTip("Let the slices go on by themselves (C)")
        self.flags = {
            "crosshair": _check("Crosshair", "Lines where the other views lie (X)"),
            "overlays": _check("Maps, labels and drawings", "What lies over the images (O)"),
            "linked": _check("Link zoom and place", "All views are zoomed and moved together (L)"),
            "together": _check("Window together", "The windows of images that are compared are set together"),
        }
        self.images = QListWidget()
        self.images.setToolTip(f"Choose two to {_MOST_COMPARED} images, and compare them")
        self.images.setSelectionMode(QListWidget.SelectionMode.MultiSelection)
        self.images.setMaximumHeight(92)
        self.images.setAccessibleName("Images to compare")
        self.compare = QPushButton("Compare")
        self.compare.setToolTip("Show the images that are chosen beside each other")
        self.mode = _combo(_MODES, "How two images are compared (S, K, B, D)")
        self.place = sentence()
        self.work = WorkPanel()
        self._lay_out()
        self._connect()
        self.set_windows(())
        self.set_cases("")

    # -- setters --------------------------------------------------------------------------------------------------------

    def set_state(self, state: ReadingState) -> None:
        """Say what the room shows."""
        self._silent = True
        try:
            _choose(self.layout_field, state.layout)
            _choose(self.slab_field, state.slab_kind if state.thickness > 0 else "")
            self.thickness.setValue(round(state.thickness))
            self.thickness.setEnabled(state.thickness > 0)
            for name, box in self.flags.items():
                box.setChecked(bool(getattr(state, name)))
            self.cine.setChecked(state.playing)
            self.speed.setValue(state.speed)
            _choose(self.mode, state.blend)
        finally:
            self._silent = False

    def set_windows(self, presets: Sequence[Window], now: str = "") -> None:
        """Offer windows: presets where the image counts in Hounsfield units; ``now`` is the name of the one that is set."""
        offered = {"As opened (0)": "own", "Automatic (A)": "automatic"}
        offered |= {f"{window.name} ({index + 1})": str(index) for index, window in enumerate(presets)}
        offered["Own window"] = ""
        if [self.window_field.itemText(i) for i in range(self.window_field.count())] != list(offered):
            self._silent = True
            self.window_field.clear()
            for text, data in offered.items():
                self.window_field.addItem(text, data)
            self._silent = False
        names = {"As opened": "own", "Automatic": "automatic"} | {window.name: str(i) for i, window in enumerate(presets)}
        self._silent = True
        _choose(self.window_field, names.get(now, ""))
        self._silent = False

    def set_images(self, names: Sequence[str], chosen: Sequence[int]) -> None:
        """Offer images to compare."""
        self._silent = True
        self.images.clear()
        for index, name in enumerate(names):
            item = QListWidgetItem(name)
            item.setToolTip(name)
            self.images.addItem(item)
            item.setSelected(index in chosen)
        self._silent = False
        self._tell_chosen()

    def set_pair(self, there: bool) -> None:
        """Whether two images stand beside each other, that can be laid into one."""
        self.mode.setEnabled(there)

    def set_cases(self, text: str) -> None:
        """Say which case is shown, of how many; nothing where there is no list."""
        self.place.setText(
            text or "A folder, a table with a column path, or the samples of this session, one after the other."
        )
        for name in ("Case before", "Next case"):
            self._cases[name].setEnabled(bool(text))

    def set_panels(self, there: bool) -> None:
        """Whether napari's lists are shown."""
        self.panels.setChecked(there)

    def set_open(self, there: bool) -> None:
        """Whether the views are on the screen."""
        self.leave.setText("Leave the room" if there else "Enter the room")
        self._sections.setEnabled(there)
        self.panels.setEnabled(there)

    @property
    def chosen(self) -> list[int]:
        """Indices of the images that are chosen to be compared."""
        return sorted(index.row() for index in self.images.selectedIndexes())

    # -- construction ---------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(notice("Not for diagnosis."))
        self.leave = QPushButton("Leave the room")
        self.leave.setToolTip("napari's own canvas comes back as it was")
        self.keys = QPushButton("Keys")
        self.keys.setToolTip("All keys, and what the mouse does (F1)")
        top = QHBoxLayout()
        self.panels = QPushButton("Lists")
        self.panels.setCheckable(True)
        self.panels.setToolTip("napari's list of layers and their controls, hidden for the sake of the views")
        top.addWidget(self.leave, 1)
        top.addWidget(self.panels)
        top.addWidget(self.keys)
        layout.addLayout(top)
        self._sections = QWidget()
        inner = QVBoxLayout(self._sections)
        inner.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.addRow("Layout", self.layout_field)
        form.addRow("Window", self.window_field)
        slab = QHBoxLayout()
        slab.addWidget(self.slab_field, 1)
        slab.addWidget(self.thickness)
        form.addRow("Slab", slab)
        cine = QHBoxLayout()
        cine.addWidget(self.cine)
        cine.addWidget(self.speed, 1)
        form.addRow("Cine", cine)
        inner.addLayout(form)
        planes = QHBoxLayout()
        for text, plane in _PLANES.items():
            button = QPushButton(text)
            button.setToolTip(f"Show {'the whole' if plane == '3d' else text.lower() + ' slices'} in the view that is used")
            button.clicked.connect(lambda checked=False, plane=plane: self.plane_requested.emit(plane))
            planes.addWidget(button)
        inner.addLayout(planes)
        for box in self.flags.values():
            inner.addWidget(box)
        inner.addWidget(QLabel("Compare"))
        inner.addWidget(self.images)
        row = QHBoxLayout()
        row.addWidget(self.compare)
        row.addWidget(self.mode, 1)
        inner.addLayout(row)
        self._cases = ButtonGrid(
            (
                ("Folder...", self.folder_requested, "The images of a folder, one after the other"),
                ("Table...", self.table_requested, "The images that a CSV names in its column path"),
                ("Samples", self.samples_requested, "The volumes and radiographs of this session, one after the other"),
                ("Save figure...", self.figure_requested, "Save what the canvas shows as a figure"),
                ("Case before", self.previous_requested, "Page up"),
                ("Next case", self.next_requested, "Page down"),
            )
        )
        inner.addWidget(QLabel("Cases"))
        inner.addWidget(self.place)
        inner.addWidget(self._cases)
        more = ButtonGrid(
            (
                ("Keep this view", self.keep_requested, "Remember layout, slice, zoom and window"),
                ("Show kept view", self.restore_requested, "Layout, slice, zoom and window as they were kept"),
            )
        )
        inner.addWidget(Folded("More", more))
        layout.addWidget(self._sections)
        layout.addWidget(self.work)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.leave.clicked.connect(self.leave_requested)
        self.keys.clicked.connect(self.help_requested)
        self.panels.clicked.connect(self.panels_requested)
        self.layout_field.activated.connect(lambda: self.layout_requested.emit(self.layout_field.currentData()))
        self.window_field.activated.connect(lambda: self.window_requested.emit(self.window_field.currentData()))
        self.mode.activated.connect(lambda: self.blend_requested.emit(self.mode.currentData()))
        self.slab_field.activated.connect(self._tell_slab)
        self.thickness.valueChanged.connect(self._tell_slab)
        self.speed.valueChanged.connect(lambda value: None if self._silent else self.speed_requested.emit(value))
        self.cine.clicked.connect(self.cine_requested)
        for name, box in self.flags.items():
            box.clicked.connect(lambda checked, name=name: self.flag_requested.emit(name, checked))
        self.images.itemSelectionChanged.connect(self._tell_chosen)
        self.compare.clicked.connect(lambda: self.compare_requested.emit(self.chosen))

    def _tell_slab(self) -> None:
        if self._silent:
            return
        kind = self.slab_field.currentData()
        thickness = float(self.thickness.value()) or 10.0
        self.slab_requested.emit(thickness if kind else 0.0, kind or "mip")

    def _tell_chosen(self) -> None:
        if not self._silent:
            self.compare.setEnabled(2 <= len(self.chosen) <= _MOST_COMPARED)


def _combo(entries: dict[str, str], tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(tip)
    for text, data in entries.items():
        combo.addItem(text, data)
    return combo


def _check(text: str, tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setToolTip(tip)
    return box


def _choose(combo: QComboBox, data: str) -> None:
    index = combo.findData(data)
    if index >= 0 and index != combo.currentIndex():
        combo.setCurrentIndex(index)
