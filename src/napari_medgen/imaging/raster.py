"""PNG and JPEG as radiographs."""

from __future__ import annotations

import json
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from pydantic import ValidationError

from napari_medgen.errors import ImageError
from napari_medgen.imaging.opening import opened_image
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph, natural_window
from napari_medgen.running.limits import require_image_bytes
from napari_medgen.running.naming import with_ending
from napari_medgen.running.writing import write_whole
from napari_medgen.validity import finite, parse_json, spacing, window

SUFFIXES = (".png", ".jpg", ".jpeg")
_KEY = "napari-medgen"
_ORIENTATION, _ON_ITS_SIDE = 0x0112, "napari-medgen lay on its side"
# ITU-R BT.601, as JPEG itself.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Channels of a grey JPEG that was stored in colour differ by a few steps.
_COLOUR = 24
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}  # a pixel in Pillow's memory; all other modes take 4
_GREY_BYTES = 2
_TURNED_GREY, _OPAQUE = "The picture was stored in colour and has been turned grey.", 255
# How to read the low bytes of what Pillow would cut to 8 bits, by how it reads the high ones.
_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}
_STRIP = 2**20  # pixels that are turned grey at a time; whole, a picture would take ten times its bytes


def read_raster(path: str | Path) -> Radiograph:
    """Read a PNG or JPEG file, 8 or 16 bits, grey or colour.

    Raises
    ------
    ImageError
        If the file is missing, damaged, truncated, of another kind, too large, or CMYK.
    """
    path = Path(path)
    with (
        opened_image(path, "a PNG or JPEG file", foreign=(UnidentifiedImageError,)),
        _OWN_LIMIT,
        Image.open(path, formats=("PNG", "JPEG")) as picture,
    ):
        deep = _LOW_BYTES.get(_layout(picture))
        # What Pillow holds, and the grey values that are made of it.
        held = 8 if deep else _BYTES.get(picture.mode, 4)
        require_image_bytes(picture.width * picture.height * (held + _GREY_BYTES), path.name)
        low = _low_bytes(path, deep) if deep else None
        whole = deep == "RGBA"
        picture.load()
        picture.info[_ON_ITS_SIDE] = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        ImageOps.exif_transpose(picture, in_place=True)
        return _radiograph(picture, low, whole, path)


def _aspect(picture: Image.Image) -> float:
    """Height of a pixel over its width, where the file says so much of its size and no more."""
    dots = picture.info.get("aspect") or (picture.info.get("jfif_density") if picture.info.get("jfif_unit") == 0 else None)
    # Dots along a line and along a column.
    ratio = finite(dots[0] / dots[1]) if dots and dots[1] else None
    if ratio is None or not 0.05 < ratio < 20:
        return 1.0
    return 1 / ratio if picture.info.get(_ON_ITS_SIDE) else ratio


def _layout(picture: Image.Image) -> str:
    """How Pillow reads the bytes of a PNG, in its own words; empty for others."""
    tiles: list[Any] = getattr(picture, "tile", [])
    return str(tiles[0].args) if picture.format == "PNG" and len(tiles) == 1 else ""


def _low_bytes(path: Path, layout: str) -> Image.Image:
    """The bytes that Pillow drops of 16 bits of colour or of grey with transparency: the file read once more, otherwise.

    Of grey with transparency all four bytes of a pixel come, as if they were colours.
    """
    with Image.open(path, formats=("PNG",)) as again:
        again.tile = [tile._replace(args=layout) for tile in again.tile]
        again.load()
        ImageOps.exif_transpose(again, in_place=True)
        return again.copy()


class _OwnLimit:
    """While a file is open, the settings' limit counts, and not Pillow's, which is for pictures on web pages."""

    def __init__(self) -> None:
        self._lock, self._open, self._pillows = threading.Lock(), 0, Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if not self._open:
                self._pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._open += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                Image.MAX_IMAGE_PIXELS = self._pillows


_OWN_LIMIT = _OwnLimit()


def _radiograph(picture: Image.Image, low: Image.Image | None, whole: bool, path: Path) -> Radiograph:
    if picture.mode in ("CMYK", "YCCK", "LAB"):
        raise ImageError(f"{path.name} is a {picture.mode} picture for print, not a radiograph; save it in grey first.")
    notes: tuple[str, ...] = ()
    coloured = False
    pixels: NDArray[Any]
    if low is not None or picture.mode in ("RGB", "RGBA", "P", "PA", "LA"):
        pixels, coloured = _grey(picture, low, whole)
        notes = () if whole or picture.mode == "LA" else (_TURNED_GREY,)
        if picture.mode in ("RGBA", "LA", "PA") and picture.getchannel("A").getextrema()[0] < _OPAQUE:
            notes = (*notes, "What is transparent in the picture is shown as if it were not.")
    elif picture.mode in ("1", "L"):
        pixels = np.asarray(picture if picture.mode == "L" else picture.convert("L"))
    else:
        pixels = np.asarray(picture)
        if pixels.dtype == np.int32:  # 16-bit PNG in older versions of Pillow
            pixels = pixels.astype(np.uint16)
    kept = _own_notes(picture.info.get(_KEY, ""))
    provenance = kept.pop("provenance", None) or Provenance(software="")
    shown = kept.pop("window", None) or natural_window(pixels)
    kept.setdefault("aspect", _aspect(picture))
    return Radiograph(pixels, shown, coloured=coloured, name=path.stem, notes=notes, provenance=provenance, **kept)


def _grey(picture: Image.Image, low: Image.Image | None, whole: bool) -> tuple[NDArray[Any], bool]:
    """Luminance in 8 bits, or in 16 where there are low bytes; and whether more than a hundredth of it is truly coloured.

    ``whole`` says that the low bytes hold the high ones too, as those of grey with transparency do.
    """
    width, height = picture.size
    pixels, limit = np.empty((height, width), np.uint8 if low is None else np.uint16), _COLOUR * (1 if low is None else 257)
    colourful, rows = 0, max(1, _STRIP // width)
    for top in range(0, height, rows):
        box = (0, top, width, min(top + rows, height))
        rgb: NDArray[Any] = np.asarray(picture.crop(box).convert("RGB"))
        if low is not None:
            rest = np.asarray(low.crop(box)).astype(np.uint16)
            rgb = (rest[..., :1] << 8 | rest[..., 1:2]) if whole else rgb.astype(np.uint16) << 8 | rest[..., :3]
        if (rgb == rgb[..., :1]).all():
            pixels[top : top + rows] = rgb[..., 0]
            continue
        pixels[top : top + rows] = np.rint(rgb.astype(np.float32) @ _LUMA)
        colourful += int(np.count_nonzero(rgb.max(2) - rgb.min(2) > limit))
    return pixels, colourful > 0.01 * width * height


def _own_notes(text: Any) -> dict[str, Any]:
    """What :func:`write_png` left in a file; nothing where it is not one of ours, or was changed by another program."""
    try:
        found = parse_json(text)
        shown, laterality, view = window(found["window"]), found["laterality"], found["view"]
        steps = spacing(found["spacing"], 2) if found.get("spacing") else None
        if shown is None or laterality not in ("", "L", "R", "B") or not isinstance(view, str):
            return {}
        if found.get("spacing") and steps is None:
            return {}
        return {
            "provenance": Provenance.model_validate(found["provenance"]),
            "window": shown,
            "spacing": steps,
            "laterality": laterality,
            "view": view,
            "identity": identity if (identity := found.get("identity")) in ("removed", "present") else "unknown",
            "aspect": ratio if (ratio := finite(found.get("aspect", 1))) and 0.05 < ratio < 20 else 1.0,
        }
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError):
        return {}


def write_png(radiograph: Radiograph, path: str | Path) -> Path:
    """Write a grey PNG, 8 bits where the pixels are, else 16, with provenance, spacing and side in its text.

    Float pixels are stored as 16-bit steps of the window, so what lies outside it is clipped.

    Raises
    ------
    ImageError
        If the file cannot be written.
    """
    return write_whole(with_ending(Path(path), (".png",)), radiograph_png(radiograph), ImageError)


def radiograph_png(radiograph: Radiograph, **more: Any) -> bytes:
    """Content of the file that :func:`write_png` writes; ``more`` goes to Pillow, for example ``compress_level``."""
    pixels, shown = radiograph.pixels, radiograph.window
    if np.issubdtype(pixels.dtype, np.integer) and pixels.min() >= 0 and pixels.max() < 2**16:
        pixels = pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels, shown = np.rint(radiograph.grey() * 65535).astype(np.uint16), (0.0, 65535.0)
    text = PngImagePlugin.PngInfo()
    notes = {
        "provenance": radiograph.provenance.model_dump(exclude_none=True),
        "window": shown,
        "spacing": radiograph.spacing,
        "laterality": radiograph.laterality,
        "view": radiograph.view,
        "identity": radiograph.identity,
        "aspect": radiograph.aspect,
    }
    text.add_text(_KEY, json.dumps(notes))
    text.add_text("Description", radiograph.provenance.summary)
    dots = {"dpi": tuple(25.4 / step for step in reversed(radiograph.spacing))} if radiograph.spacing else {}
    return png_bytes(Image.fromarray(pixels), text, **dots, **more)


def burnt(pixels: NDArray[Any], words: str, window: tuple[float, float] | None = None) -> NDArray[Any]:
    """A picture with words burnt into its lower left corner, on a dark ground.

    Parameters
    ----------
    pixels
        (rows, columns) grey, or (rows, columns, 3) uint8.
    window
        Grey values that are shown black and white; of their kind by default.

    Returns
    -------
    numpy.ndarray
        A copy of the same kind.
    """
    from PIL import ImageDraw, ImageFont

    rows, columns = pixels.shape[:2]
    size = max(min(rows // 18, int(1.6 * columns / max(len(words), 1))), 8)
    font = ImageFont.load_default(size)
    layer = Image.new("L", (columns, rows), 0)
    draw = ImageDraw.Draw(layer)
    left, top, right, bottom = draw.textbbox((size // 2, rows - size // 2), words, font=font, anchor="ld")
    draw.text((size // 2, rows - size // 2), words, fill=255, font=font, anchor="ld")
    letters = np.asarray(layer, np.float32) / 255
    made = np.array(pixels)
    black, white = window or (0.0, 255.0)
    ground = (
        slice(max(int(top) - size // 4, 0), int(bottom) + size // 4),
        slice(max(int(left) - size // 4, 0), int(right) + size // 4),
    )
    made[ground] = np.asarray(black + (made[ground] - black) * 0.25).astype(made.dtype)
    share = letters[..., None] if made.ndim == 3 else letters
    return np.asarray(made + (white - made.astype(np.float32)) * share).astype(made.dtype)


def png_bytes(picture: Image.Image, text: PngImagePlugin.PngInfo | None = None, **more: Any) -> bytes:
    """A picture as the content of a PNG file."""
    content = BytesIO()
    picture.save(content, "PNG", pnginfo=text, **more)
    return content.getvalue()
