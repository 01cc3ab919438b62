"""A session that is closed while a widget works: ``closing_session.py KIND SECONDS``, KIND sample, explain or project."""

from __future__ import annotations

import sys
import time

import napari
import numpy as np
from napari._qt.qt_event_loop import get_qapp

WIDGETS = {"sample": "Sample volumes", "explain": "Overlay saliency", "project": "Extrapolate radiograph"}


def main(kind: str, seconds: float) -> None:
    application = get_qapp()
    viewer = napari.Viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", WIDGETS[kind])
    if kind != "sample":
        viewer.add_image(np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8), name="a")
    application.processEvents()
    start = {"sample": "sample", "explain": "compare", "project": "project"}[kind]
    if kind == "explain":
        start = "explain"
    getattr(widget.coordinator, start)()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        application.processEvents()
        time.sleep(0.01)
    viewer.close()
    application.processEvents()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
