"""Pictures of **Extrapolate radiograph** on a public knee: ``progression_pictures.py KNEE OUT``, with a display;

webp.py makes what goes into the docs of them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari

from napari_medgen.viewer.plugin.demo import settle, wait_for
from napari_medgen.viewer.work.queue import shared_queue


def idle() -> None:
    """Wait for the background, and let the window paint."""
    settle(0.3)
    wait_for(lambda: not shared_queue().busy)
    settle(0.7)


def main() -> None:
    """Take them all."""
    knee, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title="napari-medgen")
    viewer.window.resize(1560, 980)
    _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Extrapolate radiograph")
    viewer.open(knee, plugin="napari-medgen")
    view, display = widget.view, widget.coordinator.display
    view._side.value = {"L": "left", "R": "right"}[knee.stem[-1]]

    def picture(name: str) -> None:
        settle(0.7)
        viewer.screenshot(str(out / f"progression-{name}.png"), canvas_only=False, flash=False)
        print(f"{name}: {view.quality} | {view.doubt} | {view.now} | {view.work.error}")

    settle(1)
    begun = time.perf_counter()
    view._project.click()
    wait_for(lambda: "predicted" in display._layers or view.work.error)
    print(f"first look after {time.perf_counter() - begun:.2f} s")
    picture("1-projecting")
    wait_for(lambda: widget.coordinator.forecast is not None or view.work.error)
    begun = time.perf_counter()  # once more, with everything loaded
    view._project.click()
    wait_for(lambda: not display.there)
    wait_for(lambda: display.there or view.work.error)
    print(f"first frame after {time.perf_counter() - begun:.2f} s")
    wait_for(lambda: widget.coordinator.forecast is not None or view.work.error)
    print(f"everything after {time.perf_counter() - begun:.2f} s")
    for months in (0, 24, 48, 96):
        display.show_month(months)
        picture(f"2-month-{months}")
    display.show_month(48)
    shown, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < 4:
        display.show_month(6.0 * (shown % 17))
        viewer.screenshot(flash=False)  # waits until the frame is drawn
        shown += 1
    print(f"{shown / (time.perf_counter() - begun):.1f} frames a second while dragging")
    display.show_month(48)
    view._buttons["Open neighbour"].click()
    idle()
    picture("3-neighbour")
    view._buttons["Blink (B)"].click()
    picture("4-over")
    for path in (out / "progression-report.html", out / "progression-report.pdf"):
        widget.coordinator.write_report(path)
        wait_for(lambda: widget.coordinator.written or widget.view.work.error)
        print(*widget.coordinator.written)
    widget.close()
    viewer.close()


if __name__ == "__main__":
    main()
