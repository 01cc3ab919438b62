"""npe2 writers: a layer as NIfTI, PNG or DICOM, with its provenance."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.viewer.layers import volume_of
from napari_medgen.viewer.radiograph_layers import radiograph_of


def write_volume(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image or labels layer as NIfTI.

    Raises
    ------
    ImageError
        If the layer is not a grey volume or the file cannot be written.
    """
    return [str(written) for written in write_nifti(volume_of(data, meta), path)]


def write_radiograph(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one two-dimensional image layer as PNG, or as a DICOM secondary capture.

    Raises
    ------
    ImageError
        If the layer is not a grey image with rows and columns, or the file cannot be written.
    """
    image = radiograph_of(data, meta)
    if image.identity != "removed":
        known = "says that it holds text" if image.identity == "present" else "does not say whether it holds text"
        show_warning(f"The source of {image.name} {known}: look whether it names a patient before you share it.")
    if path.lower().endswith(".dcm"):
        from napari_medgen.imaging.dicom import write_secondary_capture

        return [str(write_secondary_capture(image, path))]
    from napari_medgen.imaging.raster import write_png

    if image.pixels.dtype not in (np.uint8, np.uint16):
        show_warning(f"PNG keeps of {image.name} what its window shows, in 65,536 steps; DICOM keeps its grey values.")

    return [str(write_png(image, path))]
