"""The view of **Extrapolate radiograph**: signals out, setters in; it knows nothing of a viewer or a network."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, DateEdit, FileEdit, LineEdit, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.viewer.future.plot import FuturesPlot
from napari_medgen.viewer.work.panel import WorkPanel

NO_VISIT = "none"
_SIDES: dict[str, Laterality] = {"as in the file": "", "left": "L", "right": "R"}
_MODES = {"from the matched visit on": "strict", "as published": "published"}
_METHODS = {"fast": "fast", "as published (1000 steps)": "published"}
_SPACES = {"one a layer (closer)": "W+", "one for all": "W"}


@dataclass(frozen=True)
class ExtrapolateForm:
    """What the form says.

    Attributes
    ----------
    image, model
        Names of the layer and of the model; empty where there is none.
    side
        Where the file does not say it.
    baseline_date
        When the image was taken.
    step
        Months between frames.
    projection, extrapolation
        The requests.
    cohort, patient
        Folder of a cohort, and whose visits are left out; empty for none.
    second, second_months
        Layer of a second visit, and its time after the baseline.
    anyway
        Extrapolate an image that the model does not understand.
    """

    image: str
    model: str
    side: Laterality
    baseline_date: datetime.date
    step: int
    projection: ProjectionRequest
    extrapolation: ExtrapolationRequest
    cohort: str
    patient: str
    second: str
    second_months: int
    anyway: bool


class ExtrapolateView(QWidget):
    """Form, buttons, what the model understood, plot, neighbours and progress.

    Signals
    -------
    project_requested, blink_requested, beside_requested, open_requested, compare_requested, report_requested,
    save_requested, card_requested
        A button was pressed.
    future_changed
        Neighbours, mode, horizon or step changed: the projection is still right, the frames are not.
    subject_changed
        Another image or model.
    """

    project_requested = Signal()
    blink_requested = Signal()
    beside_requested = Signal()
    open_requested = Signal(int)
    compare_requested = Signal()
    report_requested = Signal()
    save_requested = Signal()
    card_requested = Signal()
    future_changed = Signal()
    subject_changed = Signal()
    second_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._image = ComboBox(
            label="Baseline image", choices=[], tooltip="A radiograph of one knee, the joint in the middle"
        )
        self._model = ComboBox(label="Model", choices=[])
        self._side = ComboBox(label="Side", choices=list(_SIDES), tooltip="Which knee, where the file does not say it")
        self._date = DateEdit(label="Baseline date", value=datetime.date.today(), tooltip="Shown beside the months")
        self._horizon = SpinBox(label="Horizon (months)", value=96, min=6, max=240, step=6)
        self._step = SpinBox(label="Step (months)", value=6, min=1, max=48)
        self._neighbours = SpinBox(
            label="Neighbours", value=8, min=1, max=50, tooltip="Similar knees whose ways are followed"
        )
        self._form = Container(widgets=[self._image, self._model, self._side, self._date, self._neighbours])
        self._mode = ComboBox(
            label="Neighbour's way",
            choices=list(_MODES),
            tooltip="As published: from its first to its last visit, in calendar years",
        )
        self._method = ComboBox(label="Projection", choices=list(_METHODS))
        self._space = ComboBox(label="Latents", choices=list(_SPACES))
        self._cohort = FileEdit(
            label="Other cohort", mode="d", nullable=True, value=None, tooltip="A folder that 'cohort build' wrote"
        )
        self._patient = LineEdit(label="Patient to leave out", tooltip="Where the patient is in the cohort")
        self._anyway = CheckBox(text="Extrapolate images the model does not understand", value=False)
        self._more = Container(
            widgets=[
                self._horizon,
                self._step,
                self._mode,
                self._method,
                self._space,
                self._cohort,
                self._patient,
                self._anyway,
            ],
            labels=True,
        )
        self._second = ComboBox(label="Second visit", choices=[NO_VISIT], tooltip="A later image of the same knee")
        self._second_months = SpinBox(label="Months later", value=24, min=1, max=400)
        self._visit = Container(widgets=[self._second, self._second_months], labels=True)
        self._project = QPushButton("Project")
        self._surrogate, self._quality, self._doubt, self._now, self._comparison = (QLabel() for _ in range(5))
        self.plot = FuturesPlot()
        self._table = QTableWidget(0, 4)
        self._buttons = {
            name: QPushButton(name)
            for name in ("Side by side", "Blink (B)", "Open neighbour", "Report...", "Save frames...", "About this model")
        }
        self._compare = QPushButton("Compare with the second visit")
        self.work = WorkPanel()
        self._dress()
        self._lay_out()
        self._connect()

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_images(self, names: Sequence[str], chosen: str = "", second: str = "") -> None:
        """Offer image layers for the baseline and for a second visit, and show which are chosen."""
        with self._image.changed.blocked(), self._second.changed.blocked():
            # Nothing is chosen of itself.
            self._image.choices = list(names) if chosen in names else ["", *names]
            self._image.value = chosen if chosen in names else ""
            self._second.choices = [NO_VISIT, *names]
            self._second.value = second if second in names else NO_VISIT
        self._project.setEnabled(bool(names) and bool(self._model.value))

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        with self._model.changed.blocked():
            self._model.choices = list(names)
        self._project.setEnabled(bool(names) and bool(self._image.value))

    def set_surrogate(self, text: str) -> None:
        """Say what the model's visits really are; nothing for real follow-up."""
        self._surrogate.setText(f"{text[:1].upper()}{text[1:]}: months are nominal." if text else "")
        self._surrogate.setVisible(bool(text))

    def set_quality(self, text: str, doubts: Sequence[str] = ()) -> None:
        """How well the model understands the image, and why it may not."""
        self._quality.setText(text)
        self._doubt.setText("\n".join(doubts))
        self._doubt.setVisible(bool(doubts))

    def set_now(self, text: str) -> None:
        """What holds at the month on screen."""
        self._now.setText(text)

    def set_comparison(self, text: str) -> None:
        """How the prediction and the real second visit agree."""
        self._comparison.setText(text)
        self._comparison.setVisible(bool(text))

    def set_neighbours(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Knee, grades, interval and distance of each neighbour, the nearest first."""
        self._table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                self._table.setItem(row, column, QTableWidgetItem(text))
        if rows:
            self._table.selectRow(0)

    def set_looked_ahead(self, there: bool) -> None:
        """Whether there are frames."""
        for name in ("Side by side", "Blink (B)", "Open neighbour", "Report...", "Save frames..."):
            self._buttons[name].setEnabled(there)
        self._enable_compare(there)
        self.plot.setVisible(there)
        self._table.setVisible(there)

    # -- readings -----------------------------------------------------------------------------------------------------

    @property
    def form(self) -> ExtrapolateForm:
        """What the form says."""
        step, horizon = int(self._step.value), int(self._horizon.value)
        months = tuple(float(month) for month in range(step, max(horizon, step) + 1, step))
        method: Any = _METHODS[str(self._method.value)]
        space: Any = _SPACES[str(self._space.value)] if method == "fast" else "W"
        mode: Any = _MODES[str(self._mode.value)]
        cohort = self._cohort.value
        return ExtrapolateForm(
            image=str(self._image.value or ""),
            model=str(self._model.value or ""),
            side=_SIDES[str(self._side.value)],
            baseline_date=self._date.value,
            step=step,
            projection=ProjectionRequest(method=method, space=space),
            extrapolation=ExtrapolationRequest(months, int(self._neighbours.value), mode),
            cohort=str(cohort) if cohort and str(cohort) not in ("", ".") else "",
            patient=str(self._patient.value).strip(),
            second="" if self._second.value == NO_VISIT else str(self._second.value),
            second_months=int(self._second_months.value),
            anyway=bool(self._anyway.value),
        )

    @property
    def quality(self) -> str:
        """The line about the projection."""
        return self._quality.text()

    @property
    def doubt(self) -> str:
        """The warning that is shown; empty for none."""
        return self._doubt.text()

    @property
    def now(self) -> str:
        """The line about the month on screen."""
        return self._now.text()

    @property
    def comparison(self) -> str:
        """The line about the second visit."""
        return self._comparison.text()

    @property
    def neighbour_rows(self) -> list[tuple[str, ...]]:
        """The table of neighbours."""
        rows, columns = self._table.rowCount(), self._table.columnCount()
        return [tuple(self._table.item(r, c).text() for c in range(columns)) for r in range(rows)]

    # -- construction -------------------------------------------------------------------------------------------------

    def _dress(self) -> None:
        self._project.setStyleSheet("font-weight: bold; padding: 6px;")
        for label in (self._surrogate, self._doubt):
            label.setStyleSheet("color: #1b1b1b; background: #ffb703; padding: 5px; border-radius: 3px;")
        self._now.setStyleSheet("font-weight: bold;")
        for label in (self._surrogate, self._quality, self._doubt, self._now, self._comparison):
            label.setWordWrap(True)
            # A long sentence must wrap, and not widen the dock.
            label.setMinimumWidth(1)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for label in (self._surrogate, self._doubt, self._comparison):
            label.hide()
        table = self._table
        table.setHorizontalHeaderLabels(("Knee", "Grades", "Months", "Distance"))
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setFixedHeight(124)
        table.setToolTip("The most similar knees of the cohort; double-click opens both visits")
        tips = {
            "Side by side": "Baseline, prediction and change beside each other, with one zoom",
            "Blink (B)": "Put the prediction over the baseline; press again to hide and show it",
            "Open neighbour": "Show both visits of the chosen neighbour",
            "Report...": "Write a page with images, plot, neighbours, origin and limits (PDF or HTML)",
            "Save frames...": "Write frames, changes and numbers into a folder",
        }
        for name, tip in tips.items():
            self._buttons[name].setToolTip(tip)
        self.set_looked_ahead(False)

    def _lay_out(self) -> None:
        notice = QLabel("What a model expects, not what will happen. Not for diagnosis.")
        notice.setStyleSheet("color: #ff9f1c; font-weight: bold;")
        notice.setWordWrap(True)
        layout = QVBoxLayout(self)
        for widget in (notice, self._surrogate, self._form.native):
            layout.addWidget(widget)
        more = QCollapsible("More settings")
        more.addWidget(self._more.native)
        layout.addWidget(more)
        for widget in (self._project, self.work, self._quality, self._doubt, self._now, self.plot, self._table):
            layout.addWidget(widget)
        grid = QGridLayout()
        for place, button in enumerate(self._buttons.values()):
            grid.addWidget(button, place // 2, place % 2)
        layout.addLayout(grid)
        second = QCollapsible("A second visit")
        second.addWidget(self._visit.native)
        second.addWidget(self._compare)
        second.addWidget(self._comparison)
        layout.addWidget(second)
        layout.addStretch(1)

    def _connect(self) -> None:
        self._project.clicked.connect(self.project_requested)
        self._compare.clicked.connect(self.compare_requested)
        signals = (
            self.beside_requested,
            self.blink_requested,
            None,
            self.report_requested,
            self.save_requested,
            self.card_requested,
        )
        for button, signal in zip(self._buttons.values(), signals, strict=True):
            if signal is not None:
                button.clicked.connect(signal)
        self._buttons["Open neighbour"].clicked.connect(lambda: self.open_requested.emit(self._table.currentRow()))
        self._table.cellDoubleClicked.connect(lambda row, column: self.open_requested.emit(row))
        for field in (self._horizon, self._step, self._neighbours, self._mode, self._patient):
            field.changed.connect(lambda: self.future_changed.emit())
        for field in (self._image, self._model):
            field.changed.connect(lambda: self.subject_changed.emit())
        self._second.changed.connect(lambda: self._enable_compare(self._buttons["Report..."].isEnabled()))
        self._second.changed.connect(lambda: self.second_changed.emit())

    def _enable_compare(self, there: bool) -> None:
        self._compare.setEnabled(there and self._second.value != NO_VISIT)
