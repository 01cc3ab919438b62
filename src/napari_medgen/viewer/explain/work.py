"""What classifiers say of the slice on screen: the work behind **Overlay saliency**, run in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_medgen.running.progress import Progress, Steps
from napari_medgen.viewer.work.models import classifiers

if TYPE_CHECKING:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.saliency.maps import Answer, SaliencyMap
    from napari_medgen.saliency.request import ExplainRequest

_ORDER = ("standard", "adversarial", "dual")


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
    names: tuple[str, ...], take: Callable[[], Radiograph], request: ExplainRequest, *, explain: bool, anyway: bool
) -> Steps[Reading]:
    """Ask models about an image, and for maps unless it is unsuitable for the first of them.

    Parameters
    ----------
    names
        Models; the first answers.
    take
        Makes the image, which may take a moment.
    request
        Class and method. Without a class, all maps explain the one that the first model finds most probable, so that
        they can be compared.
    explain, anyway
        Whether maps are wanted, and whether of an unsuitable image too.

    Yields
    ------
    Progress
        A step a model.
    """
    begun = time.perf_counter()
    yield Progress(0, len(names), "Loading the model")
    first = classifiers.get(names[0])
    image = take()
    look = first.look(image, explain=explain)
    answer, doubts = look.answer(request.domain), look.doubts
    maps = []
    if explain and (anyway or not doubts):
        request = replace(request, label=request.label or answer.best)
        for index, name in enumerate(names):
            model = classifiers.get(name)
            seen = look if index == 0 else model.look(image, explain=True)
            maps.append((model.variant(request.domain), seen.map(request)))
            yield Progress(index + 1, len(names), name)
    return Reading(image, answer, doubts, tuple(maps), time.perf_counter() - begun)
