"""The manager's window: where every reader is, kept up to date, without opening the blind."""

from __future__ import annotations

from datetime import date

from napari.qt import get_stylesheet
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMainWindow,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.study.status import COLUMNS, ReaderStatus, status_of
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.style import STYLE
from napari_medgen.viewer.work.queue import Job, WorkQueue, file_queue

_EVERY = 5000  # milliseconds


class Dashboard(QMainWindow):
    """Where every reader is.

    Parameters
    ----------
    study
        Whose readers.
    files
        Where stores are read in the background; the process's own queue by default.
    """

    def __init__(self, study: Study, files: WorkQueue | None = None) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{study.protocol.title}: readers")
        self.setStyleSheet(get_stylesheet("dark") + STYLE)
        self.setObjectName("study")
        self.resize(980, 420)
        self._study, self._files = study, files or file_queue()
        self._job: int | None = None
        middle = QWidget()
        middle.setObjectName("page")
        column = QVBoxLayout(middle)
        self.said = QLabel("Reading the stores")
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setAccessibleName("Readers")
        rows = self.table.verticalHeader()
        if rows is not None:
            rows.hide()
        heads = self.table.horizontalHeader()
        if heads is not None:
            heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            heads.setStretchLastSection(True)
        column.addWidget(self.said)
        column.addWidget(self.table)
        self.setCentralWidget(middle)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self.look()

    def look(self) -> None:
        """Look at the stores, in the background."""
        if self._job is not None:
            return

        def steps() -> Steps[tuple[ReaderStatus, ...]]:
            yield Progress(0, 0, "Reading the stores")
            return status_of(self._study)

        self._job = self._files.submit(Job("Readers", steps, on_result=self._show, on_error=self._fail, on_end=self._over))

    def _over(self) -> None:
        self._job = None

    def _fail(self, error: Exception) -> None:
        self.said.setText(str(error))

    def _show(self, found: tuple[ReaderStatus, ...]) -> None:
        done = sum(one.state == "done" for one in found)
        cases = sum(one.done for one in found)
        total = sum(one.total for one in found)
        self.said.setText(
            f"{done} of {len(found)} readers are done; {cases} of {total} cases are read. The blind is closed."
        )
        self.table.setRowCount(len(found))
        for row, one in enumerate(found):
            for column, text in enumerate(one.cells(date.today())):
                item = QTableWidgetItem(text)
                if column == len(COLUMNS) - 1 and one.faults:
                    item.setToolTip("\n".join(one.faults))
                self.table.setItem(row, column, item)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Look no more."""
        self._timer.stop()
        if self._job is not None:
            self._files.cancel(self._job)
        super().closeEvent(event)
