"""The longest time in which the window does nothing: for each thing that a user does, between two turns of the event loop.

    xvfb-run -a python -m benchmarks window                                     # this checkout
    xvfb-run -a python -m benchmarks window --against ../napari-medgen-before   # and another one, in turns

Every action is a process of its own with a window; beside the longest gap stands what the window's thread computed in all.
A gap of a tenth of a second is felt as a stutter, one of a twentieth is not. ``napari's own`` adds the same array by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parents[1]
_PATIENCE = 300.0
_TITLES = {"sample": "Sample volumes", "explain": "Overlay saliency", "future": "Extrapolate radiograph"}


class Window:
    """A real window whose event loop is watched."""

    def __init__(self) -> None:
        import napari
        from napari._qt.qt_event_loop import get_qapp
        from qtpy.QtCore import QTimer

        self.app = get_qapp()
        self.viewer = napari.Viewer()
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._turn)
        self._last, self.gap = time.perf_counter(), 0.0
        self.settle(1.0)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.gap, self._last = max(self.gap, now - self._last), now

    def dock(self, what: str) -> Any:
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-medgen", _TITLES[what])
        return widget

    def settle(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() > until)

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.perf_counter() + _PATIENCE
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError("the window did not come to rest")
            self.app.processEvents()
            time.sleep(0.0005)

    def idle(self) -> None:
        """Until nothing runs, and what follows from it is painted."""
        names = ("napari_medgen.viewer.work_queue", "napari_medgen.viewer.work.queue")  # before it had rooms, and since
        module: Any = sys.modules[next(name for name in names if name in sys.modules)]
        queues = [getattr(module, name)() for name in ("shared_queue", "file_queue") if hasattr(module, name)]
        for _ in range(2):
            self.settle(0.4)  # timers that wait for the user to settle
            self.until(lambda: not any(queue.busy for queue in queues))
        self.settle(0.4)

    def watch(self, action: Callable[[], Any], then: Callable[[], Any]) -> tuple[float, float]:
        """Longest gap and the thread's own time, both in milliseconds, of an action and of what follows from it."""
        from qtpy.QtCore import QTimer

        self.gap, self._last = 0.0, time.perf_counter()
        begun = time.thread_time()
        self._timer.start()
        done: list[bool] = []
        # As a click does: from within the event loop.
        QTimer.singleShot(20, lambda: (action(), done.append(True)))
        self.until(lambda: done)
        then()
        self._turn()
        self._timer.stop()
        return self.gap * 1000, (time.thread_time() - begun) * 1000


def _volume(folder: Path, shape: tuple[int, ...]) -> Path:
    import nibabel
    import numpy as np
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    small = gaussian_filter(rng.normal(size=shape[:3]), 3)
    voxels = np.clip(small / small.std() * 200 + 500, 0, 2000)
    if len(shape) == 4:
        voxels = voxels[..., None] + rng.normal(size=shape[3])
    path = folder / f"{'x'.join(map(str, shape))}.nii.gz"
    image = nibabel.Nifti1Image(voxels.astype(np.int16), np.diag([1, 1, 1, 1]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def _knee(folder: Path, edge: int = 224, *, colour: bool = False) -> Path:
    import numpy as np
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    if given := os.environ.get("BENCHMARK_KNEE", ""):
        picture = Image.open(given).convert("L")
    else:
        noise = gaussian_filter(np.random.default_rng(0).normal(size=(224, 224)), 6)
        picture = Image.fromarray((128 + 40 * noise / noise.std()).clip(0, 255).astype(np.uint8))
    picture = picture.resize((edge * 4 // 3 if colour else edge, edge))
    path = folder / "9000099L.png"
    (picture.convert("RGB") if colour else picture).save(path)
    return path


def _open_and_dock(window: Window, what: str, path: Path) -> Any:
    window.viewer.open(str(path), plugin="napari-medgen")
    widget = window.dock(what)
    window.idle()
    return widget


def run(case: str, folder: Path) -> tuple[float, float]:
    """One case in this process."""
    window = Window()
    viewer, nothing = window.viewer, lambda: None
    if case.startswith("open a widget: "):
        return window.watch(lambda: window.dock(case.rpartition(" ")[2]), window.idle)
    press, _, again = case.partition(" ")
    if press == "sample":
        widget = window.dock("sample")
        window.idle()
        if again:
            widget.coordinator.sample()
            window.idle()
        return window.watch(widget.coordinator.sample, window.idle)
    if case in ("explain", "explain again", "compare"):
        widget = _open_and_dock(window, "explain", _knee(folder))
        insist(widget)
        if again:
            widget.coordinator.explain()
            window.idle()
        return window.watch(getattr(widget.coordinator, press), window.idle)
    if case == "explain 12 MP RGB":
        widget = _open_and_dock(window, "explain", _knee(folder, 3000, colour=True))
        insist(widget)
        return window.watch(widget.coordinator.explain, window.idle)
    if case in ("project", "project again", "report PDF", "report HTML", "save frames"):
        widget = _open_and_dock(window, "future", _knee(folder))
        insist(widget)
        widget.view._side.value = "left"
        coordinator = widget.coordinator
        if case == "project":
            return window.watch(coordinator.project, window.idle)
        coordinator.project()
        window.idle()
        window.idle()
        if again == "again":
            return window.watch(coordinator.project, window.idle)
        if getattr(coordinator, "forecast", None) is None and getattr(coordinator, "outlook", None) is None:
            raise RuntimeError(widget.view.work.error or "nothing was projected")
        action = {
            "report PDF": lambda: coordinator.write_report(folder / "report.pdf"),
            "report HTML": lambda: coordinator.write_report(folder / "report.html"),
            "save frames": lambda: coordinator.save(folder / "frames"),
        }[case]
        return window.watch(action, window.idle)
    shape = (64, 64, 30, 60) if "4D" in case else (256, 256, 256)
    path = _volume(folder, shape)
    if case.startswith("open"):
        return window.watch(lambda: viewer.open(str(path), plugin="napari-medgen"), lambda: window.settle(0.5))
    if case.startswith("napari's own"):
        import nibabel
        import numpy as np

        voxels = np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj).T)
        if "second" in case:
            viewer.add_image(voxels, contrast_limits=(0, 2000))
            window.settle(1.0)
        return window.watch(
            lambda: viewer.add_image(voxels, contrast_limits=(0, 2000), scale=(1,) * voxels.ndim), lambda: window.settle(0.5)
        )
    viewer.open(str(path), plugin="napari-medgen")
    window.settle(0.5)
    target = str(folder / "saved.nii.gz")
    return window.watch(lambda: viewer.layers[0].save(target, plugin="napari-medgen"), nothing)


def insist(widget: Any) -> None:
    """Let a widget make what it would refuse of an image of noise; earlier versions had a field for it."""
    coordinator = widget.coordinator
    if hasattr(widget.view, "_anyway"):
        widget.view._anyway.value = True
    elif hasattr(coordinator, "project"):
        coordinator.project = partial(coordinator.project, anyway=True)
    else:
        ask = coordinator._ask
        coordinator._ask = lambda *asked, **how: ask(*asked, **how | {"anyway": True})


def lifetimes(times: int, folder: Path) -> None:
    """Open, use and close each widget again and again: memory, and what of each is still alive."""
    import gc

    import psutil

    window, process = Window(), psutil.Process()
    window.viewer.open(str(_knee(folder)), plugin="napari-medgen")
    knee = window.viewer.layers[0].name
    print("| widget | resident memory after 1, 5, 10, ... times (MiB) | alive: coordinators, views, layers, Qt widgets |")
    print("| --- | --- | --- |")
    for what, press in (("sample", "sample"), ("explain", "explain"), ("future", "project")):
        sizes, widgets = [], []
        for time_ in range(1, times + 1):
            _, widget = window.viewer.window.add_plugin_dock_widget("napari-medgen", _TITLES[what])
            if hasattr(widget.view, "_anyway"):
                insist(widget)
            if what == "future":
                widget.view._side.value = "left"
            window.idle()
            getattr(widget.coordinator, press)()
            window.idle()
            window.viewer.window.remove_dock_widget(widget)
            del widget
            for layer in list(window.viewer.layers):
                if layer.name != knee:
                    window.viewer.layers.remove(layer)
            window.settle(0.3)
            gc.collect()
            if time_ == 1 or time_ % 5 == 0:
                sizes.append(process.memory_info().rss // 2**20)
                widgets.append(len(window.app.allWidgets()))
        kinds = [type(one).__name__ for one in gc.get_objects()]
        alive = [sum(name.endswith(end) for name in kinds) for end in ("Coordinator", "View")]
        print(f"| {what} | {', '.join(map(str, sizes))} | {alive}, {len(window.viewer.layers)}, {widgets} |", flush=True)


CASES = (
    "open a widget: sample",
    "open a widget: explain",
    "open a widget: future",
    "sample",
    "sample again",
    "explain",
    "explain again",
    "compare",
    "explain 12 MP RGB",
    "project",
    "project again",
    "report PDF",
    "report HTML",
    "save frames",
    "open 256^3",
    "open 4D 64x64x30x60",
    "napari's own first layer, 256^3",
    "napari's own first layer, 4D 64x64x30x60",
    "napari's own second layer, 256^3",
    "save 256^3",
)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks window", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turns with this one")
    parser.add_argument("--case", help="one case, in this process")
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--lifetimes", type=int, help="open, use and close each widget so many times instead")
    options = parser.parse_args(arguments)
    if options.lifetimes:
        with tempfile.TemporaryDirectory() as folder:
            lifetimes(options.lifetimes, Path(folder))
            os._exit(0)
    if options.case:
        with tempfile.TemporaryDirectory() as folder:
            print("RESULT", json.dumps(run(options.case, Path(folder))), flush=True)
            os._exit(0)  # nobody waits for the window to be torn down
    sides = {"this checkout": _HERE} | ({"the other": options.against.resolve()} if options.against else {})
    print(
        "| what | "
        + " | ".join(f"{side}: longest gap, all (ms)" for side in sides)
        + " |\n"
        + "| --- " * (len(sides) + 1)
        + "|"
    )
    for case in CASES:
        if options.only and options.only not in case:
            continue
        found: dict[str, list[list[float]]] = {side: [] for side in sides}
        for _ in range(options.times):
            for side, root in sides.items():
                found[side].append(_measure(case, root))
        cells = []
        for own in found.values():
            known = [one for one in own if one]
            cells.append(f"{min(one[0] for one in known):.0f}, {min(one[1] for one in known):.0f}" if known else "failed")
        print(f"| {case} | " + " | ".join(cells) + " |", flush=True)


def _measure(case: str, root: Path) -> list[float]:
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{_HERE}", "NAPARI_MEDGEN_DEVICE": "cpu"}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.window", "--case", case]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False, cwd="/")
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), "")
    if not line:
        print(done.stderr[-2000:], file=sys.stderr)
        return []
    return list(json.loads(line.removeprefix("RESULT")))


if __name__ == "__main__":
    main()
