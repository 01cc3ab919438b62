"""The view of **Jobs**: a table, and what can be done with the line that is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHeaderView, QVBoxLayout, QWidget

from napari_medgen.running.jobs import JobStatus
from napari_medgen.viewer.widgets.parts import ButtonGrid, Table, folded, say, sentence, warning
from napari_medgen.viewer.work.panel import WorkPanel

_HEADERS = ("State", "Done", "Job")
_TIPS = (
    "Running, finished, failed, cancelled, or lost: its process is gone without a word",
    "Pieces that are done, of how many",
    "What was asked for",
)
_NOTHING = "Nothing was sent. Choose a cluster at Compute on, or for a folder, and the job stands here until it is removed."


class JobsView(QWidget):
    """Table, details and buttons.

    Signals
    -------
    stop_requested, open_requested, folder_requested, log_requested, remove_requested
        A button was pressed; the job that is meant is :attr:`chosen`.
    """

    stop_requested = Signal()
    open_requested = Signal()
    folder_requested = Signal()
    log_requested = Signal()
    remove_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._jobs: list[JobStatus] = []
        self.table = Table(_HEADERS, single=True)
        self.table.size_columns(QHeaderView.ResizeMode.ResizeToContents, stretch_last=True)
        self.table.explain_columns(_TIPS)
        self.table.setAccessibleName("Jobs")
        self.details, self.fault = sentence(), warning()
        self.work = WorkPanel()
        self.work.hide()  # until results are opened, or something cannot be done
        self.buttons = ButtonGrid(
            [
                ("Open results", self.open_requested, "Open the first volumes of the job, or its table's folder"),
                ("Open folder", self.folder_requested, "Show the folder that the job writes to"),
                ("Cancel job", self.stop_requested, "End it at its next step; what is done is kept"),
                ("Show log", self.log_requested, "What the job said while it ran"),
                ("Remove", self.remove_requested, "Take it off this list; its files stay"),
            ]
        )
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.details)
        layout.addWidget(self.fault)
        layout.addWidget(self.buttons)
        layout.addWidget(self.work)
        self.table.itemSelectionChanged.connect(self._describe)
        self._describe()

    def show_jobs(self, jobs: Sequence[JobStatus]) -> None:
        """Show jobs in the place of those before; the one that was chosen stays so until a new one is sent."""
        before = self.chosen.job.folder if self.chosen is not None else None
        known = {status.job.folder for status in self._jobs}
        new = [status.job.folder for status in jobs if status.job.folder not in known]
        if known and new:
            before = new[0]  # the newest comes first
        self._jobs = list(jobs)
        with QSignalBlocker(self.table):
            self.table.fill([_cells(status) for status in jobs])
            places = [row for row, status in enumerate(jobs) if status.job.folder == before]
            if places or jobs:
                self.table.selectRow(places[0] if places else 0)
        self._describe()

    @property
    def chosen(self) -> JobStatus | None:
        """The job of the line that is chosen."""
        row = self.table.currentRow()
        return self._jobs[row] if 0 <= row < len(self._jobs) else None

    def _describe(self) -> None:
        status = self.chosen
        running = status is not None and status.state == "running"
        enabled = {
            "Open results": status is not None,
            "Open folder": status is not None,
            "Cancel job": running,
            "Show log": status is not None,
            "Remove": status is not None and not running,
        }
        for text, on in enabled.items():
            self.buttons[text].setEnabled(on)
        say(self.details, _NOTHING if status is None else described(status))
        self.details.setToolTip("" if status is None else folded(str(status.job.out)))
        say(self.fault, status.sentence if status is not None else "")


def described(status: JobStatus) -> str:
    """A job in a sentence or two."""
    where = f"Sent on {status.job.when:%d %B at %H:%M}; its files are in {status.job.out}."
    if status.state == "running":
        return f"{status.message or 'It is starting'}. {where}"
    if status.state == "lost":
        return f"Its process is gone: it was killed, or the computer was switched off. What is done is kept. {where}"
    if status.state == "cancelled":
        return f"It was cancelled; what is done is kept. {where}"
    return where


def _cells(status: JobStatus) -> tuple[str, ...]:
    done = f"{status.step} of {status.total}" if status.total else ""
    return status.state.capitalize(), done, status.job.title
