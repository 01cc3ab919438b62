"""The view of **Sample volumes**: signals out, setters in; it knows nothing of a viewer or a model's networks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, SpinBox, Widget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_medgen.models.card import ModelCard
from napari_medgen.viewer.widgets.parts import Table, form, main_button, notice
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.volumes.request import SamplerName

_SAMPLERS: dict[str, SamplerName] = {
    "DPM-Solver++ (fast)": "dpm++",
    "DDIM": "ddim",
    "Ancestral (published, slow)": "ancestral",
}
_DEVICES = {"Fastest available": "", "CPU": "cpu", "NVIDIA GPU": "cuda", "Apple GPU": "mps"}
_HEADERS = ("Volume", "Copy check", "Nearest training volume", "Distance", "Seconds")
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class SampleForm:
    """What the form says when **Sample** is pressed; ``condition`` is empty where none is wished."""

    model: str
    count: int
    sampler: SamplerName
    steps: int
    seed: int
    condition: dict[str, Any]
    guidance: float
    device: str


@dataclass(frozen=True)
class SampleRow:
    """One line of the table of samples."""

    volume: str
    nearest: str
    distance: str
    verdict: str
    seconds: str
    note: str = ""
    warn: bool = False


class SampleView(QWidget):
    """Form, buttons, progress and table.

    Signals
    -------
    sample_requested, card_requested, save_requested, interpolate_requested
        A button was pressed.
    form_changed
        Any entry changed.
    row_selected
        Index of the line chosen in the table.
    """

    sample_requested = Signal()
    interpolate_requested = Signal()
    card_requested = Signal()
    save_requested = Signal()
    form_changed = Signal()
    row_selected = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._models = ComboBox(label="Model", choices=[])
        self._count = SpinBox(label="Volumes", value=1, min=1, max=100, tooltip="Volumes with this seed and the next ones")
        self._sampler = ComboBox(label="Sampler", choices=list(_SAMPLERS))
        self._steps = SpinBox(
            label="Steps", value=20, min=1, max=300, tooltip="Network evaluations; 10 to 50 are enough for DPM-Solver++"
        )
        self._seed = SpinBox(label="Seed", value=0, min=0, max=_LARGEST_SEED, tooltip="The same seed gives the same volume")
        self._device = ComboBox(label="Compute on", choices=list(_DEVICES))
        self._form = Container(
            widgets=[self._models, self._count, self._seed, self._sampler, self._steps, self._device], labels=True
        )
        self._conditional = CheckBox(text="Condition the sample", value=False)
        self._guidance = FloatSpinBox(
            label="Guidance", value=2.0, min=0.0, max=20.0, step=0.5, tooltip="How strongly the condition is followed"
        )
        self._conditions: dict[str, Any] = {}
        self._condition_form: Container[Any] = Container(labels=True)
        self._condition_box = QCollapsible("Age, sex and other conditions")
        self._condition_box.addWidget(form(self._condition_form))
        self._new_seed = QPushButton("New seed")
        self._card = QPushButton("About this model")
        self._sample = main_button("Sample")
        self._interpolate = QPushButton("Blend with next seed")
        self._interpolate.setToolTip("A volume half-way between the noise of this seed and of the next")
        self._cost = QLabel()
        self._cost.setToolTip("Estimated before the run, from the model's card and this machine's speed")
        self.work = WorkPanel()
        self._table = Table(_HEADERS)
        self._table.size_columns(QHeaderView.ResizeMode.ResizeToContents, stretch_last=True)
        self._table.setMinimumHeight(110)
        self._table.setToolTip("How like each sample is to the training volume it is most like")
        self._save = QPushButton("Save...")
        self._save.setToolTip("Save the chosen volumes as NIfTI, with their provenance; all if none is chosen")
        self._save.setEnabled(False)
        self._lay_out()
        self._connect()

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        self._models.choices = list(names)
        self._sample.setEnabled(bool(names))

    def set_card(self, card: ModelCard, conditions: Sequence[dict[str, Any]]) -> None:
        """Show what the chosen model can be conditioned on (entries as in the card)."""
        self._models.tooltip = card.description
        self._condition_form.clear()
        self._conditions = {}
        for condition in conditions:
            if condition["kind"] == "class":
                field: Widget = ComboBox(label=condition["label"], choices=list(condition["values"]))
            else:
                low, high = condition["low"], condition["high"]
                middle = round((low + high) / 2)
                field = FloatSpinBox(label=condition["label"], value=middle, min=low, max=high, step=1)
            self._conditions[condition["name"]] = field
        if self._conditions:
            self._condition_form.extend([self._conditional, *self._conditions.values(), self._guidance])
        self._condition_box.setVisible(bool(self._conditions))

    def set_cost(self, text: str) -> None:
        """Show what one press will cost."""
        self._cost.setText(text)

    def add_row(self, row: SampleRow) -> None:
        """Add a line to the table and choose it."""
        index = self._table.rowCount()
        self._table.insertRow(index)
        for column, text in enumerate((row.volume, row.verdict, row.nearest, row.distance, row.seconds)):
            item = QTableWidgetItem(text)
            item.setToolTip(row.note or text)
            if row.warn:
                item.setForeground(Qt.GlobalColor.yellow)
            self._table.setItem(index, column, item)
        self._table.scrollToBottom()
        self._save.setEnabled(True)

    def remove_row(self, index: int) -> None:
        """Take a line away, because its layer is gone."""
        self._table.removeRow(index)
        self._save.setEnabled(self._table.rowCount() > 0)

    # -- readings -----------------------------------------------------------------------------------------------------

    @property
    def form(self) -> SampleForm:
        """What the form says."""
        wished = bool(self._conditional.value) and bool(self._conditions)
        return SampleForm(
            model=str(self._models.value or ""),
            count=int(self._count.value),
            sampler=_SAMPLERS[str(self._sampler.value)],
            steps=int(self._steps.value),
            seed=int(self._seed.value),
            condition={name: field.value for name, field in self._conditions.items()} if wished else {},
            guidance=float(self._guidance.value) if wished else 1.0,
            device=_DEVICES[str(self._device.value)],
        )

    @property
    def chosen_rows(self) -> list[int]:
        """Lines chosen in the table; all where none is."""
        chosen = sorted({index.row() for index in self._table.selectedIndexes()})
        return chosen or list(range(self._table.rowCount()))

    def set_seed(self, seed: int) -> None:
        """Put a seed into the form."""
        self._seed.value = seed % (_LARGEST_SEED + 1)

    # -- construction -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(notice("Synthetic volumes. Not for diagnosis."))
        layout.addWidget(form(self._form))
        row = QHBoxLayout()
        row.addWidget(self._new_seed)
        row.addWidget(self._card)
        layout.addLayout(row)
        layout.addWidget(self._condition_box)
        buttons = QHBoxLayout()
        buttons.addWidget(self._sample, 2)
        buttons.addWidget(self._interpolate, 1)
        layout.addLayout(buttons)
        layout.addWidget(self._cost)
        layout.addWidget(self.work)
        layout.addWidget(QLabel("Samples of this session"))
        layout.addWidget(self._table, 1)
        layout.addWidget(self._save)

    def _connect(self) -> None:
        self._sample.clicked.connect(self.sample_requested)
        self._interpolate.clicked.connect(self.interpolate_requested)
        self._card.clicked.connect(self.card_requested)
        self._save.clicked.connect(self.save_requested)
        self._new_seed.clicked.connect(lambda: self.set_seed(secrets.randbelow(_LARGEST_SEED)))
        self._form.changed.connect(lambda: self.form_changed.emit())
        self._condition_form.changed.connect(lambda: self.form_changed.emit())
        self._sampler.changed.connect(self._match_sampler)
        self._table.itemSelectionChanged.connect(self._tell_selection)

    def _match_sampler(self) -> None:
        """The published sampler takes every step of its schedule."""
        self._steps.enabled = _SAMPLERS[str(self._sampler.value)] != "ancestral"

    def _tell_selection(self) -> None:
        rows = self._table.selectedIndexes()
        if rows:
            self.row_selected.emit(rows[0].row())
