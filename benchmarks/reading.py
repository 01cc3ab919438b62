"""The reading room beside napari's own view: a wheel's step in four linked views, memory, and paging through a work list.

    xvfb-run -a -s "-screen 0 1366x768x24" python -m benchmarks reading

One process and one window: napari's single view and the room take turns with the same volume. What is quoted is the ratio of
medians, the longest step, and memory beside that of four copies of the volume.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import psutil

_SIDE = 256
_STEPS = 60
_CASES = 200


def settle(seconds: float) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.002)


def until(condition: Any, patience: float = 120.0) -> None:
    deadline = time.perf_counter() + patience
    while not condition():
        settle(0.02)
        if time.perf_counter() > deadline:
            raise TimeoutError


def resident() -> float:
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 2**20


def steps(move: Any, canvas: Any) -> list[float]:
    from qtpy.QtWidgets import QApplication

    taken = []
    for index in range(_STEPS + 10):
        begun = time.perf_counter()
        move(40 + index)
        canvas.update()
        QApplication.processEvents()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken[10:]


def wheel(viewer: Any) -> dict[str, Any]:
    """A step in the axial view: napari's single view, then the room's four, twice in turns."""
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 1000, (_SIDE,) * 3, dtype=np.int16)
    layer = viewer.add_image(
        volume,
        rgb=False,
        contrast_limits=(0, 1000),
        units=("mm",) * 3,
        axis_labels=("S", "P", "L"),
        interpolation2d="linear",
    )
    settle(1.0)
    before = resident()
    single: list[float] = []
    four: list[float] = []
    coordinator = None
    for _ in range(2):
        if coordinator is not None and coordinator.widget is not None:
            coordinator.leave_or_enter()
            settle(0.5)
        canvas = viewer.window._qt_viewer.canvas.native
        single += steps(lambda index: viewer.dims.set_current_step(0, index), canvas)
        if coordinator is None:
            _, widget = viewer.window.add_plugin_dock_widget("napari-medgen", "Reading room")
            coordinator = widget.coordinator
        else:
            coordinator.leave_or_enter()
        settle(2.0)
        room = coordinator.room
        view = coordinator.widget.panes[0].canvas
        four += steps(lambda index, room=room: room.go_to_slice(index, room.panes[0]), view)
        settle(0.5)
    memory = resident() - before
    viewer.layers.remove(layer)
    settle(0.5)
    return {
        "single view, ms a step": round(float(np.median(single)), 1),
        "four linked views, ms a step": round(float(np.median(four)), 1),
        "ratio": round(float(np.median(four) / np.median(single)), 2),
        "longest step in four views, ms": round(max(four), 1),
        "longest step in the single view, ms": round(max(single), 1),
        "memory of the room, MiB": round(memory),
        "memory of three further copies, MiB": round(3 * volume.nbytes / 2**20),
    }


def paging(viewer: Any, folder: Path, shape: tuple[int, int, int], count: int) -> dict[str, Any]:
    """A list of cases, four volumes in turns: memory on the way, and a case read ahead beside a cold one."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    files = []
    for index in range(4):
        smooth = np.cumsum(rng.integers(-20, 21, shape, dtype=np.int16), axis=2, dtype=np.int16)
        image = nib.Nifti1Image(smooth, np.diag([1.0 + 0.01 * index, 1.0, 1.2, 1.0]))
        image.header.set_xyzt_units("mm")
        files.append(folder / f"volume-{index}.nii.gz")
        nib.save(image, files[-1])
    table = folder / "cases.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "name"))
        writer.writerows((files[index % 4].name, f"case {index}") for index in range(count))
    coordinator = next(
        one.coordinator for one in viewer.window._qt_window.findChildren(object) if type(one).__name__ == "ReadingRoom"
    )
    coordinator.paging.read(table)
    settle(0.3)
    until(lambda: len(coordinator.paging.cases.entries) == count and len(coordinator.paging.cases.ahead) == 2)
    settle(1.0)

    def shown() -> bool:
        subject = coordinator.room.subject
        return subject is not None and coordinator.room.guest is None

    from qtpy.QtWidgets import QApplication

    warm, cold, memory = [], [], {}
    for index in range(1, count):
        until(
            lambda: (
                coordinator.paging.cases.index + 1 in coordinator.paging.cases.ahead
                or coordinator.paging.cases.index == count - 1
            )
        )
        begun = time.perf_counter()
        coordinator.paging.turn_page(1)
        coordinator.widget.paint_now()
        QApplication.processEvents()
        warm.append(time.perf_counter() - begun)
        until(shown)
        if index in (10, 100, count - 1):
            settle(1.0)
            memory[f"memory after {index} cases, MiB"] = round(resident())
    for index in (count // 4, count // 2, 3 * count // 4, 0):
        settle(0.5)
        coordinator.paging.cases.ahead.clear()
        coordinator.work.drop("ahead")
        begun = time.perf_counter()
        coordinator.paging.show(index)
        until(lambda index=index: index in coordinator.paging.cases.ahead)
        coordinator.widget.paint_now()
        QApplication.processEvents()
        cold.append(time.perf_counter() - begun)
        settle(1.0)
    return memory | {
        "next case, read ahead, ms": round(1000 * float(np.median(warm))),
        f"a cold case ({' x '.join(map(str, shape))}, gzip), ms": round(1000 * float(np.median(cold))),
        "ratio of the next to a cold one": round(float(np.median(warm) / np.median(cold)), 3),
    }


def main() -> None:
    import napari

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1366, 768)
    settle(1.0)
    print(json.dumps(wheel(viewer), indent=1), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(paging(viewer, Path(folder) / "many", (96, 96, 96), _CASES), indent=1), flush=True)
        print(json.dumps(paging(viewer, Path(folder) / "large", (512, 512, 200), 12), indent=1), flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
