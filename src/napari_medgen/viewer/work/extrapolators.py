"""The progression model that is kept loaded between two presses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medgen.running.preload import preload_torch
from napari_medgen.viewer.work import classifiers
from napari_medgen.viewer.work.models import LoadedModels

if TYPE_CHECKING:
    from napari_medgen.progression.model import Extrapolator

# One at a time: a cohort can be large.
_models: LoadedModels[tuple[str, str], Extrapolator] = LoadedModels()
_loaded = _models.kept
hold, release, forget = _models.hold, _models.release, _models.forget


def extrapolator(model: str, cohort: str = "") -> Extrapolator:
    """The model with its classifier and a cohort, loaded if it is not; call it in the background.

    Parameters
    ----------
    cohort
        A cohort's folder; empty for the model's own.

    Raises
    ------
    MedGenError
        If something of it is not there or does not fit.
    """
    preload_torch()
    from napari_medgen.models.catalogue import find_model, list_models
    from napari_medgen.progression.cohort.cohort import open_cohort
    from napari_medgen.progression.model import Extrapolator, classifier_name
    from napari_medgen.saliency.frame_grader import FrameGrader

    def load() -> Extrapolator:
        folder = find_model(model)
        name = classifier_name(folder)
        beside = find_model(name, beside=folder)
        # By name where that is the same one, so that it is not loaded twice.
        same = beside.path in [one.path for one in list_models("saliency")]
        grader = FrameGrader(classifiers.classifier(name if same else str(beside.path)))
        return Extrapolator(folder, grader, open_cohort(Path(cohort)) if cohort else None)

    return _models.get((model, cohort), load)
