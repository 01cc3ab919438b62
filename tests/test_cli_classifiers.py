"""The commands of system 3, run as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from napari_medgen.cli import app
from napari_medgen.errors import MedGenError
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png
from saliency_support import RECIPE, load, write_classifier, write_images

# The command line's own colours and widths would be in the way.
RUN = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})


def run(*arguments: object) -> Result:
    return RUN.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write_png(Radiograph(rng.integers(0, 255, (60, 50)).astype(np.uint8), (0, 255), name="knee"), tmp_path / "knee")


def test_explain_writes_overlay_raw_map_and_json(tmp_path: Path, image: Path) -> None:
    model = write_classifier(tmp_path / "tiny")
    done = run("explain", image, "--model", model, "--class", "much", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "tiny: much" in done.output
    about = json.loads((tmp_path / "out" / "knee_tiny_much.json").read_text())
    raw = np.load(tmp_path / "out" / "knee_tiny_much.npy")
    assert raw.shape == (60, 50)
    assert np.abs(raw).max() <= about["limit"] * 1.0001
    assert about["class"] == "much"
    assert about["provenance"]["model"] == "tiny"
    assert sum(about["probabilities"].values()) == pytest.approx(1)
    assert (tmp_path / "out" / "knee_tiny_much.png").is_file()


def test_two_images_that_are_called_alike_and_the_published_picture(tmp_path: Path, image: Path) -> None:
    model = write_classifier(tmp_path / "tiny")
    words = ("explain", image, "--model", model, "--class", "much", "--out", tmp_path / "out")
    assert run(*words).exit_code == 0
    done = run(*words, "--published")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"knee_tiny_much.json", "knee_tiny_much-2.json", "knee_tiny_much-2_published.png"} <= names
    for path in (tmp_path / "out").iterdir():
        assert b'"knee"' not in path.read_bytes()


def test_a_users_own_table_is_evaluated_and_what_nobody_knows_is_counted(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", train=4, test=12)
    model = write_classifier(tmp_path / "tiny", labels=("spot", "other"), exclusive=False)
    images = sorted((data / "test").glob("*/*.png"))
    rows = ["file,who,spot,other"]
    for number, path in enumerate(images):
        spot = "" if number in (3, 4) else int(path.parent.name == "spot")
        rows.append(f"{path.relative_to(data)},p{number // 2},{spot},{'' if number == 3 else number % 2}")
    (data / "mine.csv").write_text("\n".join(rows))
    words = ("evaluate", "classifier", model, "--data", data, "--table", "mine.csv", "--image-column", "file")
    more = ("--subject-column", "who", "--epsilon", "0.01", "--attacked", "4", "--redraws", "100", "--json")
    done = run(*words, *more)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert (report["images"], report["patients"]) == (11, 6)
    assert report["left_out"] == {"no label": 1, "spot": 1}
    absent = run(*words, *more, "--blank", "absent")
    assert json.loads(absent.stdout[absent.stdout.index("{") :])["left_out"] == {}


def test_explain_refuses_what_the_model_was_not_trained_for_unless_forced(tmp_path: Path) -> None:
    model = write_classifier(tmp_path / "tiny")
    black = write_png(Radiograph(np.zeros((64, 64), np.uint8), (0, 255)), tmp_path / "black")
    done = run("explain", black, "--model", model, "--out", tmp_path / "out")
    assert isinstance(done.exception, MedGenError)
    assert "one grey value throughout" in str(done.exception)
    assert not (tmp_path / "out").exists()
    assert run("explain", black, "--model", model, "--out", tmp_path / "out", "--force").exit_code == 0


def test_explain_makes_a_volume_of_maps_of_a_volume(tmp_path: Path, rng: np.random.Generator) -> None:
    model = write_classifier(tmp_path / "tiny")
    voxels = rng.normal(size=(16, 18, 3)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1, 1, 2, 1])), tmp_path / "head.nii.gz")
    done = run("explain", tmp_path / "head.nii.gz", "--model", model, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = nibabel.load(tmp_path / "out" / "head_tiny_saliency.nii.gz")
    assert found.shape == voxels.shape
    assert np.allclose(found.affine, np.diag([1, 1, 2, 1]))


def test_train_evaluate_and_analyse(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", train=40)
    recipe = tmp_path / "spots.toml"
    recipe.write_text(RECIPE)
    model = tmp_path / "spots"
    trained = run(
        "train", recipe, "--data", data, "--work", tmp_path / "work", "--out", model, "--set", "optimiser.epochs=1"
    )
    assert trained.exit_code == 0, trained.output
    assert run("models", "verify", model).exit_code == 0
    common = ("--epsilon", "0.01", "--attacked", "4", "--redraws", "100")
    done = run("evaluate", "classifier", model, "--data", data, *common, "--json", "--write")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert report["training"] == "dual"
    assert "AUC spot" in load(model).folder.card.figures
    out = tmp_path / "out"
    for arguments in (
        ("robustness", model, "--data", data, "--epsilon", "0", "--epsilon", "0.01", "--images", "4", "--redraws", "100"),
        ("layers", model, model, "--data", data, "--domains", "0", "1", "--images", "6"),
        ("loss-surface", model, "--data", data, "--points", "4"),
        ("randomisation", next(data.glob("test/spot/*.png")), "--model", model),
    ):
        done = run("analyse", *arguments, "--out", out)
        assert done.exit_code == 0, done.output
    assert {path.suffix for path in out.iterdir()} == {".png", ".json"}
    assert len(list(out.iterdir())) == 8


def test_import_asks_for_labels(tmp_path: Path) -> None:
    model = write_classifier(tmp_path / "tiny", domains=1)
    torch.save(load(model).network.state_dict(), tmp_path / "a.pth")
    done = run("models", "import", tmp_path / "a.pth", "--out", tmp_path / "b")
    assert "does not name its classes" in str(done.exception)
    done = run("models", "import", tmp_path / "a.pth", "--out", tmp_path / "b", "--labels", "x, y,z", "--size", "32")
    assert done.exit_code == 0, done.output
    assert load(tmp_path / "b").architecture.labels == ("x", "y", "z")


def test_variants_need_a_folder_for_each_family(tmp_path: Path) -> None:
    assert "no family of classifiers nothing" in str(run("evaluate", "variants", "nothing", "--data", tmp_path).exception)
    assert "Name at least one family" in str(run("evaluate", "variants").exception)
    assert "no folder for a" in str(run("evaluate", "variants", "a", "b", "--data", "b=x").exception)
