"""The part of **Extrapolate radiograph** that compares a prediction with a real later image."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox, Container, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from napari_medgen.viewer.widgets.parts import Folded, form

NO_VISIT = "none"


class SecondVisit(Folded):
    """A later image of the same knee, when it was taken, and how it agrees.

    Signals
    -------
    compare_requested
        The button was pressed.
    chosen
        Another image, none, or another time.
    """

    compare_requested = Signal()
    chosen = Signal()

    def __init__(self) -> None:
        super().__init__("A second visit")
        self._image = ComboBox(label="Later image", choices=[NO_VISIT], tooltip="A later image of the same knee")
        self._months = SpinBox(
            label="Months later", value=24, min=1, max=400, tooltip="How long after the baseline it was taken"
        )
        self._form = Container(widgets=[self._image, self._months], labels=True)
        self._compare, self._there = QPushButton("Compare with the second visit"), False
        self._compare.setToolTip("Show the later image beside what was expected of it")
        for widget in (form(self._form), self._compare):
            self.addWidget(widget)
        self._compare.clicked.connect(lambda: self.compare_requested.emit())
        self._image.changed.connect(self._choose)
        self._months.changed.connect(lambda: self.chosen.emit())
        self.set_there(False)

    def set_images(self, names: Sequence[str], chosen: str) -> None:
        """Offer layers, and show which is chosen."""
        with self._image.changed.blocked():
            self._image.choices = [NO_VISIT, *names]
            self._image.value = chosen if chosen in names else NO_VISIT
        self.set_there(self._there)

    def begin_anew(self) -> None:
        """For another baseline: no second visit is chosen."""
        with self._image.changed.blocked():
            self._image.value = NO_VISIT
        self.set_there(self._there)

    def set_there(self, there: bool) -> None:
        """Whether there is a prediction to compare with."""
        self._there = there
        self._compare.setEnabled(there and bool(self.image))

    @property
    def image(self) -> str:
        """The chosen layer's name; empty for none."""
        return "" if self._image.value == NO_VISIT else str(self._image.value)

    @property
    def months(self) -> int:
        """Its time after the baseline."""
        return int(self._months.value)

    def _choose(self) -> None:
        self.set_there(self._there)
        self.chosen.emit()
