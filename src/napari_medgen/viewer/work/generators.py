"""The one volume model that is kept loaded between two presses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medgen.running.preload import preload_torch
from napari_medgen.viewer.work.models import LoadedModels

if TYPE_CHECKING:
    from napari_medgen.volumes.model import VolumeGenerator

_models: LoadedModels[tuple[str, str], VolumeGenerator] = LoadedModels()
_loaded = _models.kept
hold, release, forget = _models.hold, _models.release, _models.forget


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
    from napari_medgen.volumes.model import VolumeGenerator

    return _models.get((model, device), lambda: VolumeGenerator(find_model(model), choose_device(device)))
