"""Every place where a reader could find what must stay hidden, searched."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QApplication, QComboBox, QListWidget, QTableWidget, QWidget

from napari_medgen.viewer.reading.painting import Glass

_SPOKEN = ("windowTitle", "toolTip", "statusTip", "whatsThis", "accessibleName", "accessibleDescription", "objectName")
_TEXTS = ("text", "placeholderText", "toPlainText", "title", "currentText", "suffix")


def texts() -> Iterator[str]:
    """What widgets show or say to assistive programs, and what is painted."""
    for widget in QApplication.allWidgets():
        yield from _of(widget)
    for window in QGuiApplication.topLevelWindows():
        yield window.title()
    for action in [one for one in gc.get_objects() if issubclass(type(one), QAction)]:
        try:
            yield from (action.text(), action.toolTip(), action.statusTip())
        except RuntimeError:
            continue
    clipboard = QGuiApplication.clipboard()
    yield clipboard.text() if clipboard is not None else ""


def _of(widget: QWidget) -> Iterator[str]:
    for name in (*_SPOKEN, *_TEXTS):
        said = getattr(widget, name, None)
        if callable(said):
            try:
                value = said()
            except (TypeError, RuntimeError):
                continue
            if isinstance(value, str):
                yield value
    if isinstance(widget, QComboBox):
        yield from (widget.itemText(index) for index in range(widget.count()))
    if isinstance(widget, QListWidget):
        yield from (widget.item(row).text() for row in range(widget.count()))
    if isinstance(widget, QTableWidget):
        cells = (widget.item(r, c) for r in range(widget.rowCount()) for c in range(widget.columnCount()))
        yield from (f"{cell.text()} {cell.toolTip()}" for cell in cells if cell is not None)
    if isinstance(widget, Glass):
        yield repr(widget.furniture)


def models() -> Iterator[str]:
    """What napari's own objects say: layers with their metadata and sources, viewers with their titles and status."""
    for thing in gc.get_objects():
        # Not isinstance: some objects of other libraries warn when they are asked for their class.
        if issubclass(type(thing), Layer):
            yield f"{thing.name} {thing.metadata!r} {thing.source!r} {thing.help}"
        elif issubclass(type(thing), ViewerModel):
            yield f"{thing.title} {thing.status!r} {thing.help} {[layer.name for layer in thing.layers]!r}"


def files() -> Iterator[str]:
    """Settings, caches and temporary files, their names too."""
    roots = [Path(os.environ[name]) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")]
    for root in (*roots, Path(tempfile.gettempdir())):
        for path in root.rglob("*") if root.is_dir() else ():
            yield str(path.relative_to(root))
            if path.is_file():
                yield path.read_bytes().decode("latin-1")


def namespace() -> Iterator[str]:
    """What napari's console would hold: the viewer that is open beside the study, and all that hangs on it."""
    viewer: Any = napari.current_viewer()
    if viewer is None:
        return
    held = {"viewer": viewer, "napari": None}
    yield repr(sorted(held))
    yield f"{viewer.title} {viewer.status!r} {viewer.layers!r}"
    for layer in viewer.layers:
        yield f"{layer.name} {layer.metadata!r} {layer.source!r}"
    yield repr({name: value for name, value in vars(type(viewer)).items() if isinstance(value, str)})


PLACES = {"texts": texts, "models": models, "files": files, "namespace": namespace}


def found(secrets: list[str]) -> list[tuple[str, str]]:
    """Where which of the secrets stands."""
    out = []
    for place, look in PLACES.items():
        said = "\n".join(look())
        out += [(place, secret) for secret in secrets if secret in said]
    return out
