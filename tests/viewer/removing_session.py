"""Two images, the lower of them removed, and a zoom: run by :mod:`test_removing` in a process that may end in it."""

from __future__ import annotations

import sys
import time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_medgen.viewer.canvas.watch import watch


def settle(seconds: float = 0.3) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def main() -> None:
    viewer = napari.Viewer()
    if "watched" in sys.argv:
        watch(viewer)
    lower = viewer.add_image(np.random.default_rng(0).random((200, 300)), rgb=False)
    settle()
    viewer.add_image(np.random.default_rng(1).random((200, 300)), rgb=False)
    settle()
    viewer.layers.remove(lower)
    settle()
    viewer.scene.camera.zoom = 0.9
    settle()
    print("still here", flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
