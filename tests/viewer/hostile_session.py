"""A session of its own: each file that is named is dropped on the window, then a good one; then everything is closed.

Where napari asks for a reader, ours is chosen; any other dialog is dismissed. Prints a line of JSON a file.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import napari
import numpy as np
from napari._qt.qt_event_loop import get_qapp
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QProgressDialog

OURS = "Radiology generative models"


def drop(viewer: Any, path: str) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path)])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    viewer.window._qt_viewer.dropEvent(QDropEvent(QPointF(10, 10), copy, mime, left, none))


def main(good: str, *hostile: str) -> None:
    application = get_qapp()
    viewer = napari.Viewer()
    dialogs: list[str] = []

    def answer() -> None:
        dialog: Any = QApplication.activeModalWidget()
        if dialog is None or isinstance(dialog, QProgressDialog):  # that one is over by itself
            return
        dialogs.append(type(dialog).__name__)
        group = getattr(dialog, "reader_btn_group", None)
        ours = next((button for button in group.buttons() if button.text() == OURS), None) if group else None
        if ours is None:
            dialog.close()
        else:
            ours.setChecked(True)
            dialog.persist_checkbox.setChecked(False)
            dialog.accept()

    timer = QTimer()
    timer.timeout.connect(answer)
    timer.start(50)
    for path in hostile:
        said = ""
        dialogs.clear()
        for one in (path, good):
            try:
                drop(viewer, one)
            except Exception as error:
                said += f"{type(error).__name__}: {error}"
            application.processEvents()
        images = [layer for layer in viewer.layers if layer._type_string == "image"]
        finite = all(
            np.isfinite([*layer.contrast_limits, *layer.scale]).all() and layer.contrast_limits[0] < layer.contrast_limits[1]
            for layer in images
        )
        names = [layer.name for layer in viewer.layers]
        viewer.screenshot(canvas_only=True, flash=False)
        for layer in list(viewer.layers):
            viewer.layers.remove(layer)
        application.processEvents()
        line = {
            "file": path,
            "layers": names,
            "finite": bool(finite),
            "left": len(viewer.layers),
            "dialogs": list(dialogs),
            "said": said,
        }
        print(json.dumps(line), flush=True)
    timer.stop()
    viewer.close()
    application.processEvents()


if __name__ == "__main__":
    main(*sys.argv[1:])
