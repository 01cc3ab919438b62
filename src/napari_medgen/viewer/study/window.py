"""The window of a reader study: signing in, reading, pauses, and the end. It is no napari viewer and shows none."""

from __future__ import annotations

from napari.qt import get_stylesheet
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from napari_medgen.errors import MedGenError
from napari_medgen.study.study import Study
from napari_medgen.viewer.study.desk import Desk
from napari_medgen.viewer.study.keys import StudyKeys
from napari_medgen.viewer.study.pages import Curtain, Done, SignIn
from napari_medgen.viewer.study.panel import Panel
from napari_medgen.viewer.study.sheet import KeySheet
from napari_medgen.viewer.study.stand import Stand
from napari_medgen.viewer.study.style import STYLE
from napari_medgen.viewer.work.queue import WorkQueue, file_queue


class StudyWindow(QMainWindow):
    """The window of one reader.

    Parameters
    ----------
    study
        What is read.
    reader
        The reader's code, where it is known.
    files
        Where images are read in the background; the process's own queue by default.
    """

    def __init__(self, study: Study, reader: str = "", files: WorkQueue | None = None) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(study.protocol.title)
        self.setStyleSheet(get_stylesheet("dark") + STYLE)
        self.setObjectName("study")
        self.resize(1366, 768)
        self.study, self.desk = study, None
        self._warned = False
        self._files = files or file_queue()
        self.stand, self.panel = Stand(self), Panel()
        self.sign_in = SignIn(study, reader)
        self.curtain, self.done = Curtain(), Done()
        self.reading = QWidget()
        row = QHBoxLayout(self.reading)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.stand.widget, 1)
        row.addWidget(self.panel)
        self.pages = QStackedWidget()
        for page in (self.sign_in, self.reading, self.curtain, self.done):
            self.pages.addWidget(page)
        self.setCentralWidget(self.pages)
        self.keys = StudyKeys(self._press, self)
        self.panel.watch(self.keys)
        self.installEventFilter(self.keys)
        self.stand.room.arranged.connect(self._canvases)
        self.sign_in.begun.connect(self._begin)
        self.curtain.left.connect(self._resume)
        self.done.closed.connect(self.close)
        self.panel.comment_requested.connect(self.panel.open_comment)
        self.panel.help_requested.connect(self._help)

    desk: Desk | None

    def _begin(self, reader: str) -> None:
        try:
            session = self.study.session(reader)
        except MedGenError as error:
            self.sign_in.say(str(error))
            return
        self.desk = Desk(self.study, session, self.stand, self.panel, self._files, self)
        self.panel.commented.connect(self.desk.comment)
        self.desk.curtain_requested.connect(self._hide)
        self.desk.finished.connect(self._finish)
        self.desk.shown.connect(self._show)
        self.panel.begun.connect(self.desk.show_state)
        if session.store.place.warning and (bar := self.statusBar()) is not None:
            bar.showMessage(session.store.place.warning, 20_000)
        self.pages.setCurrentWidget(self.reading)
        self.desk.go_on()

    def _show(self) -> None:
        if self.desk is not None:
            self.panel.set_comment(self.desk.session.comment_text)
        self.pages.setCurrentWidget(self.reading)
        self._canvases()
        self.stand.widget.focus()

    def _hide(self, why: str, text: str) -> None:
        self.curtain.say(why, text)
        self.pages.setCurrentWidget(self.curtain)
        self.curtain.setFocus()

    def _resume(self) -> None:
        if self.desk is not None:
            self.pages.setCurrentWidget(self.reading)
            self.desk.resume()

    def _finish(self) -> None:
        if self.desk is not None:
            session = self.desk.session
            self.done.say(session.progress.total, session.reader, session.store.head.line)
            self.pages.setCurrentWidget(self.done)
            self.done.setFocus()

    def _canvases(self, event: object = None) -> None:
        """Let keys of the study go before those of the views."""
        for pane in self.stand.widget.panes:
            pane.canvas.removeEventFilter(self.keys)
            pane.canvas.installEventFilter(self.keys)

    def _press(self, action: str, digit: int) -> None:
        page = self.pages.currentWidget()
        if action == "help":
            self._help()
        elif page is self.curtain:
            if action in ("forward", "pause"):
                self.curtain.leave()
        elif page is self.sign_in:
            if action == "forward":
                self.sign_in.begin()
        elif page is self.done:
            if action == "forward":
                self.close()
        elif action == "comment":
            self.panel.open_comment()
        elif self.desk is not None:
            self.desk.press(action, digit)

    def _help(self) -> None:
        sheet = KeySheet(self)
        sheet.show()

    def changeEvent(self, event: QEvent | None) -> None:
        """A window that is put away does not count as reading: it pauses."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() == QEvent.Type.WindowStateChange
            and self.isMinimized()
            and self.desk is not None
        ):
            self.desk.pause()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Keep all that was written; the next time the study goes on here. What cannot be kept is said before it is lost."""
        if self.desk is not None and (why := self.desk.keep()) and not self._warned and event is not None:
            self._warned = True
            self.pages.setCurrentWidget(self.reading)
            self.panel.say_fault(f"{why} Close the window once more to leave without it.")
            event.ignore()
            return
        desk, self.desk = self.desk, None
        if desk is not None:
            try:
                desk.close()
            finally:
                self.stand.close()
        else:
            self.stand.close()
        super().closeEvent(event)
