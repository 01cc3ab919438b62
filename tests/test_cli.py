from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.testing import data_path
from typer.testing import CliRunner

from napari_medgen import __version__, cli
from napari_medgen.errors import MedGenError
from tests_support import write_official

runner = CliRunner()


def invoke(*words: object) -> str:
    result = runner.invoke(cli.app, [str(word) for word in words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture(autouse=True)
def tiny_is_found(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(tiny_model.parent))


def test_samples_are_written_with_their_provenance(tmp_path: Path) -> None:
    out = invoke("sample", "--model", "tiny", "--count", 2, "--steps", 3, "--seed", 7, "--out", tmp_path)
    files = sorted(tmp_path.glob("tiny_seed-*.nii.gz"))
    assert [file.name for file in files] == ["tiny_seed-7.nii.gz", "tiny_seed-8.nii.gz"]
    assert "nearest training volume" in out
    notes = json.loads((tmp_path / "tiny_seed-8.json").read_text())["napari_medgen"]
    assert (notes["seed"], notes["synthetic"], notes["steps"]) == (8, True, 3)
    assert nib.load(files[0]).header.get_zooms() == pytest.approx((2.0, 3.0, 1.5))


def test_conditions_and_blends(tmp_path: Path) -> None:
    words = ("sample", "--model", "tiny", "--steps", 2, "--out", tmp_path)
    invoke(*words, "--condition", "age=50", "--condition", "sex=F", "--guidance", 2)
    assert json.loads((tmp_path / "tiny_seed-0.json").read_text())["napari_medgen"]["condition"]["sex"] == "F"
    invoke(*words, "--towards", 5, "--share", 0.25)
    assert "0.25" in json.loads((tmp_path / "tiny_seed-0.json").read_text())["napari_medgen"]["operation"]
    with pytest.raises(MedGenError, match="NAME=VALUE"):
        invoke(*words, "--condition", "old")


def test_a_saved_sample_is_made_again_by_another_process(tmp_path: Path) -> None:
    words = ("sample", "--model", "tiny", "--steps", 3, "--condition", "age=50", "--condition", "sex=F", "--guidance", 2)
    invoke(*words, "--seed", 9, "--precision", "bfloat16", "--out", tmp_path)
    first = tmp_path / "tiny_seed-9.nii.gz"
    done = run_cli("sample", "--again", first, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert "last digits" not in done.stderr
    assert (tmp_path / "again" / first.name).read_bytes() == first.read_bytes()
    before = first.read_bytes()
    invoke("sample", "--again", first, "--out", tmp_path)  # the file that is made again stays what it is
    assert first.read_bytes() == before
    assert (tmp_path / "tiny_seed-9-2.nii.gz").is_file()
    with pytest.raises(MedGenError, match="no record of a sampled volume"):
        invoke("sample", "--again", Path(data_path) / "anatomical.nii", "--out", tmp_path)


def test_a_real_volume_is_reconstructed(tmp_path: Path) -> None:
    invoke("reconstruct", Path(data_path) / "anatomical.nii", "--model", "tiny", "--out", tmp_path)
    seen, made = (nib.load(tmp_path / f"anatomical_{name}.nii.gz") for name in ("seen", "reconstructed"))
    np.testing.assert_allclose(seen.affine, made.affine)


def test_models_are_listed_shown_and_verified() -> None:
    listed = json.loads(invoke("models", "list", "--json"))
    assert {"tiny", "brain-t1", "hippocampus"} <= {model["name"] for model in listed}
    assert "tiny" in invoke("models", "list")
    assert json.loads(invoke("models", "info", "tiny"))["task"] == "volumes"
    assert "whole" in invoke("models", "verify", "tiny")


def test_official_checkpoints_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = write_official(tmp_path, monkeypatch, timesteps=10)
    words = ("models", "import", first, second, "--out", tmp_path / "mine")
    out = invoke(*words)
    assert "32 x 64 x 64 voxels is assumed" in out
    invoke(*words, "--shape", 8, 16, 16, "--spacing", 2, 1, 1, "--axes", "RSA")
    assert json.loads(invoke("models", "info", tmp_path / "mine"))["architecture"]["axes"] == ["R", "S", "A"]
    with pytest.raises(MedGenError, match="three letters"):
        invoke(*words, "--axes", "SSP")
    with pytest.raises(MedGenError, match="a volume model's two"):
        invoke("models", "import", first, second, second, "--out", tmp_path / "mine")
    with pytest.raises(MedGenError, match="does not name its classes"):
        invoke("models", "import", first, "--out", tmp_path / "mine")


def test_an_evaluation_is_printed_and_kept(tmp_path: Path, tiny_model: Path) -> None:
    data, notes = tmp_path / "data", tmp_path / "notes"
    data.mkdir()
    for index in range(2):
        voxels = np.random.default_rng(index).integers(0, 99, (20, 18, 22)).astype(np.uint8)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), data / f"p{index}.nii")
    (data / "p2.nii").write_bytes(b"no image")
    words = ("evaluate", "volumes", "tiny", "--data", data, "--count", 2, "--pairs", 1, "--steps", 2)
    report = json.loads(invoke(*words, "--json", "--write", "--work", notes))
    assert report["ms_ssim"]["real"]["pairs"] == 1
    assert list(report["unreadable"]) == ["p2"]
    assert "p2" in (notes / "failures.csv").read_text()
    assert "seconds per step" in json.loads((tiny_model / "model.json").read_text())["figures"]
    # The same request takes from the folder what was measured, but for this device's speed.
    again = json.loads(invoke(*words, "--json", "--work", notes))
    assert again.pop("speed").keys() == report.pop("speed").keys()
    assert again == report
    assert "reconstruction PSNR" in invoke(*words, "--work", notes)
    with pytest.raises(MedGenError, match="--work"):
        invoke(*words, "--cluster", "local:2")


def run_cli(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from napari_medgen.cli import main; main()", *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_expected_error_is_one_sentence_and_status_one(tmp_path: Path) -> None:
    done = run_cli("sample", "--model", "nobody", "--out", tmp_path)
    assert done.returncode == 1
    assert "There is no model nobody." in done.stderr
    assert "Traceback" not in done.stderr
    assert run_cli("version").stdout.strip() == __version__


def test_ctrl_c_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    words = ["sample", "--model", "brain-t1", "--sampler", "ancestral", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-u", "-c", "from napari_medgen.cli import main; main()", *words]
    # A test run in the background of a shell inherits that interrupts are ignored.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=heed) as process:
        assert process.stderr is not None
        assert "Brain" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Cancelled" in rest
    assert "Traceback" not in rest
    assert not (tmp_path / "out").exists()
