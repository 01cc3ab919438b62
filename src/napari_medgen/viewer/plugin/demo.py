"""``make demo``: one brain sampled, and read in four linked views: **Sample volumes** and the **Reading room** docked.

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

from napari_medgen.viewer.reading.coordinator import ReadingRoom
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
    widget, room = dock(viewer)
    if options.screenshots is None:
        print("Press Sample for more volumes; scroll with the wheel, F1 shows all keys. Close the window to end.")
        widget.coordinator.sample()
        napari.run()
    else:
        viewer.window.resize(1400, 900)
        record(viewer, widget, room, options.screenshots)
        room.close()
        widget.close()
        viewer.close()


def dock(viewer: napari.Viewer) -> tuple[SampleVolumes, ReadingRoom]:
    """Dock both widgets as the plugin menu does; the room takes the middle of the window."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Sample volumes")
    settle(0.1)
    _, room = viewer.window.add_plugin_dock_widget("napari-medgen", "Reading room")
    settle(0.1)
    return widget, room


def record(viewer: napari.Viewer, widget: SampleVolumes, room: ReadingRoom, folder: Path) -> None:
    """Sample, look at it in linked views, move the crosshair, save it, open it again; a picture of each."""
    reading = room.coordinator
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
    picture("2-linked-views")
    reading.room.scroll(6)
    picture("3-scrolled")
    reading.room.maximise(1)
    picture("4-sagittal")
    reading.room.maximise(None)
    widget.coordinator.save(folder)
    wait_for(lambda: widget.coordinator.written or widget.view.work.error)
    written = widget.coordinator.written
    for path in written:
        print(f"Wrote {path}")
    viewer.layers.clear()
    viewer.open(written[0], plugin="napari-medgen")
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
