"""What classifiers say of the slice on screen: the work behind **Overlay saliency**, run in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_medgen.models.catalogue import list_models
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work.models import classifiers

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.maps import Answer, SaliencyMap
    from napari_medgen.saliency.request import ExplainRequest

_ORDER = ("standard", "adversarial", "dual")
Question = tuple[str, "ExplainRequest"]


@dataclass(frozen=True)
class Reading:
    """What the background found.

    Attributes
    ----------
    image
        What was looked at.
    answer
        Of the first model.
    warnings
        Why the image may be unsuitable for it.
    maps
        Variant (standard, adversarial, dual) and map of each model; empty where none was asked for or made.
    seconds
        From the request to the last map.
    """

    image: Radiograph
    answer: Answer
    warnings: tuple[str, ...]
    maps: tuple[tuple[str, SaliencyMap], ...]
    seconds: float

    @property
    def in_order(self) -> list[tuple[str, SaliencyMap]]:
        """The maps in the paper's order, whichever model was chosen first."""
        places = {way: place for place, way in enumerate(_ORDER)}
        return sorted(self.maps, key=lambda pair: places.get(pair[0].split(" ")[0], len(_ORDER)))


def ask_models(
    questions: tuple[Question, ...], take: Callable[[], Radiograph], *, explain: bool, anyway: bool
) -> Steps[Reading]:
    """Ask models about an image, and for maps unless it is unsuitable for the first of them.

    Parameters
    ----------
    questions
        Models, and class and method for each; the first answers. Without a class, all maps explain the one that the first
        model finds most probable, so that they can be compared.
    take
        Makes the image, which may take a moment.
    explain, anyway
        Whether maps are wanted, and whether of an unsuitable image too.

    Yields
    ------
    Progress
        A step a map.
    """
    begun = time.perf_counter()
    yield Progress(0, len(questions), "Loading the model")
    name, request = questions[0]
    first = classifiers.get(name)
    image = take()
    look = first.look(image, explain=explain)
    answer, doubts = look.answer(request.domain), look.doubts
    maps = []
    if explain and (anyway or not doubts):
        looks = {name: look}
        for index, (name, request) in enumerate(questions):
            request = replace(request, label=request.label or answer.best)
            model = classifiers.get(name)
            if name not in looks:
                looks = {name: model.look(image, explain=True)}
            maps.append((model.variant(request.domain), looks[name].map(request)))
            yield Progress(index + 1, len(questions), name)
    return Reading(image, answer, doubts, tuple(maps), time.perf_counter() - begun)


def one_of_each_family() -> list[str]:
    """Names of classifiers, one of each family: the one with two batch norms where there is one."""
    from napari_medgen.saliency.architecture import classifier_architecture

    best: dict[str, tuple[int, str]] = {}
    for folder in list_models("saliency"):
        own = classifier_architecture(folder.card)
        family = own.family or folder.name
        best[family] = max(best.get(family, (0, "")), (len(own.domain_names), folder.name))
    return [name for _, name in best.values()]


def fitting_model(names: list[str], take: Callable[[], Radiograph]) -> Steps[str]:
    """The first of some models that does not find an image unlike those of its training; empty for none.

    Yields
    ------
    Progress
        A step a model.
    """
    yield Progress(0, len(names), "Loading the model")
    image = take()
    for index, name in enumerate(names):
        if not classifiers.get(name).look(image, explain=False).doubts:
            return name
        yield Progress(index + 1, len(names))
    return ""
