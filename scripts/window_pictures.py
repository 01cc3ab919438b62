"""Pictures and films of all widgets, and what of their texts is cut off.

    xvfb-run -a -s "-screen 0 1280x720x24" python scripts/window_pictures.py pictures OUT [--knee FILE]
    xvfb-run -a -s "-screen 0 1280x800x24" python scripts/window_pictures.py films OUT [--knee FILE]

``pictures`` fills the screen there is with the window, in both themes, with each widget before and after its main path;
QT_SCALE_FACTOR=1.5 makes it that of a small screen. ``films`` records the main paths as WebP.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QScrollArea, QWidget

from napari_medgen.viewer.plugin.demo import settle, wait_for
from napari_medgen.viewer.work.queue import file_queue, shared_queue

TITLES = {"sample": "Sample volumes", "explain": "Overlay saliency", "future": "Extrapolate radiograph"}
FILM_SIZE, FILM_PAUSE = (960, 600), 450  # pixels; milliseconds


def idle() -> None:
    """Wait for the background, and let the window paint."""
    for _ in range(2):
        settle(0.4)
        wait_for(lambda: not shared_queue().busy and not file_queue().busy)
    settle(0.4)


def knee_file(given: Path | None, folder: Path) -> Path:
    """The knee that was given, or a blurred noise that is none."""
    if given is not None:
        return given
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(0).normal(size=(224, 224)), 6)
    path = folder / "9000099L.png"
    Image.fromarray((128 + 40 * noise / noise.std()).clip(0, 255).astype(np.uint8)).save(path)
    return path


def cut_off(root: QWidget) -> list[str]:
    """Texts of a widget that are wider than the room they have, and widgets that stick out of it."""
    found = []
    for one in root.findChildren((QLabel, QPushButton)):
        text = one.text()
        if not one.isVisible() or not text or text.startswith("<"):
            continue
        room = one.contentsRect().width() - (8 if isinstance(one, QPushButton) else 0)
        wraps = isinstance(one, QLabel) and one.wordWrap()
        longest = max(text.split(), key=len) if wraps else max(text.splitlines(), key=len)
        ignored = isinstance(one, QLabel) and one.toolTip() == text  # it is cut off on purpose, and says all on hover
        if one.fontMetrics().horizontalAdvance(longest) > room + 2 and not ignored:
            found.append(f"{text!r} needs {one.fontMetrics().horizontalAdvance(longest)}, has {room}")
        if wraps and one.heightForWidth(one.width()) > one.height() + 2:
            found.append(f"{text!r} needs {one.heightForWidth(one.width())} rows of pixels, has {one.height()}")
        inside = root.findChild(QScrollArea)
        if inside is None and one.mapTo(root, one.rect().bottomRight()).y() > root.height() + 2:
            found.append(f"{text!r} lies below the edge")
    return found


class Session:
    """A window with one widget docked."""

    def __init__(self, what: str, knee: Path, size: tuple[int, int] | None = None) -> None:
        self.viewer = napari.Viewer()
        screen = QApplication.primaryScreen().availableGeometry()
        width, height = size or (screen.width(), screen.height())
        self.viewer.window._qt_window.setGeometry(0, 0, width, height)
        if what != "sample":
            self.viewer.open(str(knee), plugin="napari-medgen")
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-medgen", TITLES[what])
        if what != "sample":
            self.widget.view._side.value = "right" if knee.stem.endswith("R") else "left"
        if what == "explain":
            self.widget.view._model.value = "knee-kl"
        idle()

    def picture(self) -> np.ndarray[Any, Any]:
        settle(0.2)
        return self.viewer.screenshot(canvas_only=False, flash=False)

    def close(self) -> None:
        self.widget.close()
        self.viewer.close()
        settle(0.3)


def pictures(out: Path, knee: Path) -> None:
    """Each widget in both themes, as it opens and after its main path."""
    for what in TITLES:
        session = Session(what, knee)
        press = {"sample": "sample", "explain": "explain", "future": "project"}[what]
        for stage in ("opened", "used"):
            if stage == "used":
                getattr(session.widget.coordinator, press)()
                idle()
            for theme in ("dark", "light"):
                session.viewer.theme = theme
                settle(0.5)
                idle()
                shot = session.picture()
                path = out / f"{what}-{stage}-{theme}-{shot.shape[1]}x{shot.shape[0]}.png"
                Image.fromarray(shot).convert("RGB").save(path)
                print(path, *cut_off(session.widget), sep="\n    ")
        session.close()
    session = Session("sample", knee)
    for what in ("explain", "future"):
        session.viewer.window.add_plugin_dock_widget("napari-medgen", TITLES[what])
        idle()
        shot = session.picture()
        path = out / f"with-{what}-{shot.shape[1]}x{shot.shape[0]}.png"
        Image.fromarray(shot).convert("RGB").save(path)
        screen, window = QApplication.primaryScreen().availableGeometry(), session.viewer.window._qt_window.geometry()
        print(path, "" if screen.contains(window) else f"the window {window} is larger than the screen {screen}")
    session.close()


def films(out: Path, knee: Path) -> None:
    """The main path of each widget."""
    for what, record in {"sample": film_of_sample, "explain": film_of_explain, "future": film_of_future}.items():
        session = Session(what, knee, (1280, 800))
        shots: list[np.ndarray[Any, Any]] = []
        record(session, lambda shots=shots, session=session: shots.append(session.picture()))
        frames = [Image.fromarray(shot).convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS) for shot in shots]
        path = out / f"film-{what}.webp"
        pauses = [FILM_PAUSE] * (len(frames) - 1) + [3 * FILM_PAUSE]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=pauses, loop=0, quality=45, method=6)
        print(path, len(frames), "pictures", path.stat().st_size // 1024, "KiB")
        session.close()


def film_of_sample(session: Session, shoot: Callable[[], None]) -> None:
    shoot()
    session.widget.coordinator.sample()
    for _ in range(5):
        settle(0.25)
        shoot()
    idle()
    shoot()
    for row in (20, 28, 36, 44):
        session.viewer.dims.set_current_step(0, row)
        shoot()
    session.viewer.dims.order = (1, 0, 2)
    session.viewer.reset_view()
    shoot()


def film_of_explain(session: Session, shoot: Callable[[], None]) -> None:
    shoot()
    session.widget.coordinator.explain()
    idle()
    shoot()
    for _ in range(2):
        session.widget.coordinator.toggle()
        shoot()
    session.widget.coordinator.compare()
    idle()
    shoot()


def film_of_future(session: Session, shoot: Callable[[], None]) -> None:
    shoot()
    session.widget.coordinator.project()
    for _ in range(4):
        settle(0.7)
        shoot()
    idle()
    for months in (0, 24, 48, 72, 96):
        session.widget.coordinator.display.show_month(months)
        shoot()
    session.widget.coordinator.blink()
    for _ in range(3):
        shoot()
        session.widget.coordinator.blink()


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("pictures", "films"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--knee", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    {"pictures": pictures, "films": films}[options.what](options.out, knee_file(options.knee, options.out))


if __name__ == "__main__":
    main()
