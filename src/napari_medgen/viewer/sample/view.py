"""The view of **Sample volumes**: signals out, setters in; it knows nothing of a viewer or a model's networks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, SpinBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from napari_medgen.models.card import ModelCard
from napari_medgen.viewer.widgets.parts import Folded, Table, bold, folded, form, main_button, notice, sentence
from napari_medgen.viewer.work.panel import WorkPanel
from napari_medgen.volumes.request import SamplerName

_SAMPLERS: dict[str, SamplerName] = {
    "DPM-Solver++ (fast)": "dpm++",
    "DDIM": "ddim",
    "Ancestral (published, slow)": "ancestral",
}
_DEVICES = {"Fastest available": "", "CPU": "cpu"}
_MOST, _MOST_SENT = 100, 100_000  # volumes that one press makes here, and on a cluster
_HEADERS = ("Copy check", "Volume", "Distance", "Time", "Nearest")
_TIPS = (
    "Whether a sample is so like one of the training volumes that it may be a copy of it",
    "What the layer is called: model, seed, and what the sample was asked to be",
    "One minus the correlation with the training volume that it is most like: 0 is a copy, 1 is nothing alike",
    "Seconds that it took",
    "The training volume that it is most like",
)
_PLANES = {"Axial": "axial", "Coronal": "coronal", "Sagittal": "sagittal", "3D": "3d"}
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class SampleForm:
    """What the form says when **Sample** is pressed; ``condition`` is empty where none is wished.

    ``cluster`` is the one that computes; empty for this computer.
    """

    model: str
    count: int
    sampler: SamplerName
    steps: int
    seed: int
    condition: dict[str, Any]
    guidance: float
    device: str
    cluster: str = ""


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
    sample_requested, card_requested, save_requested, figure_requested, interpolate_requested
        A button was pressed.
    nearest_requested, real_requested
        The chosen sample is wanted beside its nearest training volume, or beside a real one.
    plane_requested
        Axial, coronal, sagittal or 3d.
    form_changed
        Any entry changed.
    row_selected
        Index of the line chosen in the table.
    """

    sample_requested = Signal()
    interpolate_requested = Signal()
    nearest_requested = Signal()
    real_requested = Signal()
    card_requested = Signal()
    save_requested = Signal()
    figure_requested = Signal()
    plane_requested = Signal(str)
    form_changed = Signal()
    row_selected = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._models = ComboBox(label="Model", choices=[], tooltip="What is sampled")
        self._count = SpinBox(
            label="Volumes", value=1, min=1, max=_MOST, tooltip="How many volumes: of this seed and the next ones"
        )
        self._sampler = ComboBox(
            label="Sampler", choices=list(_SAMPLERS), tooltip="The way from noise to a volume; the first is the fastest"
        )
        self._steps = SpinBox(
            label="Steps",
            value=20,
            min=1,
            max=300,
            tooltip="From noise to a volume: 10 to 50 are enough for DPM-Solver++",
        )
        self._seed = SpinBox(label="Seed", value=0, min=0, max=_LARGEST_SEED, tooltip="The same seed gives the same volume")
        self._devices, self._cluster = dict(_DEVICES), ""
        self._device = ComboBox(
            label="Compute on", choices=list(_DEVICES), tooltip="The part of this computer, or the cluster, that computes"
        )
        self._form = Container(
            widgets=[self._models, self._count, self._seed, self._sampler, self._steps, self._device], labels=True
        )
        self._conditional = CheckBox(
            text="Ask for this age and sex", value=False, tooltip="Off: the model chooses, as in its training data"
        )
        self._guidance = FloatSpinBox(
            label="Guidance", value=2.0, min=0.0, max=20.0, step=0.5, tooltip="How strongly the condition is followed"
        )
        self._conditions: dict[str, ComboBox | FloatSpinBox] = {}
        self._condition_form: Container[Any] = Container(labels=True)
        self._condition_box = Folded("Age, sex and other conditions", form(self._condition_form))
        self._new_seed = QPushButton("New seed")
        self._card = QPushButton("About this model")
        self._sample = main_button("Sample")
        self._interpolate = QPushButton("Blend with next seed")
        self._interpolate.setToolTip("A volume half-way between the noise of this seed and of the next")
        self._cost = sentence()
        self._cost.setToolTip("Estimated before the run, from the model's card and this machine's speed")
        self.work = WorkPanel()
        self._table = Table(_HEADERS)
        self._table.size_columns(QHeaderView.ResizeMode.ResizeToContents, stretch_last=True)
        self._table.explain_columns(_TIPS)
        self._table.setMinimumHeight(110)
        self._save = QPushButton("Save volumes...")
        self._save.setToolTip("Save the chosen volumes as NIfTI, with their provenance; all if none is chosen")
        self._figure = QPushButton("Save figure...")
        self._figure.setToolTip("Save what is on the canvas as PNG, TIFF, SVG or PDF, with captions and scale bar")
        self._nearest = QPushButton("Beside its nearest")
        self._nearest.setToolTip("The chosen sample beside the training volume that it is most like, in linked views")
        self._real = QPushButton("Beside a real one")
        self._real.setToolTip("The chosen sample beside a real volume that is open, or that you choose")
        for button in self._of_samples:
            button.setEnabled(False)
        self._lay_out()
        self._connect()

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        self._models.choices = list(names)
        self._sample.setEnabled(bool(names))

    def set_card(self, card: ModelCard, conditions: Sequence[dict[str, Any]]) -> None:
        """Show what the chosen model can be conditioned on (entries as in the card)."""
        self._models.tooltip = card.description or "What is sampled"
        self._condition_form.clear()
        self._conditions = {}
        asked = "What the sample should be; changing it asks for it"
        for condition in conditions:
            if condition["kind"] == "class":
                field: ComboBox | FloatSpinBox = ComboBox(
                    label=condition["label"], choices=list(condition["values"]), tooltip=asked
                )
            else:
                low, high = condition["low"], condition["high"]
                middle = round((low + high) / 2)
                field = FloatSpinBox(label=condition["label"], value=middle, min=low, max=high, step=1, tooltip=asked)
            self._conditions[condition["name"]] = field
            # Who says what the sample should be wants it to be so.
            field.changed.connect(self._tick_conditions)
        if self._conditions:
            self._condition_form.extend([self._conditional, *self._conditions.values(), self._guidance])
        self._condition_box.setVisible(bool(self._conditions))

    def set_places(self, devices: dict[str, str], cluster: str) -> None:
        """Offer what can compute: parts of this machine (words to names), and the cluster, if there is one."""
        self._devices, self._cluster = _DEVICES | devices, cluster
        before = self._device.value
        self._device.choices = [*self._devices, *([_words(cluster)] if cluster else [])]
        if before in self._device.choices:
            self._device.value = before

    def set_cost(self, text: str) -> None:
        """Show what one press will cost."""
        self._cost.setText(text)

    def add_row(self, row: SampleRow) -> None:
        """Add a line to the table and choose it."""
        index = self._table.rowCount()
        self._table.insertRow(index)
        for column, text in enumerate((row.verdict, row.volume, row.distance, row.seconds, row.nearest)):
            item = QTableWidgetItem(text)
            item.setToolTip(folded(row.note or text))
            self._table.setItem(index, column, item)
        if row.warn and (first := self._table.item(index, 0)) is not None:
            # A sign beside the word: the theme's own colour can be read on it, and a colour alone says nothing to some.
            first.setText(f"\N{WARNING SIGN} {row.verdict}")
            first.setFont(bold(first.font()))
        self._table.scrollToBottom()
        for button in self._of_samples:
            button.setEnabled(True)

    def choose_row(self, index: int | None) -> None:
        """Show which line is on the canvas; none for what is no sample."""
        if index is None:
            self._table.clearSelection()
        elif [index] != self._rows():
            self._table.selectRow(index)

    def remove_row(self, index: int) -> None:
        """Take a line away, because its layer is gone."""
        self._table.removeRow(index)
        for button in self._of_samples:
            button.setEnabled(self._table.rowCount() > 0)

    @property
    def _of_samples(self) -> tuple[QPushButton, ...]:
        """Buttons that need a sample."""
        return self._save, self._figure, self._nearest, self._real

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
            device=self._devices.get(str(self._device.value), ""),
            cluster=self._cluster if str(self._device.value) not in self._devices else "",
        )

    @property
    def chosen_rows(self) -> list[int]:
        """Lines chosen in the table; all where none is."""
        return self._rows() or list(range(self._table.rowCount()))

    def _rows(self) -> list[int]:
        return sorted({index.row() for index in self._table.selectedIndexes()})

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
        for button in (self._sample, self._interpolate):
            layout.addWidget(button)
        layout.addWidget(self._cost)
        layout.addWidget(self.work)
        planes = QHBoxLayout()
        for text, plane in _PLANES.items():
            button = QPushButton(text)
            button.setToolTip("The whole volume" if plane == "3d" else f"Show {plane} slices, the patient upright")
            button.clicked.connect(lambda checked=False, plane=plane: self.plane_requested.emit(plane))
            planes.addWidget(button)
        layout.addLayout(planes)
        saves = QHBoxLayout()
        saves.addWidget(self._save)
        saves.addWidget(self._figure)
        layout.addLayout(saves)
        layout.addWidget(QLabel("Samples of this session"))
        layout.addWidget(self._table, 1)
        beside = QHBoxLayout()
        beside.addWidget(self._nearest)
        beside.addWidget(self._real)
        layout.addLayout(beside)

    def _connect(self) -> None:
        self._sample.clicked.connect(self.sample_requested)
        self._interpolate.clicked.connect(self.interpolate_requested)
        self._card.clicked.connect(self.card_requested)
        self._save.clicked.connect(self.save_requested)
        self._figure.clicked.connect(self.figure_requested)
        self._nearest.clicked.connect(self.nearest_requested)
        self._real.clicked.connect(self.real_requested)
        self._new_seed.clicked.connect(lambda: self.set_seed(secrets.randbelow(_LARGEST_SEED)))
        self._form.changed.connect(lambda: self.form_changed.emit())
        self._condition_form.changed.connect(lambda: self.form_changed.emit())
        self._sampler.changed.connect(self._match_sampler)
        self._device.changed.connect(self._match_place)
        self._table.itemSelectionChanged.connect(self._tell_selection)

    def _tick_conditions(self) -> None:
        self._conditional.value = True

    def _match_sampler(self) -> None:
        """The published sampler takes every step of its schedule."""
        self._steps.enabled = _SAMPLERS[str(self._sampler.value)] != "ancestral"

    def _match_place(self) -> None:
        """What is sent to a cluster may be many, and is not seen forming."""
        sent = bool(self.form.cluster)
        self._count.max = _MOST_SENT if sent else _MOST
        self._sample.setText("Sample on the cluster..." if sent else "Sample")
        self._interpolate.setEnabled(not sent)

    def _tell_selection(self) -> None:
        rows = self._table.selectedIndexes()
        if rows:
            self.row_selected.emit(rows[0].row())


def _words(name: str) -> str:
    return f"Cluster {name.removeprefix('tcp://')}"
