"""The view of **Extrapolate radiograph**: signals out, setters in; it knows nothing of a viewer or a network."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, DateEdit, FileEdit, LineEdit, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.viewer.future.neighbours import NeighbourTable
from napari_medgen.viewer.future.plot import PredictionPlot
from napari_medgen.viewer.future.second_visit import SecondVisit
from napari_medgen.viewer.widgets.fields import SideField
from napari_medgen.viewer.widgets.parts import ButtonGrid, form, main_button, notice, say, sentence, warning
from napari_medgen.viewer.work.panel import WorkPanel

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
        Neighbours, mode, horizon or step changed: the projection is still right, the images are not.
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
    _neighbour_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._image = ComboBox(
            label="Baseline image", choices=[], tooltip="A radiograph of one knee, the joint in the middle"
        )
        self._model = ComboBox(label="Model", choices=[])
        self._side = SideField("Side", "Which knee, where the file does not say it")
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
            label="Other cohort",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            nullable=True,
            value=None,
            tooltip="A folder that 'cohort build' wrote",
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
        self.second = SecondVisit()
        self._project = main_button("Project")
        self._surrogate, self._doubt = warning(), warning()
        self._quality, self._now = sentence(), sentence(bold=True)
        self.plot, self._table = PredictionPlot(), NeighbourTable()
        self._buttons = ButtonGrid(
            (
                ("Side by side", self.beside_requested, "Baseline, prediction and change beside each other, with one zoom"),
                (
                    "Blink (B)",
                    self.blink_requested,
                    "Put the prediction over the baseline; press again to hide and show it",
                ),
                ("Open neighbour", self._neighbour_requested, "Show both visits of the chosen neighbour"),
                (
                    "Report...",
                    self.report_requested,
                    "Write a page with images, plot, neighbours, origin and limits (PDF or HTML)",
                ),
                ("Save frames...", self.save_requested, "Write frames, changes and numbers into a folder"),
                ("About this model", self.card_requested, "What it was trained on, its limits and measured figures"),
            )
        )
        self.work = WorkPanel()
        self.set_looked_ahead(False)
        self._lay_out()
        self._connect()

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_images(self, names: Sequence[str], chosen: str = "", second: str = "") -> None:
        """Offer image layers for the baseline and for a second visit, and show which are chosen."""
        with self._image.changed.blocked():
            # Nothing is chosen of itself.
            self._image.choices = list(names) if chosen in names else ["", *names]
            self._image.value = chosen if chosen in names else ""
        self.second.set_images(names, second)
        self._project.setEnabled(bool(names) and bool(self._model.value))

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        with self._model.changed.blocked():
            self._model.choices = list(names)
        self._project.setEnabled(bool(names) and bool(self._image.value))

    def set_surrogate(self, text: str) -> None:
        """Say what the model's visits really are; nothing for real follow-up."""
        say(self._surrogate, f"{text[:1].upper()}{text[1:]}: months are nominal." if text else "")

    def set_quality(self, text: str, doubts: Sequence[str] = ()) -> None:
        """How well the model understands the image, and why it may not."""
        self._quality.setText(text)
        say(self._doubt, "\n".join(doubts))

    def set_now(self, text: str) -> None:
        """What holds at the month on screen."""
        self._now.setText(text)

    def set_comparison(self, text: str) -> None:
        """How the prediction and the real second visit agree."""
        self.second.say(text)

    def set_neighbours(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Knee, grades, interval and distance of each neighbour, the nearest first."""
        self._table.show_neighbours(rows)

    def set_looked_ahead(self, there: bool) -> None:
        """Whether there are frames."""
        for name in ("Side by side", "Blink (B)", "Open neighbour", "Report...", "Save frames..."):
            self._buttons[name].setEnabled(there)
        self.second.set_there(there)
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
            side=self._side.side,
            baseline_date=self._date.value,
            step=step,
            projection=ProjectionRequest(method=method, space=space),
            extrapolation=ExtrapolationRequest(months, int(self._neighbours.value), mode),
            cohort=str(cohort) if cohort and str(cohort) not in ("", ".") else "",
            patient=str(self._patient.value).strip(),
            second=self.second.image,
            second_months=self.second.months,
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
        return self.second.answer

    @property
    def neighbour_rows(self) -> list[tuple[str, ...]]:
        """The table of neighbours."""
        return self._table.texts

    # -- construction -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        first = notice("What a model expects, not what will happen. Not for diagnosis.")
        for widget in (first, self._surrogate, form(self._form)):
            layout.addWidget(widget)
        more = QCollapsible("More settings")
        more.addWidget(form(self._more))
        layout.addWidget(more)
        for widget in (self._project, self.work, self._quality, self._doubt, self._now, self.plot, self._table):
            layout.addWidget(widget)
        layout.addWidget(self._buttons)
        layout.addWidget(self.second)
        layout.addStretch(1)

    def _connect(self) -> None:
        self._project.clicked.connect(self.project_requested)
        self._neighbour_requested.connect(lambda: self.open_requested.emit(self._table.currentRow()))
        self._table.cellDoubleClicked.connect(lambda row, column: self.open_requested.emit(row))
        for field in (self._horizon, self._step, self._neighbours, self._mode, self._patient):
            field.changed.connect(lambda: self.future_changed.emit())
        for field in (self._image, self._model):
            field.changed.connect(lambda: self.subject_changed.emit())
        self.second.chosen.connect(self.second_changed)
        self.second.compare_requested.connect(self.compare_requested)
