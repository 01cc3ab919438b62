"""PNG and JPEG: bits, colour, damage, and what comes back from what was written."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph, natural_window
from napari_medgen.imaging.raster import read_raster, write_png


def save(path: Path, pixels: np.ndarray, **more: object) -> Path:
    Image.fromarray(pixels).save(path, **more)
    return path


def test_8_bits_are_shown_from_black_to_white(tmp_path: Path) -> None:
    image = read_radiograph(save(tmp_path / "knee.png", np.array([[0, 51], [102, 255]], np.uint8)))
    assert image.grey().ravel() == pytest.approx([0, 0.2, 0.4, 1])
    assert (image.name, image.notes, image.coloured) == ("knee", (), False)


@pytest.mark.parametrize(("highest", "white"), [(255, 255), (1000, 1023), (4000, 4095), (60000, 65535)])
def test_16_bits_use_the_fewest_bits_that_hold_them(tmp_path: Path, highest: int, white: int) -> None:
    image = read_radiograph(save(tmp_path / "a.png", np.array([[0, highest]], np.uint16)))
    assert image.pixels.max() == highest
    assert image.window == (0, white)


def test_a_grey_picture_in_colour_is_turned_grey_with_a_note(tmp_path: Path, rng: np.random.Generator) -> None:
    grey = rng.integers(0, 255, (40, 30), np.uint8)
    image = read_radiograph(save(tmp_path / "a.png", np.repeat(grey[..., None], 3, 2)))
    assert np.abs(image.pixels.astype(int) - grey).max() <= 1
    assert "turned grey" in image.notes[0]
    assert not image.coloured


def test_true_colour_is_known(tmp_path: Path, rng: np.random.Generator) -> None:
    assert read_radiograph(save(tmp_path / "a.png", rng.integers(0, 255, (40, 30, 3), np.uint8))).coloured


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    made = Provenance(synthetic=True, model="knee-progression", seed=3)
    image = Radiograph(np.arange(12, dtype=np.uint16).reshape(3, 4), (1, 9), (0.2, 0.3), "L", "PA", provenance=made)
    again = read_radiograph(write_png(image, tmp_path / "deep" / "a.png"))
    assert np.array_equal(again.pixels, image.pixels)
    assert (again.window, again.spacing, again.laterality, again.view) == ((1, 9), (0.2, 0.3), "L", "PA")
    assert again.provenance == made


def test_float_pixels_are_written_as_steps_of_the_window(tmp_path: Path) -> None:
    image = Radiograph(np.array([[-5, 0, 0.5, 1, 7]], np.float32), (0, 1))
    again = read_radiograph(write_png(image, tmp_path / "a.png"))
    assert again.grey().ravel() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-4)


def test_cmyk_is_refused_in_one_sentence(tmp_path: Path) -> None:
    Image.new("CMYK", (20, 20)).save(tmp_path / "print.jpg")
    with pytest.raises(ImageError, match="CMYK picture for print"):
        read_raster(tmp_path / "print.jpg")


def test_truncated_files_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    for suffix in (".png", ".jpg"):
        whole = save(tmp_path / f"a{suffix}", rng.integers(0, 255, (90, 90), np.uint8))
        half = tmp_path / f"half{suffix}"
        half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises(ImageError, match="damaged or ends too early"):
            read_raster(half)


def test_other_files_and_missing_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ImageError, match="not a PNG or JPEG"):
        read_raster(tmp_path / "a.png")
    with pytest.raises(ImageError, match="does not exist"):
        read_raster(tmp_path / "b.png")
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(ImageError, match="not a PNG, JPEG or DICOM"):
        read_radiograph(tmp_path / "a.txt")


def test_pixels_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ImageError, match="not finite numbers"):
        Radiograph(np.array([[1, np.nan]], np.float32), (0, 1))


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 2), np.uint8), np.zeros((0, 4), np.uint8)])
def test_other_shapes_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match="rows and columns"):
        Radiograph(pixels, (0, 1))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ImageError, match="window must rise"):
        Radiograph(np.zeros((2, 2), np.uint8), (3, 3))


def test_the_natural_window_is_never_empty() -> None:
    assert natural_window(np.full((2, 2), 7.5, np.float32)) == (7.5, 8.5)
    assert natural_window(np.array([[0.1, 0.9]], np.float32)) == (0, 1)
    assert natural_window(np.array([[-100, 900]], np.int16)) == (-100, 900)


@pytest.mark.parametrize(
    "change",
    [{"window": [5, 5]}, {"window": ["a", 1]}, {"window": 3}, {"laterality": "X"}, {"spacing": [0, 1]}, {"view": 7}],
    ids=str,
)
def test_notes_that_another_program_changed_are_passed_over(tmp_path: Path, change: dict[str, object]) -> None:
    notes = {"provenance": {}, "window": [0, 9], "spacing": None, "laterality": "", "view": ""} | change
    text = PngImagePlugin.PngInfo()
    text.add_text("napari-medgen", json.dumps(notes))
    image = read_radiograph(save(tmp_path / "a.png", np.array([[0, 200]], np.uint8), pnginfo=text))
    assert image.window == (0, 255)
    assert (image.laterality, image.spacing) == ("", None)


def test_a_colour_picture_takes_little_more_than_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 2000, 3)).astype(np.uint8)
    path = save(tmp_path / "a.png", pixels)
    tracemalloc.start()
    try:
        image = read_raster(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.coloured
    np.testing.assert_allclose(image.pixels, np.rint(pixels @ np.array([0.299, 0.587, 0.114])), atol=1)
    assert most < 6 * image.pixels.size  # whole, it took thirty bytes a pixel


def test_the_limit_counts_what_a_picture_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", np.zeros((1000, 1000, 3), np.uint8))
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_IMAGE", "0.005")
    with pytest.raises(ImageError, match=r"asks for 6.0 MB of memory; 5.0 MB are allowed"):
        read_raster(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_turned_back(tmp_path: Path, orientation: int) -> None:
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) * 5)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(read_raster(tmp_path / "a.png").pixels, expected)


def deep_png(path: Path, pixels: np.ndarray) -> Path:
    """A PNG of 16 bits with one to four channels, which Pillow does not write."""
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [12, 16])
def test_sixteen_bits_of_colour_or_transparency_are_as_those_of_grey(tmp_path: Path, channels: int, bits: int) -> None:
    grey = np.random.default_rng(0).integers(0, 2**bits, (30, 41)).astype(np.uint16)
    pixels = np.repeat(grey[..., None], channels, 2)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    image = read_raster(deep_png(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(image.pixels, grey)
    assert image.window == (0.0, 2.0**bits - 1)
    assert not image.coloured


def test_sixteen_bits_of_true_colour(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (30, 41, 3)).astype(np.uint16)
    image = read_raster(deep_png(tmp_path / "a.png", pixels))
    np.testing.assert_allclose(image.pixels, pixels @ np.array([0.299, 0.587, 0.114]), atol=0.6)
    assert image.coloured


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20))
    picture.save(tmp_path / "a.jpg", dpi=(2, 1))
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    content[13] = 0  # the density's unit: none, only the ratio counts
    (tmp_path / "a.jpg").write_bytes(content)
    assert read_raster(tmp_path / "a.jpg").aspect == pytest.approx(2.0)
