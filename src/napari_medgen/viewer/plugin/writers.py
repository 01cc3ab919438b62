"""npe2 writers: a layer as NIfTI, PNG or DICOM, with its provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from napari_medgen.errors import ImageError
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.orientation import CANONICAL
from napari_medgen.running.progress import drive
from napari_medgen.running.writing import write_all, write_whole
from napari_medgen.viewer.layers.owner import FUTURE, KEY, MODALITY, RADIOGRAPH, SALIENCY, SIDE, UNIT
from napari_medgen.viewer.layers.place import UNSURE
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.layers.radiographs import is_upright, radiograph_of
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


def _write_pictures(folder: Path, data: NDArray[Any], meta: dict[str, Any]) -> list[str]:
    """Frames with months along the first axis as secondary captures of one series."""
    from napari_medgen.imaging.secondary_capture import Picture, capture_series

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ImageError(f"{folder.name} exists and is not an empty folder.")
    if not is_upright(meta):
        raise ImageError("These pictures were turned in the window; set their rotation, shear and affine back first.")
    side = meta["metadata"].get(SIDE, "")
    about = meta["metadata"].get(RADIOGRAPH, {}) | {"laterality": side, "identity": "removed"}
    flat: dict[str, Any] = {
        key: list(meta[key])[-2:] for key in ("scale", "translate", "units", "axis_labels") if meta.get(key) is not None
    }
    flat |= {"name": "predicted", "contrast_limits": meta.get("contrast_limits")}
    flat["metadata"] = meta["metadata"] | {RADIOGRAPH: about}
    step = float(next(iter(meta.get("scale", (1,)))))
    # Not by the layer's name, which somebody may have chosen after a patient.
    pictures = [Picture(radiograph_of(frame, flat), f"predicted, {n * step:g} months") for n, frame in enumerate(data)]

    def write() -> list[Path]:
        contents = capture_series(pictures, "predicted")
        return write_all({folder / f"IM{n:05d}.dcm": one for n, one in enumerate(contents, 1)}, ImageError)

    return _while_the_window_lives(write, str(folder))


def _write_map(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """A saliency map as its numbers."""
    from napari_medgen.imaging.parametric_map import Quantity, parametric_map
    from napari_medgen.running.naming import with_ending

    image = radiograph_of(data, meta)
    unit = str(meta["metadata"].get(UNIT, "standard deviations"))
    quantity = Quantity("Saliency", unit, f"{unit}. It shows what a network looked at, not what is true.")

    def write() -> list[Path]:
        content = parametric_map(image.pixels.astype(np.float32), image, image.provenance, quantity)
        return [write_whole(with_ending(Path(path), (".dcm",)), content, ImageError)]

    return _while_the_window_lives(write, path)


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

    Of a series, the name that was asked for becomes a folder, without its ending. Predicted frames are a series of pictures,
    and a saliency map is a parametric map.

    Raises
    ------
    ImageError
        If the layer is not a grey image, or cannot be written.
    """
    about = meta.get("metadata", {})
    if path.lower().endswith(".dcm") and np.ndim(data) == 3 and FUTURE in about:
        return _write_pictures(Path(path).with_suffix(""), np.asarray(data), meta)
    if path.lower().endswith(".dcm") and np.ndim(data) == 2 and SALIENCY in about:
        return _write_map(path, data, meta)
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
