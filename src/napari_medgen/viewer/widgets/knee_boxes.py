"""A knee as it comes from the clinic: boxes are suggested, a person drags or accepts them, and one knee is cut out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QPushButton, QVBoxLayout
from superqt import QFlowLayout as FlowLayout

from napari_medgen.errors import ImageError, MedGenError
from napari_medgen.imaging.knee_boxes import KneeBox, suggest_boxes
from napari_medgen.imaging.radiograph import Laterality
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.canvas.stage import fit_view
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.boxes import add_boxes, box_of, cut_out, name_boxes
from napari_medgen.viewer.layers.plane import Excerpt, Plane, radiograph_plane
from napari_medgen.viewer.widgets.parts import sentence

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.utils.events import Event

    from napari_medgen.viewer.widgets.coordinator import Coordinator

BUTTON = "Box on the knee..."
TIP = "For a picture of both knees, or of one that is not in its middle: cut one knee out"
WORK = "boxes"
_NAMES: dict[Laterality, str] = {"R": "right knee", "L": "left knee", "": "knee", "B": "knee"}
_HOW = "Drag a box, or its corners, until the joint is in its middle and the bones just fill its width."


@dataclass(frozen=True)
class Offer:
    """A button of the panel.

    Attributes
    ----------
    text
        On it.
    box
        The name of the box that is cut out along; empty for the only one.
    side
        What the piece is said to show.
    """

    text: str
    box: str
    side: Laterality


class KneePanel(QFrame):
    """What is said of the boxes on the picture, and what can be done with them; not there while there are none.

    Signals
    -------
    taken
        An offer was accepted.
    swapped
        The other box is the right knee.
    left
        No knee is wanted.
    """

    taken = Signal(object)
    swapped = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = sentence()
        self._row = FlowLayout()
        self._row.setSpacing(6)
        self._buttons: list[QPushButton] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.addWidget(self._words)
        layout.addLayout(self._row)
        self.setVisible(False)

    def show_offers(self, words: str, offers: Sequence[Offer], *, swap: bool) -> None:
        """Say something, and offer knees."""
        self.clear()
        self._words.setText(words)
        for offer in offers:
            self._add(offer.text, "Cut it out along its box, as an image of its own").clicked.connect(
                lambda checked=False, offer=offer: self.taken.emit(offer)
            )
        if swap:
            tip = "Where the picture hangs the other way round: its left is the patient's left"
            self._add("Swap sides", tip).clicked.connect(lambda: self.swapped.emit())
        self._add("No box", "Take the boxes away again").clicked.connect(lambda: self.left.emit())
        self.setVisible(True)

    def clear(self) -> None:
        """Say nothing."""
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = []
        self.setVisible(False)

    @property
    def words(self) -> str:
        """What is said; empty while nothing is."""
        return "" if self.isHidden() else self._words.text()

    @property
    def offered(self) -> list[str]:
        """Texts of the buttons."""
        return [button.text() for button in self._buttons]

    def press(self, text: str) -> None:
        """Press a button by its text."""
        next(button for button in self._buttons if button.text() == text).click()

    def _add(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        self._buttons.append(button)
        self._row.addWidget(button)
        return button


class KneeBoxes:
    """Suggests boxes on a radiograph, keeps them until one is accepted, and cuts that knee out.

    Parameters
    ----------
    coordinator
        Whose work, viewer and stage are used.
    panel
        Where it is said and offered.
    use
        Called with the new image and its side.
    """

    def __init__(self, coordinator: Coordinator, panel: KneePanel, use: Callable[[Image, Laterality], None]) -> None:
        self._coordinator, self.panel, self._use = coordinator, panel, use
        self._plane: Plane | None = None
        self._image: Excerpt | None = None
        self._swapped = self._two = False
        self._sure, self._why = True, ""
        self.layer: Shapes | None = None
        panel.taken.connect(self._take)
        panel.swapped.connect(self._swap)
        panel.left.connect(self.end)
        coordinator.listen(coordinator.viewer.layers.events.removed, self._removed)

    def begin(self, layer: Image | None, why: str = "") -> None:
        """Look for knees on a radiograph and show where they seem to be.

        Parameters
        ----------
        why
            What made it necessary, in a sentence.
        """
        self.end()
        coordinator = self._coordinator
        try:
            plane = radiograph_plane(coordinator.viewer, layer)
        except MedGenError as error:
            coordinator.sorry(error)
            return
        excerpt = plane.excerpt()
        if min(excerpt.pixels.shape[:2]) < 32:
            coordinator.sorry(ImageError(f"{excerpt.name} is too small to show a knee."))
            return

        def steps() -> Steps[tuple[KneeBox, ...]]:
            yield Progress(0, 0, "Looking for knees")
            return suggest_boxes(excerpt.image().grey())

        def show(found: tuple[KneeBox, ...]) -> None:
            if plane.layer in coordinator.viewer.layers:
                self._show(plane, excerpt, found, why)

        coordinator.work.submit(WORK, "Looking for knees", steps, show, brief=True, file=True)

    def end(self) -> None:
        """Take the boxes away."""
        self._coordinator.work.drop(WORK)
        layer, self.layer = self.layer, None
        self._plane = self._image = None
        self.panel.clear()
        if layer is not None:
            layer.events.data.disconnect(self._changed)
        if layer is not None and layer in self._coordinator.viewer.layers:
            self._coordinator.viewer.layers.remove(layer)

    def _show(self, plane: Plane, excerpt: Excerpt, found: tuple[KneeBox, ...], why: str) -> None:
        self._plane, self._image, self._swapped = plane, excerpt, False
        self._two = len(found) == 2
        self._sure = all(box.sure for box in found)
        if self._coordinator.stage.subject is not plane.layer or self._coordinator.stage.owner is not None:
            self._coordinator.stage.show(plane.layer)
        fit_view(self._coordinator.viewer, [plane.layer])  # both knees, also where a dock has taken some of the window
        self.layer = add_boxes(self._coordinator.viewer, plane, found, self._names(len(found)))
        self._why = why
        self.layer.events.data.connect(self._changed)  # a box may be deleted with napari's own tools
        self._say()

    def _names(self, count: int) -> list[str]:
        if count == 2:
            return [_NAMES[side] for side in self._sides]
        return [_NAMES[self._image.side if self._image is not None else ""]]

    @property
    def _sides(self) -> tuple[Laterality, Laterality]:
        """Of the left and the right one of two knees in the picture."""
        return ("L", "R") if self._swapped else ("R", "L")

    def _say(self) -> None:
        layer, image = self.layer, self._image
        if layer is None or image is None:
            return
        there = [str(name) for name in layer.features["knee"]]
        two = self._two
        lines = [self._why] if self._why else []
        if not self._sure:
            lines.append("Nothing here looks much like a knee: the box is a guess.")
        lines.append(_HOW)
        if two:
            lines.append("Where right and left are not as on the boxes, swap them.")
            offers = [Offer(f"Use the {_NAMES[side]}", _NAMES[side], side) for side in self._sides if _NAMES[side] in there]
        elif image.side in ("L", "R"):
            offers = [Offer(f"Use the {_NAMES[image.side]}", "", image.side)]
        else:
            lines.append("The file does not say which knee it is.")
            offers = [Offer("Use as a right knee", "", "R"), Offer("Use as a left knee", "", "L")]
        self.panel.show_offers(" ".join(lines), offers, swap=two)

    def _swap(self) -> None:
        self._swapped = not self._swapped
        if self.layer is not None:
            other = {_NAMES["L"]: _NAMES["R"], _NAMES["R"]: _NAMES["L"]}
            name_boxes(self.layer, [other[str(name)] for name in self.layer.features["knee"]])
        self._say()

    def _changed(self, event: Event) -> None:
        if self.layer is not None:
            self._say()

    def _take(self, offer: Offer) -> None:
        layer, plane = self.layer, self._plane
        if layer is None or plane is None or plane.layer not in self._coordinator.viewer.layers:
            self.end()
            return
        names = [str(name) for name in layer.features["knee"]]
        box = names.index(offer.box) if offer.box in names else 0
        if not len(layer.data) or (offer.box and offer.box not in names):
            self._coordinator.sorry(ImageError("That box was deleted; press the button again for a new one."))
            self.end()
            return
        pixels, options = cut_out(plane, box_of(layer, box), offer.side, f"{plane.layer.name}, {_NAMES[offer.side]}")
        self.end()
        self._use(add_image(self._coordinator.viewer, pixels, **options), offer.side)

    def _removed(self, event: Event) -> None:
        if event.value is self.layer or (self._plane is not None and event.value is self._plane.layer):
            self.end()
