"""Compressed pixels are decoded where a crash, a hang and a bomb cost one sentence."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from napari_medgen.errors import ImageError
from napari_medgen.imaging import decoding
from napari_medgen.imaging.decoding import DECODING, DecodingProcess, NoDecoderError
from napari_medgen.imaging.dicom import read_dicom

COMPRESSED = [
    "JPEG2000.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_RLE.dcm",
    "JPGExtended.dcm",
]


def compressed(name: str) -> Path:
    path = get_testdata_file(name)
    if path is None:
        pytest.skip(f"pydicom ships no {name} here.")
    return Path(str(path))


@pytest.mark.parametrize("name", COMPRESSED)
def test_another_process_gives_the_pixels_that_this_one_would(name: str) -> None:
    path = compressed(name)
    try:
        expected = pydicom.dcmread(path).pixel_array
    except Exception:
        pytest.skip("No decoder reads it here.")
    found = DECODING.decode(path, expected.nbytes)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_a_process_that_dies_costs_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    process, path = DecodingProcess(), compressed("MR_small_jp2klossless.dcm")
    first = process.decode(path, 8192)
    running = process._process
    assert running is not None
    os.kill(running.pid, signal.SIGSEGV if sys.platform != "win32" else signal.SIGTERM)
    running.wait()
    np.testing.assert_array_equal(process.decode(path, 8192), first)
    process.close()


def test_a_decoder_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_SECONDS", 0.0)
    monkeypatch.setattr(decoding, "_SECONDS_A_MEGABYTE", 0.0)
    process, begun = DecodingProcess(), time.perf_counter()
    with pytest.raises(ImageError, match=r"MR_small_jp2klossless\.dcm was given up: .* within 0 seconds"):
        process.decode(compressed("MR_small_jp2klossless.dcm"), 8192)
    assert time.perf_counter() - begun < 60
    process.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Only here a process can be given a limit of memory.")
def test_pixels_that_ask_for_more_than_the_header_promises_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes of a code stream say how many pixels there are: here 60,000 in each direction, in an image of 64 x 64."""
    content = compressed("MR_small_jp2klossless.dcm").read_bytes()
    place = (
        content.index(b"\xff\x51") + 4
    )  # the marker of sizes: capabilities, width, height, offsets, tile's width and height
    sides = (60_000).to_bytes(4, "big") * 2
    swollen = bytearray(content)
    swollen[place + 2 : place + 10] = sides
    swollen[place + 18 : place + 26] = sides
    (tmp_path / "a.dcm").write_bytes(bytes(swollen))
    with pytest.raises(ImageError, match=r"a\.dcm is damaged"):
        read_dicom(tmp_path / "a.dcm")


def test_a_way_of_compression_without_a_decoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise NoDecoderError

    monkeypatch.setattr(DECODING, "decode", none)
    with pytest.raises(ImageError, match=r"compressed as .*for which no decoder is here: pip install"):
        read_dicom(compressed("MR_small_jp2klossless.dcm"))


def test_mutated_streams_end_in_pixels_or_a_sentence(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in COMPRESSED:
        content = compressed(name).read_bytes()
        for trial in range(6):
            changed = bytearray(content)
            for place in random.integers(len(content) // 2, len(content), 4):
                changed[place] = random.integers(256)
            path = tmp_path / f"{trial}.dcm"
            path.write_bytes(bytes(changed))
            try:
                read_dicom(path)
            except ImageError as error:
                assert str(error).startswith(path.name)


def test_an_interrupted_decoding_leaves_no_answer_for_the_next_file(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Path(str(get_testdata_file(name))) for name in ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"))
    process = DecodingProcess()
    expected = process.decode(second, 8192)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_pixels", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.decode(first, 8192)
    np.testing.assert_array_equal(process.decode(second, 8192), expected)
    process.close()


@pytest.mark.parametrize("program", ["/bin/false", "/bin/echo"])
def test_a_program_that_is_no_python_is_said_so(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path(program).exists():
        pytest.skip("There is no such program here.")
    monkeypatch.setattr("sys.executable", program)
    with pytest.raises(ImageError, match="the process that decodes them does not start"):
        DecodingProcess().decode(Path("a.dcm"), 1)
