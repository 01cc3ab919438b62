"""Wrong calls end in one sentence and exit status 1 or 2, and write nothing by halves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medgen import cli
from napari_medgen.errors import MedGenError


@pytest.fixture
def knee(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "knee.png")
    return tmp_path / "knee.png"


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit status and what was said, of a call as the console makes it."""
    monkeypatch.setattr(sys, "argv", ["napari-medgen", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.err


@pytest.mark.parametrize(
    "words",
    [
        ["sample", "--out", "{}", "--towards", "99999999999999999999"],
        ["sample", "--out", "{}", "--towards", "-1"],
        ["sample", "--out", "{}", "--towards", "1", "--share", "2"],
        ["sample", "--out", "{}", "--share", "nan"],
        ["sample", "--out", "{}", "--seed", "-1"],
        ["sample", "--out", "{}", "--seed", str(2**63 - 1), "--count", "2"],
        ["sample", "--out", "{}", "--steps", "0"],
        ["sample", "--out", "{}", "--steps", "many"],
        ["extrapolate", "{}/knee.png", "--out", "{}", "--months", "nan"],
        ["extrapolate", "{}/knee.png", "--out", "{}", "--months", "inf"],
        ["extrapolate", "{}/knee.png", "--out", "{}", "--months", "1e12"],
        ["extrapolate", "{}/knee.png", "--out", "{}", "--months", ",".join(map(str, range(5000)))],
        ["extrapolate", "{}/knee.png", "--out", "{}", "--months", "soon"],
        ["train", "{}", "--data", "{}"],
        ["train", "", "--data", "{}"],
        ["train", "brain-t1", "--data", "{}/absent"],
        ["train", "brain-t1", "--data", "{}", "--set", "name.x=1"],
        ["train", "brain-t1", "--data", "{}", "--set", "autoencoder=3"],
        ["train", "brain-t1", "--data", "{}", "--set", "task=[1]"],
        ["train", "brain-t1", "--data", "{}/knee.png"],
        ["prepare", "brain-t1", "--data", "{}", "--out", "{}/brains.zip"],
        ["prepare", "knee-progression", "--data", "{}", "--out", "{}/knees.npz"],
        ["prepare", "knee-kl", "--data", "{}", "--out", "{}/knees.npz"],
        ["prepare", "knee-kl", "--data", "{}", "--out", "{}/knees.npz", "--set", "training=sideways"],
        ["models", "import", "{}/knee.png", "--out", "{}/m", "--labels", "a"],
        ["models", "import", "{}", "--out", "{}/m", "--labels", "a"],
        ["models", "import", "{}/absent.pkl", "--out", "{}/m"],
        ["models", "import", "{}/absent.pkl", "--out", "{}/m", "--name", "a b"],
        ["models", "import", "{}/absent.pth", "--out", "{}/m", "--labels", "a", "--name", "-x"],
        ["explain", "{}/absent.png", "--out", "{}"],
        ["explain", "{}", "--out", "{}"],
        ["explain", "{}/knee.png", "--out", "{}", "--class", "nothing"],
        ["cohort", "info", "{}"],
        ["cohort", "labels", "{}", "--out", "{}/labels.csv"],
        ["nonsense"],
        ["sample"],
    ],
)
def test_a_wrong_call_is_one_sentence(
    words: list[str], knee: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, said = call(monkeypatch, capsys, *(word.format(tmp_path) for word in words))
    assert status in (1, 2)
    assert said.strip()
    assert "Traceback" not in said
    assert "nobody expected" not in said
    assert not (tmp_path / "m").exists()


def test_places_that_cannot_be_written_are_sentences(
    tmp_path: Path, knee: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    monkeypatch.chdir(tmp_path)
    names = [f"9{i:06d}_1_{year}0304_l.png" for i in range(2) for year in (2004, 2008)]
    (tmp_path / "images").mkdir()
    for name in names:
        (tmp_path / "images" / name).write_bytes(knee.read_bytes())
    for words in (
        ["analyse", "randomisation", knee, "--model", "knee-kl", "--out", tmp_path / "file" / "x"],
        ["train", "knee-kl", "--data", tmp_path / "images", "--work", tmp_path / "file" / "x"],
        ["explain", knee, "--model", "knee-kl", "--out", tmp_path / "file" / "x"],
    ):
        status, said = call(monkeypatch, capsys, *words)
        assert status == 1, words
        assert "nobody expected" not in said, words
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_what_nobody_expected_is_a_sentence_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr(cli, "app", broken)
    status, said = call(monkeypatch, capsys, "sample")
    assert status == 1
    assert " ".join(said.split()).startswith("Something went wrong that nobody expected (KeyError); add --debug")
    monkeypatch.setattr(sys, "argv", ["napari-medgen", "sample", "--debug"])
    with pytest.raises(KeyError):
        cli.main()

    def expected(*_: object, **__: object) -> None:
        raise MedGenError("One sentence.")

    monkeypatch.setattr(cli, "app", expected)
    with pytest.raises(MedGenError):
        cli.main()


def test_a_reader_of_the_output_may_leave(tmp_path: Path) -> None:
    command = f"{sys.executable} -m napari_medgen models list | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
