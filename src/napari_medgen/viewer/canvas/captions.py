"""Words in the cell of one layer: what the picture is, and the mark where it is synthetic.

A caption is no layer's name: what a picture is stays true whatever somebody calls its layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

if TYPE_CHECKING:
    from napari.layers import Layer

_CAPTION, _MARK = "medgen_caption", "medgen_mark"
_LOOKS: dict[str, dict[str, Any]] = {
    _CAPTION: {"position": "top_center", "font_size": 9, "box": True},
    _MARK: {"position": "bottom_left", "font_size": 11, "box": True, "color": "#ff9f1c", "box_color": "#000000"},
}


class LayerText(TextOverlay):
    """A text of our own in the cell of a layer; napari itself knows only the layer's name there."""


def caption_of(layer: Layer) -> str:
    """The caption that stands over a layer; empty for none."""
    return _text(layer, _CAPTION)


def mark_of(layer: Layer) -> str:
    """The mark in a layer's cell; empty for none."""
    return _text(layer, _MARK)


def set_caption(layer: Layer, text: str) -> None:
    """Write a caption over a layer, or take it away."""
    _write(layer, _CAPTION, text)


def set_mark(layer: Layer, text: str) -> None:
    """Write the mark into a layer's cell, or take it away."""
    _write(layer, _MARK, text)


def _text(layer: Layer, key: str) -> str:
    overlay = layer._overlays.get(key)
    return str(overlay.text) if isinstance(overlay, LayerText) and overlay.visible else ""


def _write(layer: Layer, key: str, text: str) -> None:
    overlay = layer._overlays.get(key)
    if not isinstance(overlay, LayerText):
        if not text:
            return
        _teach_napari()
        overlay = LayerText.model_validate({"text": text, "visible": False, **_LOOKS[key]})
        layer._overlays[key] = overlay
    if text and overlay.text != text:
        overlay.text = text
    if overlay.visible != bool(text):
        overlay.visible = bool(text)


def _teach_napari() -> None:
    """Tell napari's canvas how our overlay is drawn; once, and only where there is a canvas."""
    from napari._vispy.overlays.text import _VispyLayerTextOverlay
    from napari._vispy.utils.visual import overlay_to_visual

    if LayerText in overlay_to_visual:
        return

    class _Drawn(_VispyLayerTextOverlay):
        def _connect_events(self) -> None:
            self.overlay.events.text.connect(self._on_text_change)

    overlay_to_visual[LayerText] = _Drawn
