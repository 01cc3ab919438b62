"""npe2 writer: a layer as NIfTI with its provenance."""

from __future__ import annotations

from typing import Any

from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.viewer.layers import volume_of


def write_volume(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image or labels layer.

    Raises
    ------
    ImageError
        If the layer is not a grey volume or the file cannot be written.
    """
    return [str(written) for written in write_nifti(volume_of(data, meta), path)]
