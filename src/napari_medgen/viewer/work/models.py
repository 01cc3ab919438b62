"""Models that stay loaded between two presses, as long as a widget holds them."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_medgen.running.preload import preload_torch

if TYPE_CHECKING:
    from napari_medgen.progression.model import Extrapolator
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.volumes.model import VolumeGenerator

K = TypeVar("K")
M = TypeVar("M")


class LoadedModels(Generic[K, M]):
    """Models of one kind by key, kept while somebody holds them; the last that was used is the last to go.

    Loading happens in the background, one at a time. Holding and releasing happen in the window's thread and never wait for
    a load: what is loaded for somebody who has let go meanwhile is not kept.

    Parameters
    ----------
    load
        Makes the model of a key.
    most
        How many are kept.
    known_as
        A key as it is kept, so that two words for one device are not two models; called in the background.
    """

    def __init__(self, load: Callable[[K], M], most: int = 1, known_as: Callable[[K], K] = lambda key: key) -> None:
        self._known_as = known_as
        self.kept: dict[K, M] = {}
        self.load = load
        self._most = most
        self._holders: weakref.WeakSet[object] = weakref.WeakSet()
        self._generation = 0
        self._loading, self._state = threading.Lock(), threading.Lock()

    def get(self, key: K) -> M:
        """The model of a key, loaded if it is not there; call it in the background.

        Raises
        ------
        MedGenError
            If the model is not there or does not fit, or the device is not there.
        """
        with self._loading:
            kept_as = self._known_as(key)
            with self._state:
                generation = self._generation
                found = self.kept.pop(kept_as, None)
                while found is None and len(self.kept) >= self._most:
                    del self.kept[next(iter(self.kept))]  # before there is another one: each may be large
            if found is None:
                found = self.load(key)
            with self._state:
                if generation == self._generation and self._holders:
                    self.kept[kept_as] = found
            return found

    def hold(self, holder: object) -> None:
        """Keep models while this object needs them."""
        self._holders.add(holder)

    def release(self, holder: object) -> None:
        """Let an object need them no more; the last one out lets all go."""
        self._holders.discard(holder)
        if not self._holders:
            self.forget()

    def forget(self) -> None:
        """Let all models go, also one that is being loaded."""
        with self._state:
            self._generation += 1
            held = bool(self.kept)
            self.kept.clear()
        if held and "torch" in sys.modules:
            from napari_medgen.running.devices import free_gpu_memory

            free_gpu_memory()


def _load_generator(key: tuple[str, str]) -> VolumeGenerator:
    preload_torch()
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.volumes.model import VolumeGenerator

    model, device = key
    return VolumeGenerator(find_model(model), choose_device(device))


def _on_its_device(key: tuple[str, str]) -> tuple[str, str]:
    preload_torch()
    from napari_medgen.running.devices import choose_device

    device = choose_device(key[1]).torch
    return key[0], f"{device.type}:{device.index or 0}"


def _load_classifier(key: str) -> Classifier:
    preload_torch()
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.saliency.model import Classifier

    return Classifier(find_model(key), choose_device())


def _load_extrapolator(key: tuple[str, str]) -> Extrapolator:
    preload_torch()
    from napari_medgen.models.catalogue import find_model, list_models
    from napari_medgen.progression.cohort.folder import open_cohort
    from napari_medgen.progression.model import Extrapolator, classifier_name
    from napari_medgen.saliency.frame_grader import FrameGrader

    model, cohort = key
    folder = find_model(model)
    name = classifier_name(folder)
    beside = find_model(name, beside=folder)
    # By name where that is the same one, so that it is not loaded twice.
    same = beside.path in [one.path for one in list_models("saliency")]
    grader = FrameGrader(classifiers.get(name if same else str(beside.path)))
    return Extrapolator(folder, grader, open_cohort(Path(cohort)) if cohort else None)


generators: LoadedModels[tuple[str, str], VolumeGenerator] = LoadedModels(_load_generator, known_as=_on_its_device)
"""Volume models by name and device (empty for the one in force)."""

classifiers: LoadedModels[str, Classifier] = LoadedModels(_load_classifier, most=4)
"""Classifiers by name: the three variants of one family, and one more."""

extrapolators: LoadedModels[tuple[str, str], Extrapolator] = LoadedModels(_load_extrapolator)
"""Progression models by name and a cohort's folder (empty for the model's own), with their classifier."""
