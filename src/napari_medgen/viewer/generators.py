"""The one volume model that is kept loaded between two presses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_medgen.running.preload import preload_torch

if TYPE_CHECKING:
    from napari_medgen.volumes.generator import VolumeGenerator

_lock = threading.Lock()
_loaded: dict[tuple[str, str], VolumeGenerator] = {}


def generator(model: str, device: str) -> VolumeGenerator:
    """The model on the device, loaded if it is not the one that is; call it in the background.

    Raises
    ------
    MedGenError
        If the model or the device is not there.
    """
    preload_torch()
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes.generator import VolumeGenerator

    with _lock:
        if (model, device) not in _loaded:
            _loaded.clear()
            _loaded[model, device] = VolumeGenerator(find_model(model), choose_device(device))
        return _loaded[model, device]


def forget() -> None:
    """Let the loaded model go."""
    with _lock:
        _loaded.clear()
