"""The window of a reader study: from the key to the next image, beside a case that was not loaded ahead, and memory.

    xvfb-run -a -s "-screen 0 1366x768x24" python -m benchmarks study

A study of 200 cases of 96 x 96 x 96 voxels, read by keys; each answer is on the disk before its next case is shown. The time
is from pressing Enter until the views have been drawn.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

_CASES, _SIDE = 200, 96
_COLD = (40, 80, 120, 160)


def _resident() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def _study(folder: Path) -> Any:
    from napari_medgen.imaging.volume import Volume
    from napari_medgen.study.material import keep_image
    from napari_medgen.study.protocol_file import with_entry
    from napari_medgen.study.study import PROTOCOL, Study
    from napari_medgen.study.templating import protocol_text

    rng = np.random.default_rng(0)
    files = []
    for _ in range(4):
        smooth = np.cumsum(rng.integers(-20, 21, (_SIDE,) * 3, dtype=np.int16), axis=2, dtype=np.int16)
        files.append(keep_image(Volume.on_grid(smooth, (1.0, 1.0, 1.2)), folder))
    cases = [{"id": f"c{n}", "image": files[n % 4]} for n in range(_CASES)]
    text = with_entry(protocol_text("turing", "benchmark", ["R1"], 1), "cases", cases)
    text = with_entry(with_entry(text, "timing", {"break_every": 0}), "order", {"kind": "fixed"})
    (folder / PROTOCOL).write_text(text)
    return Study.open(folder)


def main() -> None:
    """Print the figures."""
    from napari.qt import get_qapp
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication

    from napari_medgen.viewer.study.tour import KeyReader, settle, until
    from napari_medgen.viewer.study.window import StudyWindow

    get_qapp()
    memory: dict[str, int] = {}
    warm: list[float] = []
    cold: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        window = StudyWindow(_study(Path(folder)), "R1")
        window.resize(1366, 768)
        window.show()
        settle(0.5)
        reader = KeyReader(window)
        reader.begin()
        for number in range(1, _CASES):
            desk = window.desk
            assert desk is not None
            until(lambda desk=desk: len(desk._ahead) == 2 or not desk.session.next_image)
            settle(0.3)
            reader.digit(1)
            reader.digit(3)
            if number in _COLD:
                desk._ahead.clear()
            drawn: list[float] = []
            canvas = window.stand.widget.panes[0].canvas
            trial = desk.session.trial
            begun = time.perf_counter()
            if number not in _COLD:
                canvas.frameSwapped.connect(lambda drawn=drawn: drawn.append(time.perf_counter()))
            reader.key(Qt.Key.Key_Return)
            if number in _COLD:
                while desk.session.trial == trial or window.stand.image is None:
                    QApplication.processEvents()
                canvas.frameSwapped.connect(lambda drawn=drawn: drawn.append(time.perf_counter()))
                canvas.update()
            while not drawn:
                QApplication.processEvents()
            canvas.frameSwapped.disconnect()
            (cold if number in _COLD else warm).append(drawn[0] - begun)
            reader.until_ready()
            if number in (10, 100, _CASES - 1):
                settle(5.0)  # the reader looks, and what nobody uses is given back
                memory[f"memory after {number} cases, MiB"] = round(_resident())
        window.close()
        settle(0.2)
    figures = memory | {
        "next case, loaded ahead, ms": round(1000 * float(np.median(warm))),
        "the slowest of twenty, ms": round(1000 * float(np.percentile(warm, 95))),
        "a cold case, ms": round(1000 * float(np.median(cold))),
        "ratio of the next to a cold one": round(float(np.median(warm) / np.median(cold)), 3),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
