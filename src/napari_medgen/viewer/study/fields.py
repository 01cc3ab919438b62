"""One field for each kind of question: large targets, a number on each, and nothing that a mouse is needed for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QFocusEvent, QWheelEvent
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_medgen.study.questions import Box, Choice, FreeText, Likert, Number, Point, Question, YesNo

_HEIGHT = 38  # points: what a finger or a tired hand does not miss
_LONGEST = 3  # lines of a text that are shown


class Target(QPushButton):
    """A large button with its number, whose words wrap.

    Parameters
    ----------
    number, text
        The key that presses it, and what it says.
    """

    def __init__(self, number: int, text: str) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(f"{number}: {text}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMinimumHeight(_HEIGHT)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 5, 10, 5)
        key, words = QLabel(str(number % 10)), QLabel(text)
        key.setObjectName("key")
        key.setFixedWidth(18)
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        for label in (key, words):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._row.addWidget(key)
        self._row.addWidget(words, 1)

    def hasHeightForWidth(self) -> bool:
        """Words that wrap need room below."""
        return True

    def heightForWidth(self, width: int) -> int:
        """How high it is."""
        return max(_HEIGHT, self._row.heightForWidth(width))

    def sizeHint(self) -> QSize:
        """Its words in one or more lines."""
        return QSize(self._row.sizeHint().width(), max(_HEIGHT, self._row.sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        """It may be narrow."""
        return QSize(40, _HEIGHT)


class Field(QFrame):
    """A question.

    Parameters
    ----------
    question
        What is asked.

    Signals
    -------
    answered
        An answer, as :meth:`~napari_medgen.study.questions.Likert.check` takes it.
    begun
        An answer was begun that needs more.
    marking
        1: mark a place; -1: take the last away (of questions on places).
    """

    answered = Signal(object)
    begun = Signal()
    marking = Signal(int)

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.setObjectName("question")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 8, 10, 10)
        self.column.setSpacing(4)
        title = QLabel(question.text if question.required else f"{question.text} (may be left open)")
        title.setObjectName("asked")
        title.setWordWrap(True)
        title.setTextFormat(Qt.TextFormat.PlainText)
        self.column.addWidget(title)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.hide()

    def finish(self) -> None:
        """Put what is said of the answer last."""
        self.column.addWidget(self._said)

    def set_active(self, active: bool) -> None:
        """Frame it where keys act on it."""
        if self.property("active") != active:
            self.setProperty("active", active)
            style = self.style()
            if style is not None:
                style.unpolish(self)
                style.polish(self)

    def set_value(self, value: Any) -> None:
        """Show an answer; None for none. What is being given and not given yet stays."""

    def reset(self) -> None:
        """Forget what was given, and what was being given: another case comes."""
        self.set_value(None)

    def press(self, digit: int) -> None:
        """A digit was pressed, 0 to 9."""

    def commit(self) -> None:
        """Give what was written and not given yet."""

    @property
    def pending(self) -> str:
        """What is still to be said before an answer is one; empty for nothing."""
        return ""

    def step_back(self) -> bool:
        """Take back what was begun; whether anything was."""
        return False

    def say(self, text: str, good: bool | None = None) -> None:
        """Say something of the answer; green where it was right, amber where it was not."""
        colour = {True: "#7bd88f", False: "#ffb703", None: "#e8eef2"}[good]
        self._said.setStyleSheet(f"color: {colour}; font-weight: bold;")
        self._said.setText(text)
        self._said.setVisible(bool(text))


class OptionField(Field):
    """Named options below each other."""

    def __init__(self, question: Likert | Choice) -> None:
        super().__init__(question)
        self._options = question.options
        self.targets = [Target(number, text) for number, text in enumerate(question.options, start=1)]
        for index, target in enumerate(self.targets):
            self.column.addWidget(target)
            target.clicked.connect(lambda _=False, index=index: self._choose(index))
        self.finish()

    def set_value(self, value: Any) -> None:
        for target, option in zip(self.targets, self._options, strict=True):
            target.setChecked(option == value)

    def press(self, digit: int) -> None:
        index = (digit - 1) % 10
        if index < len(self.targets) and self.isEnabled():
            self._choose(index)

    def _choose(self, index: int) -> None:
        for place, target in enumerate(self.targets):
            target.setChecked(place == index)
        self.answered.emit(self._options[index])


class YesNoField(Field):
    """Yes or no, and then how sure."""

    def __init__(self, question: YesNo) -> None:
        super().__init__(question)
        self._levels = question.confidence
        self._yes: bool | None = None
        self._sure: int | None = None
        self._asks_sure = False
        self.answers = self._row([Target(1, "Yes"), Target(2, "No")])
        self.levels: list[Target] = []
        if self._levels:
            self._how = QLabel("How sure?  1: a guess,  " + f"{self._levels}: certain")
            self._how.setObjectName("how")
            self._how.setWordWrap(True)
            self.column.addWidget(self._how)
            self.levels = self._row([Target(level, "") for level in range(1, self._levels + 1)])
        for index, target in enumerate(self.answers):
            target.clicked.connect(lambda _=False, index=index: self._choose(index == 0))
        for index, target in enumerate(self.levels):
            target.clicked.connect(lambda _=False, index=index: self._choose_level(index + 1))
        self._show()
        self.finish()

    def _row(self, targets: list[Target]) -> list[Target]:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for target in targets:
            row.addWidget(target)
        self.column.addWidget(holder)
        return targets

    def reset(self) -> None:
        self._asks_sure = False
        self.set_value(None)

    def set_value(self, value: Any) -> None:
        if self._asks_sure:
            return
        self._yes = value["yes"] if value else None
        self._sure = value.get("confidence") if value else None
        self._asks_sure = False
        self._show()

    def press(self, digit: int) -> None:
        if not self.isEnabled():
            return
        if self._asks_sure:
            if 1 <= (digit or 10) <= self._levels:
                self._choose_level(digit or 10)
        elif digit in (1, 2):
            self._choose(digit == 1)

    @property
    def pending(self) -> str:
        return "How sure are you?" if self._asks_sure else ""

    def step_back(self) -> bool:
        begun, self._asks_sure = self._asks_sure, False
        if begun:
            self.set_value(None)
        return begun

    def _choose(self, yes: bool) -> None:
        self._yes = yes
        self._asks_sure = bool(self._levels)
        if not self._levels:
            self.answered.emit({"yes": yes})
        self._sure = None
        self._show()
        self.begun.emit()

    def _choose_level(self, level: int) -> None:
        if self._yes is None:
            self._show()
            return
        self._sure, self._asks_sure = level, False
        self._show()
        self.answered.emit({"yes": self._yes, "confidence": level})

    def _show(self) -> None:
        for target, yes in zip(self.answers, (True, False), strict=True):
            target.setChecked(self._yes is yes)
        for level, target in enumerate(self.levels, start=1):
            target.setChecked(self._sure == level)
            target.setEnabled(self._yes is not None)
        if self._levels:
            self._how.setProperty("asking", self._asks_sure)
            self._how.setStyleSheet("color: #ff9f1c; font-weight: bold;" if self._asks_sure else "")


class _Calm(QDoubleSpinBox):
    """A number that no wheel changes: whoever scrolls the questions passes over it."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave it to the questions."""
        if event is not None:
            event.ignore()


def _decimals(number: float) -> int:
    """How many decimals a number has."""
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class NumberField(Field):
    """A number with its unit."""

    def __init__(self, question: Number) -> None:
        super().__init__(question)
        self.box = _Calm()
        self.box.setMinimumHeight(_HEIGHT)
        self.box.setRange(question.low - question.step, question.high)
        self.box.setSpecialValueText(f"{question.low:g} to {question.high:g}")
        self.box.setSingleStep(question.step)
        self.box.setDecimals(max(_decimals(question.step), _decimals(question.low)))
        self.box.setSuffix(f" {question.unit}" if question.unit else "")
        self.box.setKeyboardTracking(False)
        self.box.setAccessibleName(question.text)
        self.box.setValue(self.box.minimum())
        self.box.valueChanged.connect(self._changed)
        self.column.addWidget(self.box)
        self.finish()
        self._filling = False

    def set_value(self, value: Any) -> None:
        wanted = self.box.minimum() if value is None else float(value)
        if self.box.value() != wanted:  # setting the same would take away what is being typed
            self._filling = True
            self.box.setValue(wanted)
            self._filling = False

    def press(self, digit: int) -> None:
        if not self.isEnabled():
            return
        self.box.setFocus()
        line = self.box.lineEdit()
        if line is not None:
            line.setText(str(digit))

    def commit(self) -> None:
        self.box.interpretText()

    def _changed(self, value: float) -> None:
        if not self._filling and isinstance(self.question, Number) and value >= self.question.low:
            self.answered.emit(int(value) if float(value).is_integer() else value)


class Writing(QPlainTextEdit):
    """A text that says when it is left.

    Signals
    -------
    left
        The focus went elsewhere.
    """

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * _LONGEST + 16)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Say so."""
        super().focusOutEvent(event)
        self.left.emit()


class TextField(Field):
    """Whatever the reader writes; kept when it is left."""

    def __init__(self, question: FreeText) -> None:
        super().__init__(question)
        self.edit = Writing()
        self.edit.left.connect(self.commit)
        self.edit.setAccessibleName(question.text)
        self.edit.setPlaceholderText("1, then write; Tab leaves")
        self.column.addWidget(self.edit)
        self.finish()
        self._kept = ""

    def reset(self) -> None:
        self._kept = ""
        self.edit.setPlainText("")

    def set_value(self, value: Any) -> None:
        if (value or "") != self._kept:
            self._kept = value or ""
            self.edit.setPlainText(self._kept)

    def press(self, digit: int) -> None:
        if self.isEnabled():
            self.edit.setFocus()

    def commit(self) -> None:
        text = self.edit.toPlainText().strip()
        if text != self._kept:
            self.answered.emit(text)  # the answer comes back by set_value once it is kept


class PlacesField(Field):
    """Points or boxes on the image."""

    def __init__(self, question: Point | Box) -> None:
        super().__init__(question)
        what = "corner of a box" if isinstance(question, Box) else "place"
        self.mark, self.remove = Target(1, f"Mark a {what} where the crosshair is"), Target(2, "Take the last one away")
        self.nothing = Target(3, "There is none to mark")
        self.mark.clicked.connect(lambda: self.marking.emit(1))
        self.remove.clicked.connect(lambda: self.marking.emit(-1))
        self.nothing.clicked.connect(lambda: self.answered.emit([]))
        for target in (self.mark, self.remove, self.nothing):
            target.setCheckable(target is self.nothing)
            self.column.addWidget(target)
        self.count = QLabel()
        self.column.addWidget(self.count)
        self.finish()
        self.set_value(None)

    def set_value(self, value: Any) -> None:
        assert isinstance(self.question, Point | Box)
        given = value or []
        self.count.setText(f"{len(given)} of at most {self.question.most} marked")
        self.remove.setEnabled(bool(given))
        self.nothing.setChecked(value == [])
        self.half = False

    @property
    def pending(self) -> str:
        return "The second corner of a box is to be marked (1), or the first taken away (2)" if self.half else ""

    def say_half(self) -> None:
        """A box has its first corner."""
        self.half = True
        self.count.setText("First corner marked; move the crosshair to the opposite one, and press 1.")
        self.remove.setEnabled(True)

    def press(self, digit: int) -> None:
        if not self.isEnabled():
            return
        if digit in (1, 2):
            self.marking.emit(1 if digit == 1 else -1)
        elif digit == 3:
            self.answered.emit([])


def field_for(question: Question) -> Field:
    """The field of a question."""
    if isinstance(question, Likert | Choice):
        return OptionField(question)
    if isinstance(question, YesNo):
        return YesNoField(question)
    if isinstance(question, Number):
        return NumberField(question)
    if isinstance(question, Point | Box):
        return PlacesField(question)
    return TextField(question)
