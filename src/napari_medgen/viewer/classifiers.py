"""The classifiers that are kept loaded between two presses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_medgen.running.preload import preload_torch

if TYPE_CHECKING:
    from napari_medgen.saliency.classifier import Classifier

_MOST = 4  # the three variants of one family, and one more
_lock = threading.Lock()
_loaded: dict[str, Classifier] = {}


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
    from napari_medgen.saliency.classifier import Classifier

    with _lock:
        found = _loaded.pop(model, None) or Classifier(find_model(model), choose_device())
        _loaded[model] = found  # the last to be used is the last to go
        while len(_loaded) > _MOST:
            del _loaded[next(iter(_loaded))]
        return found


def forget() -> None:
    """Let the loaded classifiers go."""
    with _lock:
        _loaded.clear()
