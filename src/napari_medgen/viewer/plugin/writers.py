"""npe2 writers: a layer as NIfTI, PNG or DICOM, with its provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning

from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.orientation import CANONICAL
from napari_medgen.running.progress import drive
from napari_medgen.viewer.layers.owner import KEY, MODALITY
from napari_medgen.viewer.layers.place import UNSURE
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.layers.radiographs import radiograph_of
from napari_medgen.viewer.layers.volumes import volume_of
from napari_medgen.viewer.work.aside import aside


def write_volume(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image or labels layer as NIfTI.

    Raises
    ------
    ImageError
        If the layer is not a grey volume or the file cannot be written.
    """
    meta = adopted(data, meta)
    return _while_the_window_lives(lambda: write_nifti(volume_of(data, meta), path), path)


def _while_the_window_lives(write: Callable[[], Sequence[Path]], path: str) -> list[str]:
    return [str(written) for written in aside(write, f"Writing {Path(path).name}", cancel=False)]


def _write_series(folder: Path, data: Any, meta: dict[str, Any]) -> list[str]:
    from napari_medgen.imaging.series.writing import write_series

    volume = volume_of(data, meta)
    of_ct = meta.get("metadata", {}).get(MODALITY) == "CT"
    return _while_the_window_lives(lambda: drive(write_series(volume, folder, "CT" if of_ct else "MR")), str(folder))


def adopted(data: Any, meta: dict[str, Any]) -> dict[str, Any]:
    """Attributes of a layer that somebody drew over one of ours, with the place of that one.

    napari gives a new layer the scale and place of those below it, and nothing of their metadata: neither a scan's rotation
    nor whether its sides are known. What was drawn is no synthetic image.
    """
    import napari

    viewer = unwrapped(napari.current_viewer())
    if f"{KEY}_affine" in meta.get("metadata", {}) or viewer is None:
        return meta
    for layer in viewer.layers:
        if f"{KEY}_affine" not in layer.metadata or layer.data.shape != np.shape(data):
            continue
        if np.allclose(layer.scale, meta.get("scale", 1)) and np.allclose(layer.translate, meta.get("translate", 0)):
            place = {key: value for key, value in layer.metadata.items() if key.startswith(f"{KEY}_")}
            return meta | {"metadata": meta.get("metadata", {}) | place}
    if tuple(meta.get("axis_labels") or ())[-3:] == CANONICAL and any(
        layer.metadata.get(f"{KEY}_askew") for layer in viewer.layers
    ):
        # Drawn over a part of a scan that lies askew, as it seems: nobody knows where.
        show_warning(f"How {meta.get('name', 'the layer')} lies in the patient is not known, and is saved as unknown.")
        return meta | {"axis_labels": UNSURE}
    return meta


def write_radiograph(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one two-dimensional image layer as PNG or as a DICOM secondary capture, a volume as a DICOM series.

    Of a series, the name that was asked for becomes a folder, without its ending.

    Raises
    ------
    ImageError
        If the layer is not a grey image, or cannot be written.
    """
    if path.lower().endswith(".dcm") and np.ndim(data) == 3 and not meta.get("rgb"):
        return _write_series(Path(path).with_suffix(""), data, adopted(data, meta))
    image = radiograph_of(data, meta)
    if image.identity != "removed":
        known = "says that it holds text" if image.identity == "present" else "does not say whether it holds text"
        show_warning(f"The source of {image.name} {known}: look whether it names a patient before you share it.")
    if path.lower().endswith(".dcm"):
        from napari_medgen.imaging.secondary_capture import keeps_exactly, write_secondary_capture

        if not keeps_exactly(image.pixels):
            show_warning(f"DICOM keeps the grey values of {image.name} in 65,536 steps; NIfTI would keep them as they are.")
        return _while_the_window_lives(lambda: [write_secondary_capture(image, path)], path)
    from napari_medgen.imaging.raster import write_png

    if image.pixels.dtype.kind == "f" or image.pixels.min() < 0 or image.pixels.max() >= 2**16:
        show_warning(f"PNG keeps of {image.name} what its window shows, in 65,536 steps; DICOM keeps its grey values.")
    return _while_the_window_lives(lambda: [write_png(image, path)], path)
