"""The dock widget **Reader study**: from napari's menu to the window in which a study is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.dashboard import Dashboard
from napari_medgen.viewer.study.results import Results
from napari_medgen.viewer.study.window import StudyWindow
from napari_medgen.viewer.widgets.parts import say, sentence, warning

if TYPE_CHECKING:
    from napari.components import ViewerModel

Window = TypeVar("Window", bound=QMainWindow)


class ReaderStudy(QWidget):
    """Opens a study in a window of its own: nothing of it comes into this viewer, whose layers and console tell too much.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in; it is not used.
    """

    def __init__(self, napari_viewer: ViewerModel | None = None) -> None:
        super().__init__()
        self._windows: list[QMainWindow] = []
        column = QVBoxLayout(self)
        what = sentence()
        what.setText(
            "A study opens in a window of its own, so that nothing in this one tells what must stay hidden. "
            "napari-medgen study new makes one."
        )
        column.addWidget(what)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Folder of the study")
        self.folder.setAccessibleName("Folder of the study")
        choose = QPushButton("Choose...")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(choose)
        column.addWidget(QLabel("Study"))
        column.addLayout(row)
        self.read_button, self.readers_button = QPushButton("Read"), QPushButton("Readers' progress")
        self.results_button = QPushButton("Results")
        self.results_button.setToolTip("What the study found; once its blind is open")
        self.results_button.clicked.connect(self.show_results)
        self.read_button.clicked.connect(self.read)
        self.readers_button.clicked.connect(self.show_readers)
        column.addWidget(self.read_button)
        column.addWidget(self.readers_button)
        column.addWidget(self.results_button)
        self.fault = warning()
        column.addWidget(self.fault)
        column.addStretch(1)

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the study")
        if folder:
            self.folder.setText(folder)

    def read(self) -> StudyWindow | None:
        """Open the window in which the study is read."""
        window = self._opened(StudyWindow)
        if window is not None:
            window.showMaximized()
        return window

    def show_readers(self) -> Dashboard | None:
        """Open the window that says where every reader is."""
        return self._opened(Dashboard)

    def show_results(self) -> Results | None:
        """Open the window that says what the study found."""
        return self._opened(Results)

    def _opened(self, kind: Callable[[Study], Window]) -> Window | None:
        """A window on the study that the field names; None, and a sentence, where there is none."""
        study = self._study()
        if study is None:
            return None
        window = kind(study)
        self._keep(window)
        window.show()
        return window

    def _keep(self, window: QMainWindow) -> None:
        """Hold a window as long as it is open."""
        self._windows.append(window)
        window.destroyed.connect(lambda: self._windows.remove(window))

    def _study(self) -> Study | None:
        say(self.fault, "")
        try:
            return Study.open(Path(self.folder.text().strip()).expanduser())
        except MedGenError as error:
            say(self.fault, str(error))
            return None
