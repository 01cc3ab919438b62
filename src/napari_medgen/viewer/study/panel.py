"""The panel beside the image: how far the reader is, what is asked, and the way on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QObject, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_medgen.study.questions import Question
from napari_medgen.viewer.study.fields import Field, PlacesField, Writing, field_for

_WIDTH = 380


class Panel(QWidget):
    """Questions and the way on.

    Signals
    -------
    answered
        A question's name and an answer.
    begun
        An answer was begun that needs more.
    marking
        A question's name, and 1 to mark a place or -1 to take the last away.
    commented
        A comment that was written.
    forward_requested, back_requested, pause_requested, comment_requested, help_requested
        A button was pressed.
    """

    answered = Signal(str, object)
    begun = Signal()
    marking = Signal(str, int)
    forward_requested = Signal()
    back_requested = Signal()
    pause_requested = Signal()
    comment_requested = Signal()
    commented = Signal(str)
    help_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(_WIDTH)
        self.setObjectName("panel")
        self.fields: list[Field] = []
        self.active = 0
        self._filter: QObject | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        self.where = QLabel()
        self.where.setObjectName("where")
        self.left = QLabel()
        self.left.setObjectName("quiet")
        self.bar = _Bar()
        self.note = QLabel()
        self.note.setObjectName("note")
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.hide()
        for widget in (self.where, self.left, self.bar, self.note):
            column.addWidget(widget)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(self._area, 1)
        self.writing = Writing()
        self.writing.setAccessibleName("Comment")
        self.writing.setPlaceholderText("A comment on this case; Tab leaves")
        self.writing.left.connect(self._comment_left)
        self.writing.hide()
        column.addWidget(self.writing)
        self.fault = QLabel()
        self.fault.setObjectName("fault")
        self.fault.setWordWrap(True)
        self.fault.setTextFormat(Qt.TextFormat.PlainText)
        self.fault.hide()
        column.addWidget(self.fault)
        self.forward = _button("", self.forward_requested)
        self.forward.setObjectName("forward")
        self.forward.setMinimumHeight(44)
        column.addWidget(self.forward)
        row = QHBoxLayout()
        self.back = _button("Back", self.back_requested)
        self.pause = _button("Pause (P)", self.pause_requested)
        self.comment = _button("Comment (W)", self.comment_requested)
        self.help = _button("Keys (F1)", self.help_requested)
        for button in (self.back, self.pause, self.comment, self.help):
            row.addWidget(button)
        column.addLayout(row)

    # -- the questions --------------------------------------------------------------------------------------------------

    def set_questions(self, questions: Sequence[Question], answers: Mapping[str, Any], *, enabled: bool = True) -> None:
        """Ask these, with what was answered; fields that are there stay, so that nothing jumps."""
        kept = {field.question.id: field for field in self.fields}
        chosen = self.fields[self.active].question.id if self.active and self.fields else ""
        wanted = [question.id for question in questions]
        if [field.question for field in self.fields] != list(questions):
            fields = [
                kept[one.id] if one.id in kept and kept[one.id].question == one else self._made(one) for one in questions
            ]
            holder = QWidget()
            holder.setObjectName("questions")
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 4, 4, 4)
            column.setSpacing(8)
            for field in fields:
                column.addWidget(field)
            column.addStretch(1)
            self.fields = fields
            self._area.setWidget(holder)
        for field in self.fields:
            field.setEnabled(enabled)
            field.set_value(answers.get(field.question.id))
            field.say("")
        self.choose(wanted.index(chosen) if chosen in wanted else 0)

    def _made(self, question: Question) -> Field:
        field = field_for(question)
        field.answered.connect(lambda value, name=question.id: self.answered.emit(name, value))
        field.begun.connect(self.begun.emit)
        field.marking.connect(lambda by, name=question.id: self.marking.emit(name, by))
        if self._filter is not None:
            for child in field.findChildren(QWidget):
                child.installEventFilter(self._filter)
        return field

    def watch(self, keys: QObject) -> None:
        """Let a filter see the keys that are pressed in fields to come."""
        self._filter = keys
        self.writing.installEventFilter(keys)

    # -- the comment ----------------------------------------------------------------------------------------------------

    def open_comment(self) -> None:
        """Let the reader write a comment."""
        self.writing.show()
        self.writing.setFocus()

    def set_comment(self, text: str) -> None:
        """Show the comment that was kept of this case."""
        self.writing.setPlainText(text)
        self.writing.setVisible(bool(text))

    def _comment_left(self) -> None:
        text = self.writing.toPlainText()
        self.commented.emit(text)
        self.writing.setVisible(bool(text.strip()))

    def begin(self) -> None:
        """Another case or part comes: its first question is asked first."""
        self.active = 0
        for field in self.fields:
            field.reset()

    def choose(self, index: int) -> None:
        """Let digits answer this question."""
        if not self.fields:
            self.active = 0
            return
        self.active = max(0, min(index, len(self.fields) - 1))
        for place, field in enumerate(self.fields):
            field.set_active(place == self.active and field.isEnabled())
        self._area.ensureWidgetVisible(self.fields[self.active], 0, 20)

    def choose_open(self, missing: Sequence[Question]) -> None:
        """Go on to the next question that is not answered; stay where all are."""
        names = {question.id for question in missing}
        order = [*range(self.active, len(self.fields)), *range(self.active)]
        following = next((index for index in order if self.fields[index].question.id in names), None)
        if following is not None:
            self.choose(following)

    @property
    def current(self) -> Field | None:
        """The question that digits answer."""
        return self.fields[self.active] if self.fields else None

    def field(self, name: str) -> Field | None:
        """The field of a question."""
        return next((field for field in self.fields if field.question.id == name), None)

    @property
    def pending(self) -> tuple[int, str] | None:
        """Which field has an answer that is not whole, and what it needs; None for none."""
        return next(((index, field.pending) for index, field in enumerate(self.fields) if field.pending), None)

    def commit(self) -> None:
        """Give what was written and not given yet."""
        for field in self.fields:
            field.commit()
        if self.writing.isVisibleTo(self):
            self.commented.emit(self.writing.toPlainText())

    def say_half(self, name: str) -> None:
        """A box of this question has its first corner."""
        if isinstance(field := self.field(name), PlacesField):
            field.say_half()

    # -- words ----------------------------------------------------------------------------------------------------------

    def say_where(self, where: str, left: str, share: float) -> None:
        """Say how far the reader is."""
        self.where.setText(where)
        self.left.setText(left)
        self.bar.set_share(share)

    def say_note(self, text: str) -> None:
        """Say what is special now; nothing for an empty text."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def say_fault(self, text: str) -> None:
        """Say what could not be done; nothing for an empty text."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))


class _Bar(QWidget):
    """How much is done. Qt's own bar paints the whole window anew at once, which takes longer than a case's images do."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(6)
        self.setAccessibleName("Progress")
        self._share = 0.0

    def set_share(self, share: float) -> None:
        """Show so much, 0 to 1."""
        if share != self._share:
            self._share = share
            self.setAccessibleDescription(f"{share:.0%}")
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#2c343c"))
        painter.fillRect(QRectF(0, 0, self.width() * self._share, self.height()), QColor("#8ecae6"))


def _button(text: str, signal: Any) -> QPushButton:
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setMinimumHeight(34)
    button.clicked.connect(lambda: signal.emit())
    return button
