"""Makes a study of each template, reads it by keys, and writes the pictures and the film of the docs.

QT_SCALE_FACTOR=1 xvfb-run -a -s "-screen 0 1366x768x24" python scripts/study_pictures.py docs/images

``--data KNEES`` shows other knees, ``--only saliency`` makes one of them.

KNEES is a folder of knee radiographs; without one the knees that ship inside are shown.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from napari.qt import get_qapp
from PIL import Image
from qtpy.QtCore import QBuffer, QIODevice, Qt
from qtpy.QtWidgets import QWidget

from napari_medgen.study.study import Study
from napari_medgen.viewer.study.dashboard import Dashboard
from napari_medgen.viewer.study.tour import KeyReader, drawn, settle, until
from napari_medgen.viewer.study.window import StudyWindow

SIZE, FILM, PAUSE = (1366, 768), (1024, 576), 1800  # points; pixels; milliseconds
COMMAND = [str(Path(sys.executable).with_name("napari-medgen")), "study", "new"]
Knees = Path | None


def picture(widget: QWidget) -> Image.Image:
    """What a window shows."""
    settle(0.5)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    return Image.open(BytesIO(bytes(buffer.data()))).convert("RGB")


def study(folder: Path, *arguments: object) -> Study:
    """A new study."""
    subprocess.run([*COMMAND, *map(str, arguments), "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return Study.open(folder)


def reader(found: Study, code: str, step: Callable[[str], None], seed: int = 1) -> KeyReader:
    """A reader before a window."""
    window = StudyWindow(found, code)
    window.resize(*SIZE)
    window.show()
    settle(0.4)
    return KeyReader(window, answer=drawn(random.Random(seed)), step=step)


def save(out: Path, name: str, shown: Image.Image) -> None:
    """One picture."""
    path = out / f"study-{name}.webp"
    shown.save(path, quality=80, method=6)
    print(path)


def turing(out: Path, work: Path, knees: Knees) -> None:
    """Twenty cases, two readers, keys alone: the film; pictures of the window and of the manager's."""
    found = study(work / "turing", "--template", "turing", "--model", "brain-t1", "--count", 20, "--readers", 2)
    frames: list[Image.Image] = []
    for code in found.codes:
        seen: dict[str, int] = {}
        current: list[KeyReader] = []

        def step(name: str, seen: dict[str, int] = seen, current: list[KeyReader] = current, code: str = code) -> None:
            seen[name] = seen.get(name, 0) + 1
            wanted = {"sign-in": (1,), "case": (1, 7, 14), "answered": (1, 7, 14), "done": (1,)}.get(name, ())
            if seen[name] in wanted:
                frames.append(picture(current[0].window))
            if name == "case" and seen[name] == 7 and code == "R1":
                current[0].key(Qt.Key.Key_P)
                frames.append(picture(current[0].window))
                current[0].key(Qt.Key.Key_Return)
                settle(0.2)

        reading = reader(found, code, step, seed=ord(code[-1]))
        current.append(reading)
        reading.begin()
        save(out, f"turing-{code.lower()}", picture(reading.window)) if code == "R1" else None
        reading.read(11 if code == "R2" else None)
        if code == "R2":
            readers = Dashboard(found)
            readers.show()
            until(lambda readers=readers: readers.table.rowCount() == len(found.codes))
            save(out, "readers", picture(readers))
            readers.close()
            reading.read()
        reading.window.close()
        settle(0.3)
    frames = [frame.resize(FILM, Image.Resampling.LANCZOS) for frame in frames]
    path = out / "film-study.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=PAUSE, loop=0, quality=50, method=6)
    print(path, len(frames), "frames")


def steps_of(found: Study) -> dict[str, Image.Image]:
    """A study read to its end: the first picture of each kind of step."""
    shown: dict[str, Image.Image] = {}
    current: list[KeyReader] = []

    def step(name: str) -> None:
        if name not in shown:
            shown[name] = picture(current[0].window)

    current.append(reader(found, "R1", step))
    current[0].begin()
    current[0].read()
    current[0].window.close()
    return shown


def quality(out: Path, work: Path, knees: Knees) -> None:
    """Khader's three questions."""
    found = study(work / "quality", "--template", "volume-quality", "--model", "hippocampus", "--count", 3)
    save(out, "quality", steps_of(found)["answered"])


def progression(out: Path, work: Path, knees: Knees) -> None:
    """The first answer alone, the second beside the follow-up."""
    data = ("--data", knees) if knees else ()
    found = study(work / "progression", "--template", "progression", "--model", "knee-progression", "--count", 2, *data)
    shown = steps_of(found)
    save(out, "progression-1-alone", shown["answered"])
    save(out, "progression-2-aided", shown["aid"])


def saliency(out: Path, work: Path, knees: Knees) -> None:
    """A map of one of three models."""
    models = [part for name in ("knee-kl", "knee-kl-standard", "knee-kl-adversarial") for part in ("--model", name)]
    data = ("--data", knees) if knees else ()
    found = study(work / "saliency", "--template", "saliency", *models, "--count", 2, *data)
    save(out, "saliency", steps_of(found)["answered"])


def main() -> None:
    """Make all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    get_qapp()
    with tempfile.TemporaryDirectory() as work:
        for make in (turing, quality, progression, saliency):
            if options.only in ("", make.__name__):
                make(options.out, Path(work), options.data)


if __name__ == "__main__":
    main()
