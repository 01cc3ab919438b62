"""A sample beside another volume: the training volume that it is most like, or a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import VOLUME_SUFFIXES, read_volume
from napari_medgen.imaging.listing import is_meant
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.canvas.stage import Shown, stage_of
from napari_medgen.viewer.layers.adding import add_image
from napari_medgen.viewer.layers.owner import is_subject, is_synthetic
from napari_medgen.viewer.layers.place import has_patient_axes
from napari_medgen.viewer.work.preferences import preferences

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

_OWNER = "sample beside"


class Beside:
    """Shows a sample beside another volume, in cells of the stage; the reading room shows them linked, if it is open.

    Parameters
    ----------
    viewer
        A napari viewer or ``ViewerModel``.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer, self._stage = viewer, stage_of(viewer)

    @property
    def real(self) -> Image | None:
        """The real volume that was opened last; None where there is none."""
        found = [
            layer
            for layer in self._viewer.layers
            if is_subject(layer) and layer.ndim == 3 and has_patient_axes(layer) and not is_synthetic(layer)
        ]
        return found[-1] if found else None

    def show_volume(self, sample: Image, volume: Volume, options: dict[str, Any], caption: str) -> None:
        """Open a volume, unless it is open already, and show it beside the sample."""
        there = [layer for layer in self._viewer.layers if layer.name == volume.name and is_subject(layer)]
        # By what they hold, not by their names: two people's scans are often called alike.
        same = next((layer for layer in there if np.array_equal(layer.data, volume.voxels)), None)
        other = same if same is not None else add_image(self._viewer, volume.voxels, **options | {"visible": False})
        self.show(sample, other, caption)

    def show(self, sample: Image, other: Image, caption: str) -> None:
        """Show two volumes beside each other, and the room that links them where there is a window."""
        if sample not in self._viewer.layers or other not in self._viewer.layers:
            return
        cells = [(Shown(sample, f"sample\n{sample.name}"),), (Shown(other, f"{caption}\n{other.name}"),)]
        self._stage.set_scene(_OWNER, cells, left=_nothing)
        window = getattr(self._viewer, "window", None)
        if window is not None:
            window.add_plugin_dock_widget("napari-medgen", "Reading room")

    def close(self) -> None:
        """Give the stage back."""
        self._stage.leave(_OWNER)


def _nothing() -> None:
    """Nothing is to be undone when another has the stage."""


def training_folders() -> tuple[Path, ...]:
    """Where training volumes lie, as far as somebody said it and they are there."""
    return tuple(folder for folder in preferences().training_folders if folder.is_dir())


def find_and_read(name: str, folders: Sequence[Path]) -> Volume:
    """Read a training volume by its name.

    Raises
    ------
    ImageError
        If no file of that name is in one of the folders or below, or several are, or it cannot be read.
    """
    found = [
        path
        for folder in folders
        for path in sorted(folder.rglob(f"{_plain(name)}*"))
        if path.is_file() and is_meant(path, folder) and _is_called(path, name)
    ]
    if len(found) > 1:
        raise ImageError(f"{len(found)} volumes are called {name}: choose a folder of training volumes with one of them.")
    if found:
        return read_volume(found[0])
    where = " or ".join(folder.name for folder in folders)
    raise ImageError(
        f"No volume called {name} is in {where}; folders of training volumes are set in napari's preferences, under Plugins."
    )


def _plain(name: str) -> str:
    return "".join("?" if letter in "[]*?" else letter for letter in name)


def _is_called(path: Path, name: str) -> bool:
    return any(path.name == f"{name}{suffix}" for suffix in VOLUME_SUFFIXES)
