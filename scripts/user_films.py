"""Records the paths of ``tests/viewer/user_paths.py`` as film strips and as the pictures of the tutorials.

QT_SCALE_FACTOR=1 xvfb-run -a -s "-screen 0 1366x768x24" python scripts/user_films.py docs/images
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from io import BytesIO
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QBuffer
from qtpy.QtWidgets import QWidget

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "viewer"))
from user_paths import PATHS, User

FILM_SIZE, PAUSE = (1024, 576), 1800  # pixels; milliseconds
# Steps that a tutorial shows as a picture of their own.
TUTORIALS = {
    "radiologist": ("2-axial", "4-sagittal", "7-saved"),
    "researcher": ("2-map", "4-methods", "6-models"),
    "reader": ("1-a-head-in-four-views", "6-a-ct-in-its-lung-window", "7-a-knee", "9-swipe"),
    "archive": ("3-a-region",),
    "clinician": ("1-is-the-side-right", "2-month-48", "4-neighbour", "5-both-knees"),
}


def shoot(user: User, shots: dict[str, np.ndarray], name: str, dialog: QWidget | None = None) -> None:
    """A picture of the window, with a dialog in its middle where there is one."""
    user.settle(0.4)
    shot = user.viewer.screenshot(canvas_only=False, flash=False)
    if dialog is not None:
        page, own = Image.fromarray(shot).convert("RGB"), BytesIO()
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        dialog.grab().save(buffer, "PNG")
        own.write(bytes(buffer.data()))
        picture = Image.open(own)
        page.paste(picture, ((page.width - picture.width) // 2, (page.height - picture.height) // 2))
        shot = np.asarray(page)
    shots[name] = shot


def main() -> None:
    """Record all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for who, follow in PATHS.items():
        if options.only and who != options.only:
            continue
        viewer = napari.Viewer()
        viewer.window._qt_window.setGeometry(0, 0, 1366, 768)
        shots: dict[str, np.ndarray] = {}

        with tempfile.TemporaryDirectory() as folder:
            user = User(viewer, Path(folder))
            user.shoot = partial(shoot, user, shots)
            user.settle(0.5)
            follow(user)
        frames = [
            Image.fromarray(shot).convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS) for shot in shots.values()
        ]
        path = options.out / f"film-{who}.webp"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=PAUSE, loop=0, quality=50, method=6)
        print(path, len(frames), "pictures", path.stat().st_size // 1024, "KiB")
        for name in TUTORIALS.get(who, ()):
            picture = options.out / f"{who}-{name}.webp"
            Image.fromarray(shots[name]).convert("RGB").save(picture, quality=70, method=6)
            print(picture, picture.stat().st_size // 1024, "KiB")
        viewer.close()


if __name__ == "__main__":
    main()
