"""The classifiers that are kept loaded between two presses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medgen.running.preload import preload_torch
from napari_medgen.viewer.work.models import LoadedModels

if TYPE_CHECKING:
    from napari_medgen.saliency.model import Classifier

_MOST = 4  # the three variants of one family, and one more
_models: LoadedModels[str, Classifier] = LoadedModels(_MOST)
_loaded = _models.kept
hold, release, forget = _models.hold, _models.release, _models.forget


def classifier(model: str) -> Classifier:
    """The classifier, loaded if it is not; call it in the background.

    Raises
    ------
    MedGenError
        If the model is not there or does not fit.
    """
    preload_torch()
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.saliency.model import Classifier

    return _models.get(model, lambda: Classifier(find_model(model), choose_device()))
