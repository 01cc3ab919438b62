"""Maps of every slice of a stack or volume, with the geometry of what they were made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.volume import Volume
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import ExplainRequest


def slices_of(
    stack: NDArray[Any],
    window: tuple[float, float],
    *,
    spacing: tuple[float, float] | None = None,
    name: str = "slice",
    provenance: Provenance | None = None,
) -> Iterator[Radiograph]:
    """Each slice (rows, columns) of a stack (N, rows, columns) as an image of its own, all in one window."""
    for index, pixels in enumerate(stack):
        kept = pixels if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(np.float32)
        yield Radiograph(kept, window, spacing, name=f"{name} {index}", provenance=provenance or Provenance())


def request_for(
    classifier: Classifier, stack: NDArray[Any], window: tuple[float, float], request: ExplainRequest, *, name: str = "slice"
) -> ExplainRequest:
    """The request for all slices of a stack: without a class, the one that is most probable in the middle slice."""
    if request.label:
        return request
    middle = len(stack) // 2
    (image,) = slices_of(stack[middle : middle + 1], window, name=name)
    return replace(request, label=classifier.answer(image, request.domain).best)


def explain_stack(
    classifier: Classifier,
    stack: NDArray[Any],
    window: tuple[float, float],
    request: ExplainRequest | None = None,
    *,
    name: str = "slice",
) -> Steps[NDArray[np.float32]]:
    """The map of each slice.

    Parameters
    ----------
    stack
        (N, rows, columns) grey values.
    window
        Grey values of black and white, for all slices.
    request
        Class and method. Without a class, the one that is most probable in the middle slice is explained in all.

    Yields
    ------
    Progress
        A step a slice.

    Returns
    -------
    numpy.ndarray
        (N, rows, columns) float32 in [-1, 1] of one limit for the whole stack, so that slices can be compared.
    """
    if stack.ndim != 3 or 0 in stack.shape:
        raise ImageError(f"A stack of slices has three axes, not the shape {stack.shape}.")
    request = request_for(classifier, stack, window, request or ExplainRequest(), name=name)
    images = list(slices_of(stack, window, name=name))
    maps = np.empty(stack.shape, np.float32)
    limits = np.empty(len(images))
    for index, image in enumerate(images):
        made = classifier.explain(image, request)
        maps[index], limits[index] = made.values, made.limit
        yield Progress(index + 1, len(images), f"Slice {index + 1} of {len(images)}")
    # A slice whose gradient is far above the others' would leave them blank; the 95th percentile is their common limit.
    common = float(np.percentile(limits, 95))
    return np.clip(maps * (limits / common)[:, None, None].astype(np.float32), -1, 1, out=maps)


def explain_volume(
    classifier: Classifier, volume: Volume, window: tuple[float, float], request: ExplainRequest | None = None
) -> Steps[Volume]:
    """Maps of the axial slices of a volume, as a volume in the same place.

    Returns
    -------
    Volume
        (S, P, L) float32 in [-1, 1], with the volume's affine.
    """
    request = request or ExplainRequest()
    maps = yield from explain_stack(classifier, volume.voxels, window, request, name=volume.name)
    made = Provenance(
        synthetic=volume.provenance.synthetic,
        operation=f"saliency of axial slices: {request.method}, {request.label or 'most probable class'}",
        source=volume.origin_name,
        model=classifier.name,
        model_checksum=classifier.folder.card.checksum,
    )
    return volume.with_voxels(maps, made, f"{volume.name} saliency")
