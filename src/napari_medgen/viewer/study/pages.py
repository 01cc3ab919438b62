"""Pages of the study's window that show no image: signing in, the curtain of a pause, and the end."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_medgen.study.study import Study

_WIDE = 640


class _Page(QWidget):
    """A column in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        holder = QWidget()
        holder.setObjectName("page")
        holder.setFixedWidth(_WIDE)
        self.column = QVBoxLayout(holder)
        self.column.setSpacing(14)
        self.column.addStretch(1)
        outer.addWidget(holder)
        outer.addStretch(1)

    def text(self, words: str, name: str = "text") -> QLabel:
        """A paragraph."""
        label = QLabel(words)
        label.setObjectName(name)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.column.addWidget(label)
        return label

    def button(self, words: str) -> QPushButton:
        """The one thing to do."""
        button = QPushButton(words)
        button.setObjectName("main")
        button.setMinimumHeight(44)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.column.addWidget(button)
        self.column.addStretch(1)
        return button


class SignIn(_Page):
    """What the study is, and who reads.

    Signals
    -------
    begun
        The reader's code.
    """

    begun = Signal(str)

    def __init__(self, study: Study, reader: str = "") -> None:
        super().__init__()
        self.text(study.protocol.title, "title")
        if study.protocol.instructions:
            self.text(" ".join(study.protocol.instructions.split("\n")).strip())
        count = sum(not case.training for case in study.protocol.cases)
        training = len(study.protocol.cases) - count
        before = f", after {training} for training" if training else ""
        self.text(
            f"{count} cases{before}. All can be done by keys: figures answer, Enter goes on, F1 shows all. You can stop at "
            "any time and go on later; every answer is kept at once.",
            "quiet",
        )
        self.code = QLineEdit(reader)
        self.code.setPlaceholderText("Your reader code, for example R1")
        self.code.setAccessibleName("Reader code")
        self.code.setMinimumHeight(40)
        self.code.returnPressed.connect(self.begin)
        self.column.addWidget(self.code)
        self.fault = self.text("", "fault")
        self.fault.hide()
        self.button("Begin (Enter)").clicked.connect(self.begin)
        self._codes = study.codes
        self.setFocusProxy(self.code)

    def begin(self) -> None:
        """Begin, or say what is wrong with the code."""
        code = self.code.text().strip()
        if code in self._codes:
            self.say("")
            self.begun.emit(code)
        else:
            self.say("Type the code that you were given." if not code else f"This study has no reader {code}.")

    def say(self, text: str) -> None:
        """Say what is wrong; nothing for an empty text."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))


class Curtain(_Page):
    """Before a hidden image.

    Signals
    -------
    left
        The reader goes on.
    """

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title, self._text = self.text("", "title"), self.text("")
        self._button = self.button("Go on (Enter)")
        self._button.clicked.connect(self.leave)

    def say(self, why: str, text: str) -> None:
        """Say why the image is hidden; a rest of days cannot be left."""
        self._title.setText({"pause": "Pause", "break": "A break", "rest": "Until next time"}[why])
        self._text.setText(text)
        self._button.setVisible(why != "rest")

    def leave(self) -> None:
        """Go on."""
        if not self._button.isHidden():
            self.left.emit()


class Done(_Page):
    """The end.

    Signals
    -------
    closed
        The window can be closed.
    """

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text("Done", "title")
        self._text = self.text("")
        self._head = self.text("", "quiet")
        self._head.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button("Close (Enter)").clicked.connect(self.closed.emit)

    def say(self, count: int, reader: str, head: str) -> None:
        """Thank, and say the line by which the store can be proven later."""
        self._text.setText(f"All {count} cases are read, and every answer is kept. Thank you.")
        self._head.setText(f"For whoever runs the study, to prove later that nothing was changed: {reader}={head}")
