"""A map as files: overlay, raw values, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin
from torch import Tensor

from napari_medgen.errors import ImageError
from napari_medgen.imaging.parametric_map import Quantity, parametric_map
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import png_bytes
from napari_medgen.imaging.secondary_capture import Picture, capture_series
from napari_medgen.running.naming import plain, unused
from napari_medgen.running.writing import json_bytes, write_all, write_whole
from napari_medgen.saliency.attribution import published_normalisation
from napari_medgen.saliency.colours import paint
from napari_medgen.saliency.maps import SaliencyMap

_NOTICE = "Not for diagnosis."


def export_map(
    image: Radiograph, found: SaliencyMap, folder: Path, *, signed: bool = True, dicom: bool = False
) -> list[Path]:
    """Write a map.

    Parameters
    ----------
    folder
        Gets ``<image>_<model>_<class>.png`` (image and overlay side by side), ``.npy`` (float32 on the image's pixels, in
        logits for each unit of grey) and ``.json``, with a number where such files are there already.
    dicom
        Also as DICOM: ``.dcm``, the overlay as a secondary capture in colour, and ``_map.dcm``, the values as a
        parametric map.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ImageError
        If the folder cannot be written.
    """
    endings = (".png", ".npy", ".json", *((".dcm", "_map.dcm") if dicom else ()))
    stem = unused(folder, plain(f"{image.name}_{found.provenance.model}_{found.label}"), endings)
    paths = [folder / f"{stem}{ending}" for ending in endings]
    raw = BytesIO()
    np.save(raw, found.values * np.float32(found.limit))
    contents = [map_png(image, found, signed), raw.getvalue(), json_bytes(describe(image, found))]
    if dicom:
        contents += _as_dicom(image, found, signed)
    return write_all(dict(zip(paths, contents, strict=True)), ImageError)


def _as_dicom(image: Radiograph, found: SaliencyMap, signed: bool) -> list[bytes]:
    """The overlay and the values, as the contents of files."""
    what = f"Saliency of {found.label}"
    over = paint(image.grey(), found.values, signed=signed and found.signed)
    # The overlay shows the image's own pixels, and with them whatever may stand in those.
    picture = Picture(replace(image, provenance=found.provenance), f"{what}. {_NOTICE}", over)
    explanation = (
        f"How much the score of {found.label} depends on each grey value ({found.request.method}). It "
        "shows what the network "
        f"looked at, not what is true."
    )
    quantity = Quantity(what, "logits for each unit of grey", explanation)
    values = found.values * np.float32(found.limit)
    return [*capture_series([picture], what), parametric_map(values, image, found.provenance, quantity)]


def export_published(gradient: Tensor, beside: Path) -> Path:
    """Write a gradient (1, channels, H, W) as the official code shows it, beside a map's picture; the file written.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    shown = published_normalisation(gradient)[0].mean(0).cpu().numpy()
    path = beside.with_name(f"{beside.stem}_published.png")
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", _NOTICE)
    return write_whole(path, png_bytes(Image.fromarray(np.rint(shown * 255).astype(np.uint8)), text), ImageError)


def describe(image: Radiograph, found: SaliencyMap) -> dict[str, Any]:
    """What a map is of, for JSON: nothing in it identifies a patient, the image's file name neither."""
    return {
        "notice": _NOTICE,
        "image": image.origin_name,
        "image_shape": image.shape,
        "image_spacing_mm": image.spacing,
        "class": found.label,
        "probabilities": found.answer.probabilities,
        "method": found.request.method,
        "batch_norm": found.request.domain,
        "clip_sd": found.request.clip,
        "limit": found.limit,
        "unit": "logits for each unit of grey, of an image in 0 to 1",
        "seen": {
            "first_row, first_column, end_row, end_column": found.view.box,
            "size": found.view.size,
            "mirrored": found.view.mirrored,
        },
        "warnings": [*image.notes, *found.warnings],
        "provenance": found.provenance.model_dump(exclude_none=True),
    }


def map_png(image: Radiograph, found: SaliencyMap, signed: bool = True) -> bytes:
    """An image and, beside it, the map over it, as the content of a PNG file."""
    grey = image.grey()
    plain = np.repeat(np.rint(grey * 255).astype(np.uint8)[..., None], 3, 2)
    pixels = np.concatenate([plain, paint(grey, found.values, signed=signed and found.signed)], 1)
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", f"{found.provenance.summary}; {_NOTICE}")
    text.add_text("Comment", "; ".join(found.warnings))
    return png_bytes(Image.fromarray(pixels), text)
