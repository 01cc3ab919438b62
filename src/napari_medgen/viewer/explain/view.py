"""The view of **Overlay saliency**: signals out, setters in; it knows nothing of a viewer or a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.saliency.request import METHODS, ExplainRequest, Method
from napari_medgen.viewer.widgets.colour_bar import ColourBar
from napari_medgen.viewer.widgets.fields import SideField
from napari_medgen.viewer.widgets.knee_boxes import BUTTON as BOX
from napari_medgen.viewer.widgets.knee_boxes import TIP as BOX_TIP
from napari_medgen.viewer.widgets.knee_boxes import KneePanel
from napari_medgen.viewer.widgets.parts import ButtonGrid, Folded, Refusal, form, main_button, notice, say, sentence, warning
from napari_medgen.viewer.work.panel import WorkPanel

MOST_PROBABLE = "the most probable"
_BAR = 30  # blanks of a full bar
_METHODS: dict[str, Method] = {title: method for method, title in METHODS.items()}


@dataclass(frozen=True)
class OverlayForm:
    """What the form says.

    Attributes
    ----------
    image, model
        Names of the layer and of the model; empty where there is none.
    compared
        Models that are ticked for comparison.
    request
        Class, batch norm, method and clip.
    side
        Side of the body where the file does not say it.
    opacity, signed
        How the map is shown.
    follow, as_on_screen
        Update by itself; take the contrast on screen.
    """

    image: str
    model: str
    compared: tuple[str, ...]
    request: ExplainRequest
    side: Laterality
    opacity: float
    signed: bool
    follow: bool
    as_on_screen: bool


class OverlayView(QWidget):
    """Form, buttons, answer and progress.

    Signals
    -------
    explain_requested, anyway_requested, compare_requested, compare_methods_requested, all_slices_requested,
    seen_requested, test_requested, save_requested, figure_requested, folder_requested, card_requested, box_requested
        A button was pressed.
    subject_changed
        Another image, model, side or window: the answer is out of date.
    model_chosen
        The user chose a model.
    asked_changed
        Class, method or clip changed: a map that is shown may not be what is asked for any more.
    look_changed
        Opacity or signed changed: the map on screen looks different, but is the same.
    """

    explain_requested = Signal()
    anyway_requested = Signal()
    compare_requested = Signal()
    compare_methods_requested = Signal()
    figure_requested = Signal()
    folder_requested = Signal()
    model_chosen = Signal()
    asked_changed = Signal()
    all_slices_requested = Signal()
    seen_requested = Signal()
    test_requested = Signal()
    save_requested = Signal()
    card_requested = Signal()
    box_requested = Signal()
    subject_changed = Signal()
    look_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._image = ComboBox(label="Image", choices=[], tooltip="A radiograph, a slice of a volume, or a stack")
        self._model = ComboBox(label="Model", choices=[], tooltip="What is asked about the image")
        self._class = ComboBox(label="Class", choices=[MOST_PROBABLE], tooltip="What the map explains")
        self._domain = ComboBox(
            label="Batch norm",
            choices=["clean"],
            tooltip="A model with two batch norms has one for clean and one for adversarial",
        )
        self._method = ComboBox(
            label="Method",
            choices=list(_METHODS),
            tooltip="How it is found out where the model looked",
        )
        self._clip = FloatSpinBox(
            label="Clip (SD)",
            value=3.0,
            min=0.5,
            max=20.0,
            step=0.5,
            tooltip="Values beyond so many standard deviations saturate",
        )
        self._side = SideField("Side of the body", "Some models mirror one side")
        self._screen = CheckBox(
            text="Use the contrast on screen", value=False, tooltip="Off: the image's own grey values, however it is shown"
        )
        self._follow = CheckBox(
            text="Update with slice and image",
            value=False,
            tooltip="A new map for each slice or image that is shown",
        )
        self._signed = CheckBox(text="For and against", value=True, tooltip="Off: only how much, in one colour")
        self._form = Container(widgets=[self._image, self._model, self._class, self._method], labels=True)
        self._more = Container(
            widgets=[self._domain, self._clip, self._side, self._screen, self._follow, self._signed], labels=True
        )
        self._opacity = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 1)
        self._opacity.setValue(0.8)
        self._opacity.setAccessibleName("Opacity of the map")
        self._opacity.setToolTip("How strongly the map covers the image")
        self._answer, self._stale = sentence(), warning()
        self._answer.setTextFormat(Qt.TextFormat.RichText)
        self._refusal = Refusal(
            (
                ("Explain anyway", self.anyway_requested, "Make the map all the same; it is called doubtful"),
                (BOX, self.box_requested, BOX_TIP),
            )
        )
        self._bar = ColourBar()
        self._compared = QListWidget()
        self._compared.setMaximumHeight(92)
        self._explain = main_button("Explain")
        self._buttons = ButtonGrid(
            (
                ("Compare models", self.compare_requested, "The ticked models side by side, with one zoom and one contrast"),
                ("Compare methods", self.compare_methods_requested, "All five methods side by side, for the chosen model"),
                ("All slices", self.all_slices_requested, "Explain every slice of the stack in the background"),
                ("Network's view", self.seen_requested, "Show the part of the image that the network sees, at its size"),
                (
                    "Shuffle test",
                    self.test_requested,
                    "Does the map depend on what the model learned? Its weights are shuffled, layer after layer",
                ),
                ("About this model", self.card_requested, "What it was trained on, its limits and measured figures"),
                (
                    "Save figure...",
                    self.figure_requested,
                    "Save what is on the canvas as PNG, TIFF, SVG or PDF, with captions, scale bar and colour bar",
                ),
                ("Save values...", self.save_requested, "Save the maps as pictures, as raw values and with what they mean"),
                (BOX, self.box_requested, BOX_TIP),
                ("A folder...", self.folder_requested, "Explain every image of a folder: one table, and a picture each"),
            )
        )
        self.work, self.knees = WorkPanel(), KneePanel()
        self._of_knees = self._is_stack = False
        self._probabilities: dict[str, float] = {}
        self._guessing = False
        self.set_explained(False)
        self.set_stack(False)
        self._lay_out()
        self._connect()

    # -- setters ------------------------------------------------------------------------------------------------------

    def set_images(self, names: Sequence[str], chosen: str = "") -> None:
        """Offer image layers."""
        with self._image.changed.blocked():
            # Nothing is chosen of itself.
            self._image.choices = list(names) if chosen in names else ["", *names]
            self._image.value = chosen if chosen in names else ""
        self._explain.setEnabled(chosen in names and bool(self._model.value))
        self._buttons["Save figure..."].setEnabled(chosen in names)
        self._offer_box()

    def begin_anew(self) -> None:
        """For another image: what was said of the one before holds no more."""
        with self._side.changed.blocked():
            self._side.value = next(iter(self._side.choices))

    def choose_model(self, name: str) -> None:
        """Choose a model that was found to fit; no wish of the user's."""
        if name in self._model.choices and name != self._model.value:
            self._guessing = True
            try:
                self._model.value = name
            finally:
                self._guessing = False

    def set_models(self, names: Sequence[str]) -> None:
        """Offer models."""
        with self._model.changed.blocked():
            self._model.choices = list(names)
        self._explain.setEnabled(False)

    def set_model(
        self,
        labels: Sequence[str],
        domains: Sequence[str],
        relatives: dict[str, bool],
        *,
        sided: bool = True,
        of_knees: bool = False,
    ) -> None:
        """Offer the model's classes and batch norms, and other models to compare it with (ticked or not).

        Parameters
        ----------
        sided
            Whether the side of the body changes what the model sees.
        of_knees
            Whether it was trained on single knees.
        """
        self._of_knees = of_knees
        self._offer_box()
        with self._class.changed.blocked(), self._domain.changed.blocked():
            self._class.choices = [MOST_PROBABLE, *labels]
            self._domain.choices = list(domains) or ["only one"]
        self._domain.enabled = len(domains) > 1
        self._side.visible = sided
        self._compared.clear()
        for name, ticked in relatives.items():
            item = QListWidgetItem(name)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self._compared.addItem(item)
        self.set_answer({})

    def set_answer(self, probabilities: dict[str, float], note: str = "") -> None:
        """Show each class's probability, in the list of classes and below it."""
        self._probabilities = dict(probabilities)
        self.set_answer_old(False)
        rows = [
            f"<tr><td>{escape(name)}</td><td align='right'><b>{p:.0%}</b></td>"
            f"<td><span style='background-color:#3b82c4'>{'&nbsp;' * round(_BAR * p)}</span></td></tr>"
            for name, p in probabilities.items()
        ]
        footer = f"<p style='margin:2px'>{escape(note)}</p>" if note else ""
        self._answer.setText(f"<table cellpadding='1'>{''.join(rows)}</table>{footer}" if rows else escape(note))

    def set_answer_old(self, old: bool) -> None:
        """Whether the probabilities are of what was on screen before; they are grey until there are new ones."""
        self._answer.setEnabled(not old)

    def set_warnings(self, sentences: Sequence[str], example: Path | None = None) -> None:
        """Say why a map of this image would mean nothing; nothing for a suitable one.

        Parameters
        ----------
        example
            A picture of what the model expects.
        """
        offered = ("Explain anyway", BOX) if self._of_knees else ("Explain anyway",)
        self._refusal.say("\n".join(sentences), offered, example)

    def set_stale(self, text: str) -> None:
        """Say that the map on screen is not what the form asks for; nothing where it is."""
        say(self._stale, text)

    def set_meaning(self, label: str, *, signed: bool, clip: float = 3.0) -> None:
        """What the colours stand for; they saturate at ``clip`` standard deviations of the map."""
        what = label or "the class"
        if signed:
            self._bar.show_meaning((f"against {what}", f"for {what}"), f"-{clip:g} to {clip:g} SD", signed=True)
        else:
            self._bar.show_meaning(("no influence", f"much on {what}"), f"0 to {clip:g} SD", signed=False)

    def set_stack(self, is_stack: bool) -> None:
        """Whether the image has slices."""
        self._buttons["All slices"].setEnabled(is_stack)
        self._is_stack = is_stack
        self._offer_box()

    def _offer_box(self) -> None:
        """A box is for a model of single knees and a picture that may show more."""
        self._buttons[BOX].setEnabled(bool(self._image.value) and self._of_knees and not self._is_stack)

    def set_explained(self, explained: bool, *, seen: bool = True) -> None:
        """Whether there is a map to save, and a view to show."""
        self.explained = explained
        self._buttons["Save values..."].setEnabled(explained)
        self._buttons["Network's view"].setEnabled(explained and seen)
        self._bar.setVisible(explained)

    # -- readings -----------------------------------------------------------------------------------------------------

    @property
    def form(self) -> OverlayForm:
        """What the form says."""
        ticked = Qt.CheckState.Checked
        items = [item for i in range(self._compared.count()) if (item := self._compared.item(i)) is not None]
        label = str(self._class.value)
        return OverlayForm(
            image=str(self._image.value or ""),
            model=str(self._model.value or ""),
            compared=tuple(item.text() for item in items if item.checkState() == ticked),
            request=ExplainRequest(
                label="" if label == MOST_PROBABLE else label,
                domain=max(list(self._domain.choices).index(self._domain.value), 0),
                method=_METHODS[str(self._method.value)],
                clip=float(self._clip.value),
            ),
            side=self._side.side,
            opacity=float(self._opacity.value()),
            signed=bool(self._signed.value),
            follow=bool(self._follow.value),
            as_on_screen=bool(self._screen.value),
        )

    @property
    def warning(self) -> str:
        """The warning that is shown; empty for none."""
        return self._refusal.reason

    @property
    def answer(self) -> dict[str, float]:
        """The probabilities that are shown."""
        return self._probabilities

    @property
    def stale(self) -> str:
        """In which way the map is out of date; empty where it is not."""
        return self._stale.text()

    # -- construction -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(notice("What a model looked at, not what is true. Not for diagnosis."))
        layout.addWidget(form(self._form))
        layout.addWidget(self._explain)
        layout.addWidget(self.work)
        for part in (self.knees, self._refusal, self._stale, self._answer, self._bar):
            layout.addWidget(part)
        opacity = QHBoxLayout()
        opacity.addWidget(QLabel("Opacity"))
        opacity.addWidget(self._opacity, 1)
        layout.addLayout(opacity)
        keys = sentence()
        keys.setText("Over the picture: H hides and shows the map, Page Down and Page Up choose another image.")
        for widget in (
            self._buttons,
            Folded("Models to compare with", self._compared),
            Folded("More settings", form(self._more)),
        ):
            layout.addWidget(widget)
        layout.addWidget(keys)
        layout.addStretch(1)

    def _connect(self) -> None:
        self._explain.clicked.connect(self.explain_requested)
        self._model.changed.connect(self._note_model)
        for field in (self._image, self._model, self._side, self._screen, self._domain):
            field.changed.connect(lambda: self.subject_changed.emit())
        for changed in (self._class.changed, self._method.changed, self._clip.changed):
            changed.connect(lambda: self.asked_changed.emit())
        self._signed.changed.connect(lambda: self.look_changed.emit())
        self._opacity.valueChanged.connect(lambda: self.look_changed.emit())

    def _note_model(self) -> None:
        if not self._guessing:
            self.model_chosen.emit()
