"""Figures: words, bars and the mark, in pixels and in vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medgen.errors import ImageError
from napari_medgen.imaging.figure import FORMATS, Bar, FigureOptions, Picture, Sheet, nice_length, save_figure


def picture(caption: str = "baseline", mark: str = "", **more: object) -> Picture:
    grey = np.linspace(0, 1, 40 * 30).reshape(40, 30)
    box = (0.0, 30.0, 40.0, 0.0)
    return Picture([Sheet(np.dstack([grey, grey, grey, np.ones_like(grey)]), box)], box, caption, mark, **more)  # type: ignore[arg-type]


BAR = Bar(np.ones((5, 4)), (-0.5, 0.5), "change of brightness")


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_written(tmp_path: Path, ending: str) -> None:
    row = [picture(millimetres=0.5), picture("predicted, $54 months$", "SYNTHETIC", bar=BAR)]
    options = FigureOptions(width=100, dpi=100, about={"images": "SYNTHETIC, not for diagnosis"})
    path = save_figure([row], tmp_path / f"figure{ending}", options)
    content = path.read_bytes()
    if ending == ".svg":
        text = content.decode()
        assert ">SYNTHETIC<" in text  # words stay words
        assert 'href="http' not in text.replace("http://www.w3.org", "").replace("http://purl.org", "")
    elif ending == ".pdf":
        assert content.startswith(b"%PDF")
    else:
        with Image.open(path) as image:
            assert image.width == pytest.approx(100 / 25.4 * 100, abs=2)
            assert image.info["dpi"][0] == pytest.approx(100, abs=1)


def test_the_mark_is_in_the_picture_whatever_is_left_out(tmp_path: Path) -> None:
    bare = FigureOptions(captions=False, scale_bar=False, colour_bar=False, dpi=100)
    files = [save_figure([[picture(mark=mark)]], tmp_path / f"{mark or 'none'}.png", bare) for mark in ("", "SYNTHETIC")]
    without, with_mark = (np.asarray(Image.open(path).convert("RGB"), int) for path in files)
    assert without.shape == with_mark.shape
    orange = (np.abs(with_mark - np.array([255, 159, 28])).sum(-1) < 30) & (np.abs(without - with_mark).sum(-1) > 0)
    assert orange.sum() > 50


def test_a_name_without_an_ending_becomes_a_png(tmp_path: Path) -> None:
    assert save_figure([[picture()]], tmp_path / "figure").name == "figure.png"


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no picture on the canvas"):
        save_figure([], tmp_path / "a.png")
    with pytest.raises(ImageError, match="too large"):
        save_figure([[picture()]], tmp_path / "a.png", FigureOptions(width=2000, dpi=1200))
    with pytest.raises(ImageError, match="20 to 2,000 mm"):
        FigureOptions(width=3)
    with pytest.raises(ImageError, match="dots an inch"):
        FigureOptions(dpi=10)


@pytest.mark.parametrize(("most", "length"), [(0.7, 0.5), (1, 1), (3.9, 2), (49, 20), (250, 200)])
def test_lengths_of_scale_bars(most: float, length: float) -> None:
    assert nice_length(most) == pytest.approx(length)
