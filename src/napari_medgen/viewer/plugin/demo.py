"""``make demo``: the window with **Sample volumes** docked and one brain sampled.

With a display the window stays open. Without one (``--screenshots FOLDER``, under a virtual display) it writes pictures of
the window and the sampled volume as NIfTI, and ends.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from napari_medgen.viewer.sample.coordinator import SampleVolumes
from napari_medgen.viewer.work.queue import shared_queue

_PATIENCE = 180.0  # seconds


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=Path, help="write pictures and the volume here, and end")
    parser.add_argument("--model", default="brain-t1")
    options = parser.parse_args()
    viewer = napari.Viewer(title="napari-medgen demo")
    widget = dock(viewer)
    if options.screenshots is None:
        print("Press Sample for more volumes; scroll with the slider below the picture. Close the window to end.")
        widget.coordinator.sample()
        napari.run()
    else:
        viewer.window.resize(1400, 900)
        record(viewer, widget, options.screenshots)
        widget.close()
        viewer.close()


def dock(viewer: napari.Viewer) -> SampleVolumes:
    """Dock the widget as the plugin menu does."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Sample volumes")
    return widget


def record(viewer: napari.Viewer, widget: SampleVolumes, folder: Path) -> None:
    """Sample, look at it from three sides, save it, open it again; a picture of each."""
    folder.mkdir(parents=True, exist_ok=True)

    def picture(name: str) -> None:
        settle()
        viewer.screenshot(str(folder / f"{name}.png"), canvas_only=False, flash=False)
        print(f"Wrote {folder / name}.png")

    widget.coordinator.sample()
    wait_for(lambda: len(viewer.layers) > 0 or widget.view.work.error)
    picture("1-forming")
    wait_for(lambda: not shared_queue().busy)
    settle()
    if widget.view.work.error:
        raise SystemExit(widget.view.work.error)
    picture("2-axial")
    for name, order in (("3-coronal", (1, 0, 2)), ("4-sagittal", (2, 0, 1))):
        viewer.dims.order = order
        viewer.reset_view()
        picture(name)
    viewer.dims.order = (0, 1, 2)
    widget.coordinator.save(folder)
    wait_for(lambda: widget.coordinator.written or widget.view.work.error)
    written = widget.coordinator.written
    for path in written:
        print(f"Wrote {path}")
    viewer.layers.clear()
    viewer.open(written[0], plugin="napari-medgen")
    viewer.reset_view()
    picture("5-saved-and-opened-again")


def wait_for(condition: Callable[[], Any]) -> None:
    """Let the window live until something holds.

    Raises
    ------
    TimeoutError
        If it does not within three minutes.
    """
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the demonstration did not finish")
        QApplication.processEvents()
        time.sleep(0.005)


def settle(seconds: float = 0.5) -> None:
    """Let the window paint."""
    deadline = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > deadline)


if __name__ == "__main__":
    main()
