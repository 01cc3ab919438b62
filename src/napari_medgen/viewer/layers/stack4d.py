"""Several images in one layer: a file of many volumes, or files that a person opens as a stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medgen.errors import ImageError
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.viewer.layers.owner import KEY, common_metadata
from napari_medgen.viewer.layers.volumes import LayerData


def with_slider(options: dict[str, Any], label: str) -> dict[str, Any]:
    """Options of a layer, with an axis before the others whose slider chooses one of several images."""
    more = {"scale": (1, *options["scale"]), "units": ("pixel", *options["units"])}
    more |= {"axis_labels": (label, *options["axis_labels"])}
    if "translate" in options:
        more["translate"] = (0, *options["translate"])
    return options | more


def stacked(layers: list[LayerData], names: list[str]) -> list[LayerData]:
    """Layers of files that a person opens as a stack: one layer, whose first axis counts the files.

    Raises
    ------
    ImageError
        If their shapes differ.
    """
    if len(layers) == 1:
        return layers
    first, options, kind = layers[0]
    for (data, made, _), name in zip(layers, names, strict=True):
        if data.shape != first.shape:
            raise ImageError(f"{names[0]} and {name} have different sizes; open them one by one, not as a stack.")
        same = all(np.allclose(made.get(key, 0), options.get(key, 0), rtol=1e-4) for key in ("scale", "translate"))
        if not same or made["units"] != options["units"] or _affine(made) != _affine(options):
            raise ImageError(f"{names[0]} and {name} lie in different places; open them one by one, not as a stack.")
    require_image_bytes(len(layers) * first.nbytes, f"The stack of {len(layers)} files")
    limits = [made["contrast_limits"] for _, made, _ in layers]
    options = with_slider(options, "image") | {
        "name": f"{options['name']} and {len(layers) - 1} more",
        "contrast_limits": (min(low for low, _ in limits), max(high for _, high in limits)),
        "metadata": common_metadata([made["metadata"] for _, made, _ in layers]),
    }
    return [(np.stack([data for data, _, _ in layers]), options, kind)]


def _affine(options: dict[str, Any]) -> Any:
    found = options["metadata"].get(f"{KEY}_affine")
    return None if found is None else np.round(found, 3).tolist()
