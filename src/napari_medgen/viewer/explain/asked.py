"""What a map was asked for with, and whether the form still asks for the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from napari_medgen.saliency.maps import SaliencyMap
from napari_medgen.saliency.request import METHODS, ExplainRequest
from napari_medgen.viewer.explain.view import OverlayForm
from napari_medgen.viewer.layers.plane import Plane


@dataclass(frozen=True)
class Asked:
    """What a map depends on.

    Attributes
    ----------
    image, index
        Which layer (by identity), and the slice of it; None along shown axes, and for all slices.
    model, request, side, as_on_screen
        What the form said.
    compared
        What stands side by side: ``methods``, ``models``, or nothing.
    """

    image: int
    index: tuple[int | None, ...]
    model: str
    request: ExplainRequest
    side: str
    as_on_screen: bool
    compared: Literal["", "methods", "models"] = ""

    @classmethod
    def of(cls, form: OverlayForm, plane: Plane, *, every_slice: bool = False) -> Asked:
        """What a form asks of a slice."""
        index = (None,) * len(plane.index) if every_slice else plane.index
        return cls(id(plane.layer), index, form.model, form.request, form.side, form.as_on_screen)

    def stale(self, now: Asked, found: SaliencyMap) -> str:
        """In which way a map that was asked for so is out of date; empty where it is not."""
        now = replace(now, compared=self.compared)
        if self.compared == "methods":
            now = replace(now, request=replace(now.request, method=self.request.method))
        if all(place is None for place in self.index):
            now = replace(now, index=self.index)
        if self == now or (
            self.request.label == ""
            and replace(now, request=replace(now.request, label="")) == self
            and now.request.label == found.label
        ):
            return ""
        if now.image != self.image:
            return "Out of date: the map is of another image."
        parts = []
        if now.index != self.index:
            place = next((place for place in self.index if place is not None), None)
            parts.append("of other planes" if place is None else f"of slice {place}")
        if now.model != self.model:
            parts.append(f"by {self.model}")
        if now.request.method != self.request.method:
            parts.append(f"by {METHODS[self.request.method]}")
        if now.request.label != self.request.label:
            parts.append(f"for {found.label}")
        if not parts:
            parts.append("with other settings")
        what, press = ("these maps are", "Compare") if self.compared else ("this map is", "Explain")
        return f"Out of date: {what} {', '.join(parts)}. Press {press} for new ones."
