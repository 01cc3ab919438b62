"""A volume as large as no patient is: the window asks what its numbers count."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_medgen.imaging.geometry import plausible, spoken
from napari_medgen.viewer.layers.owner import KEY
from napari_medgen.viewer.layers.place import millimetres

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_asked: weakref.WeakKeyDictionary[ViewerModel, set[tuple[float, ...]]] = weakref.WeakKeyDictionary()
_CHOICES = {"Micrometres": 1e-3, "Centimetres": 10.0, "Metres": 1e3}


def ask_about_size(viewer: ViewerModel, layer: Layer) -> None:
    """Ask of a volume that was added, where its size is none of a patient's.

    The question stands beside the window and stops nothing; an answer scales the layer, and what is saved of it.
    """
    if f"{KEY}_affine" not in layer.metadata or layer.ndim < 3:
        return
    # Of a size without a unit, the numbers are taken as millimetres until somebody says so.
    known = millimetres(layer.units[-3:])
    extent = np.asarray(layer.scale)[-3:] * layer.data.shape[-3:] * (known or 1.0)
    affine = tuple(np.ravel(layer.metadata[f"{KEY}_affine"]))
    asked = _asked.setdefault(viewer, set())
    if plausible(extent) or affine in asked:  # a copy of a volume that was asked about
        return
    asked.add(affine)
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QMessageBox

    window = getattr(viewer, "window", None)  # a ViewerModel has none
    box = QMessageBox(window._qt_window if window is not None else None)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setModal(False)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Is this size right?")
    box.setText(f"{layer.name} measures {spoken(extent)} mm, as no patient does.")
    box.setInformativeText("What do the file's numbers count?")
    kept = box.addButton("Millimetres, as shown", QMessageBox.ButtonRole.RejectRole)
    if kept is not None:
        kept.clicked.connect(partial(rescale, layer, 1.0))
    for label, factor in _CHOICES.items():
        if plausible(extent * factor):
            button = box.addButton(label, QMessageBox.ButtonRole.AcceptRole)
            if button is not None:
                button.clicked.connect(partial(rescale, layer, factor))
    box.setObjectName("size_question")
    box.show()


def rescale(layer: Layer, factor: float, *_: object) -> None:
    """Make a volume's layer larger or smaller, with its place in space and in the file that is saved of it."""
    affine = np.array(layer.metadata[f"{KEY}_affine"], float)
    affine[:3] *= factor
    home = {key: (np.array(value) * factor).tolist() for key, value in layer.metadata.get(f"{KEY}_home", {}).items()}
    layer.metadata = layer.metadata | {f"{KEY}_affine": affine.tolist(), f"{KEY}_home": home}
    ones = np.ones(layer.ndim - 3)
    layer.scale = np.asarray(layer.scale) * [*ones, factor, factor, factor]
    layer.translate = np.asarray(layer.translate) * [*ones, factor, factor, factor]
    if millimetres(layer.units[-3:]) is None:
        layer.units = (*layer.units[:-3], "mm", "mm", "mm")
