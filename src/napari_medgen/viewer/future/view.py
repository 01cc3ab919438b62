"""The view of **Extrapolate radiograph**: signals out, setters in; it knows nothing of a viewer or a network."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, DateEdit, FileEdit, LineEdit, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.viewer.future.months import MonthBar
from napari_medgen.viewer.future.neighbours import NeighbourTable
from napari_medgen.viewer.future.plot import PredictionPlot
from napari_medgen.viewer.future.second_visit import SecondVisit
from napari_medgen.viewer.widgets.colour_bar import ColourBar
from napari_medgen.viewer.widgets.fields import SideField
from napari_medgen.viewer.widgets.knee_boxes import BUTTON as BOX
from napari_medgen.viewer.widgets.knee_boxes import TIP as BOX_TIP
from napari_medgen.viewer.widgets.knee_boxes import KneePanel
from napari_medgen.viewer.widgets.parts import (
    ButtonGrid,
    Folded,
    Refusal,
    folded,
    form,
    main_button,
    notice,
    say,
    sentence,
    warning,
)
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
        When the image was taken; None where nobody said it.
    step
        Months between frames.
    projection, extrapolation
        The requests.
    cohort, patient
        Folder of a cohort, and whose visits are left out; empty for none.
    second, second_months
        Layer of a second visit, and its time after the baseline.
    """

    image: str
    model: str
    side: Laterality
    baseline_date: datetime.date | None
    step: int
    projection: ProjectionRequest
    extrapolation: ExtrapolationRequest
    cohort: str
    patient: str
    second: str
    second_months: int


class ExtrapolateView(QWidget):
    """Form, buttons, what the model understood, plot, neighbours and progress.

    Signals
    -------
    project_requested, anyway_requested, box_requested, side_requested, blink_requested, beside_requested, open_requested,
    close_requested, compare_requested, report_requested, save_requested, figure_requested, folder_requested, card_requested
        A button was pressed; with it the side of the body.
    month_requested
        Another month.
    dated
        The baseline's date was said, or taken back.
    settings_changed
        Side, model or way of projection changed: what is shown was made with others.
    future_changed
        Neighbours, mode, horizon or step changed: the projection is still right, the images are not.
    subject_changed
        Another image or model.
    """

    project_requested = Signal()
    anyway_requested = Signal()
    box_requested = Signal()
    side_requested = Signal(str)
    month_requested = Signal(float)
    close_requested = Signal()
    figure_requested = Signal()
    folder_requested = Signal()
    settings_changed = Signal()
    dated = Signal()
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
    _left_knee = Signal()
    _right_knee = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._image = ComboBox(
            label="Baseline image", choices=[], tooltip="A radiograph of one knee, the joint in the middle"
        )
        self._model = ComboBox(label="Model", choices=[], tooltip="What projects the image and follows its neighbours")
        self._side = SideField("Side", "Which knee, where the file does not say it")
        self._dated = CheckBox(text="Baseline date is known", value=False, tooltip="It stands in the report then")
        self._date = DateEdit(label="Baseline date", value=datetime.date.today(), tooltip="When the image was taken")
        self._horizon = SpinBox(
            label="Horizon (months)", value=96, min=6, max=240, step=6, tooltip="The last month that is predicted"
        )
        self._step = SpinBox(label="Step (months)", value=6, min=1, max=48, tooltip="Months between two pictures")
        self._neighbours = SpinBox(
            label="Neighbours", value=8, min=1, max=50, tooltip="Similar knees whose ways are followed"
        )
        self._form = Container(widgets=[self._image, self._model, self._side])
        self._mode = ComboBox(
            label="Neighbour's way",
            choices=list(_MODES),
            tooltip="As published: from its first to its last visit, in calendar years",
        )
        self._method = ComboBox(
            label="Projection",
            choices=list(_METHODS),
            tooltip="Finding the picture most like the image that the model can make; as published takes minutes",
        )
        self._space = ComboBox(
            label="Latents",
            choices=list(_SPACES),
            tooltip="The numbers that stand for a picture: one set for each layer of the model, or one for all",
        )
        self._cohort = FileEdit(
            label="Other cohort",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            nullable=True,
            value=None,
            tooltip="A folder that 'cohort build' wrote",
        )
        self._patient = LineEdit(label="Patient to leave out", tooltip="Where the patient is in the cohort")
        self._more: Container[Any] = Container(
            widgets=[
                self._dated,
                self._date,
                self._neighbours,
                self._horizon,
                self._step,
                self._mode,
                self._method,
                self._space,
                self._cohort,
                self._patient,
            ],
            labels=True,
        )
        self.second = SecondVisit()
        self._project = main_button("Project")
        self._surrogate, self._stale = warning(), warning()
        self._quality, self._now, self._answer = sentence(), sentence(bold=True), sentence()
        self._refusal = Refusal(
            (
                ("Extrapolate anyway", self.anyway_requested, "Go on with what there is; the picture may mean nothing"),
                (BOX, self.box_requested, BOX_TIP),
                ("It is a right knee", self._right_knee, "Project it as a right knee"),
                ("It is a left knee", self._left_knee, "Project it as a left knee"),
            )
        )
        self.months, self._bar = MonthBar(), ColourBar()
        self._bar.show_meaning(("darker", "brighter"), "change, half of black to white", signed=True)
        self.plot, self._table = PredictionPlot(), NeighbourTable()
        self._buttons = ButtonGrid(
            (
                ("Side by side", self.beside_requested, "Baseline, prediction and change beside each other, with one zoom"),
                (
                    "Blink (B)",
                    self.blink_requested,
                    "Put the prediction over its projected baseline; press again to see one or the other",
                ),
                ("Open neighbour", self._neighbour_requested, "Show both visits of the chosen neighbour below"),
                ("Close neighbour", self.close_requested, "Take the two lower pictures away again"),
                (
                    "Report...",
                    self.report_requested,
                    "Write a page with images, plot, neighbours, origin and limits (PDF or HTML)",
                ),
                (
                    "Save figure...",
                    self.figure_requested,
                    "Save what is on the canvas as PNG, TIFF, SVG or PDF, with captions, scale bar and colour bar",
                ),
                ("Save frames...", self.save_requested, "Write baseline, frames, changes and numbers into a folder"),
                (BOX, self.box_requested, BOX_TIP),
                ("A folder...", self.folder_requested, "Extrapolate every knee of a folder: one table, and a picture each"),
                ("About this model", self.card_requested, "What it was trained on, its limits and measured figures"),
            )
        )
        self.work, self.knees = WorkPanel(), KneePanel()
        self._understood = Folded("How well was this image understood?", self._quality)
        self._understood.setVisible(False)
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
        self._project.setEnabled(chosen in names and bool(self._model.value))
        self._buttons[BOX].setEnabled(chosen in names)

    def begin_anew(self) -> None:
        """For another image: neither its side nor its second visit is that of the one before."""
        with self._side.changed.blocked():
            self._side.value = next(iter(self._side.choices))
        self.second.begin_anew()
        with self._patient.changed.blocked():
            self._patient.value = ""
        with self._dated.changed.blocked():
            self._dated.value = False

    def set_side(self, side: Laterality) -> None:
        """Put a side into the form."""
        with self._side.changed.blocked():
            self._side.side = side

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        with self._model.changed.blocked():
            self._model.choices = list(names)
        self._project.setEnabled(bool(names) and bool(self._image.value))

    def set_surrogate(self, text: str) -> None:
        """Say what the model's visits really are; nothing for real follow-up."""
        say(self._surrogate, f"{text[:1].upper()}{text[1:]}: months are nominal." if text else "")

    def set_quality(self, text: str) -> None:
        """How well the model understands the image."""
        self._quality.setText(text)
        self._understood.setVisible(bool(text))

    def refuse(self, reason: str, offered: Sequence[str] = (), example: Path | None = None) -> None:
        """Say why the image was not extrapolated, and offer what can be done; an empty reason takes it away.

        Parameters
        ----------
        offered
            Texts of the buttons that help here.
        example
            A picture of what the model expects.
        """
        self._refusal.say(reason, offered, example)

    def set_stale(self, text: str) -> None:
        """Say that what is shown was made with other settings; nothing where it was not."""
        say(self._stale, text)

    def set_pair(self, there: bool) -> None:
        """Whether a neighbour or a second visit is shown."""
        self._buttons["Close neighbour"].setEnabled(there)

    def set_now(self, text: str) -> None:
        """What holds at the month on screen."""
        self._now.setText(text)

    def set_comparison(self, text: str, details: str = "") -> None:
        """How the prediction and the real second visit agree; figures on hover."""
        say(self._answer, text)
        self._answer.setToolTip(folded(details))

    def set_neighbours(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Knee, grades, interval and distance of each neighbour, the nearest first."""
        self._table.show_neighbours(rows)

    def set_looked_ahead(self, there: bool) -> None:
        """Whether there are frames."""
        for name in ("Side by side", "Blink (B)", "Open neighbour", "Report...", "Save figure...", "Save frames..."):
            self._buttons[name].setEnabled(there)
        self.second.set_there(there)
        for widget in (self.months, self._bar, self.plot, self._table):
            widget.setVisible(there)
        if not there:
            self.set_pair(False)

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
            baseline_date=self._date.value if self._dated.value else None,
            step=step,
            projection=ProjectionRequest(method=method, space=space),
            extrapolation=ExtrapolationRequest(months, int(self._neighbours.value), mode),
            cohort=str(cohort) if cohort and str(cohort) not in ("", ".") else "",
            patient=str(self._patient.value).strip(),
            second=self.second.image,
            second_months=self.second.months,
        )

    @property
    def quality(self) -> str:
        """The line about the projection."""
        return self._quality.text()

    @property
    def refusal(self) -> str:
        """Why the image was not extrapolated; empty where it was."""
        return self._refusal.reason

    @property
    def offered(self) -> list[str]:
        """The buttons beside the refusal."""
        return self._refusal.offered

    @property
    def stale(self) -> str:
        """What is said where other settings made what is shown; empty where they did not."""
        return self._stale.text()

    @property
    def now(self) -> str:
        """The line about the month on screen."""
        return self._now.text()

    @property
    def comparison(self) -> str:
        """The line about the second visit."""
        return self._answer.text()

    @property
    def neighbour_rows(self) -> list[tuple[str, ...]]:
        """The table of neighbours."""
        return self._table.texts

    # -- construction -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        first = notice("What a model expects, not what will happen. Not for diagnosis.")
        more = Folded("More settings", form(self._more))
        widgets: tuple[QWidget, ...] = (
            first,
            self._surrogate,
            form(self._form),
            self._project,
            self.work,
            self.knees,
            self._refusal,
            self._stale,
            self._now,
            self._answer,
            self.months,
            self._bar,
            self._buttons,
            self.plot,
            self._table,
            self._understood,
            self.second,
            more,
        )
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch(1)

    def _connect(self) -> None:
        self._project.clicked.connect(self.project_requested)
        self._neighbour_requested.connect(lambda: self.open_requested.emit(self._table.currentRow()))
        self._table.cellDoubleClicked.connect(lambda row, column: self.open_requested.emit(row))
        for field in (self._horizon, self._step, self._neighbours, self._mode, self._patient):
            field.changed.connect(lambda: self.future_changed.emit())
        for field in (self._image, self._model):
            field.changed.connect(lambda: self.subject_changed.emit())
        for setting in (self._side.changed, self._method.changed, self._space.changed, self._cohort.changed):
            setting.connect(lambda: self.settings_changed.emit())
        self._date.changed.connect(self._tick_date)
        self._dated.changed.connect(lambda: self.dated.emit())
        self.months.month_requested.connect(self.month_requested)
        self._left_knee.connect(lambda: self.side_requested.emit("L"))
        self._right_knee.connect(lambda: self.side_requested.emit("R"))
        self.second.chosen.connect(self.second_changed)
        self.second.compare_requested.connect(self.compare_requested)

    def _tick_date(self) -> None:
        """Who says when the image was taken knows it."""
        self._dated.value = True
        self.dated.emit()
