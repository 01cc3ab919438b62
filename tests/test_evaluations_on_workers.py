"""An evaluation says the same wherever its images are looked at, names what it cannot read, and is gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_medgen.cli import app
from napari_medgen.models.folder import open_folder
from napari_medgen.models.kept import Kept
from napari_medgen.running.gathering import Gathering, gather
from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement, Shard
from napari_medgen.running.workers import held
from napari_medgen.saliency.evaluation.variants import compare_variants, family_members
from napari_medgen.volumes.evaluation.pieces import Compares, Prepares, Reconstructs, Samples
from napari_medgen.volumes.many import open_generator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.dataset import find_cases
from napari_medgen.volumes.training.recipe import DataRecipe
from progression_support import three_visit_cohort, write_visits
from progression_support import write_model as write_progression
from saliency_support import RECIPE, write_images
from tests_support import write_tiny_model

RUN = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})
HERE, THERE = ("--threads", "1"), ("--threads", "1", "--cluster", "local:1")


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """One worker for all commands of this module, which start their own otherwise."""
    with held(Placement("local:1", 1)):
        yield


def run(*words: object) -> tuple[str, str]:
    done = RUN.invoke(app, [str(word) for word in words])
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


def report(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json")[0])
    return found


def test_a_classifier_s_evaluation(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", train=40)
    (tmp_path / "spots.toml").write_text(RECIPE)
    model = tmp_path / "spots"
    changes = ("training=standard", "optimiser.epochs=1")
    options = [word for change in changes for word in ("--set", change)]
    run("train", tmp_path / "spots.toml", "--data", data, "--work", tmp_path / "work", "--out", model, *options)
    broken = sorted((data / "test" / "spot").glob("*.png"))[3]
    broken.write_bytes(broken.read_bytes()[:100])
    words = ("evaluate", "classifier", model, "--data", data, "--epsilon", "0.01", "--attacked", "6", "--redraws", "100")
    here = report(*words, *HERE)
    assert here["images"] == 19
    assert list(here["unreadable"]) == [broken.name]
    assert here["batch_norms"]["only"]["maps"]["images"] == 9
    assert report(*words, *THERE) == here

    notes = tmp_path / "notes"
    out, said = run(*words, *HERE, "--work", notes, "--json")
    assert json.loads(out) == here
    assert "1 could not be used" in said
    assert broken.name in (notes / "failures.csv").read_text()
    kept = {path: path.stat().st_size for path in notes.glob("*.jsonl")}
    assert len(kept) == 3  # looked at, maps, attack
    assert report(*words, *HERE, "--work", notes) == here
    assert all(path.stat().st_size <= size + 2 for path, size in kept.items())  # nothing was computed again

    # What failed is tried again, and a mask that changed is another.
    whole = next(path for path in (data / "test" / "spot").glob("*.png") if path != broken)
    broken.write_bytes(whole.read_bytes())
    masks = sorted((data / "masks" / "test" / "spot").glob("*.png"))
    masks[0].write_bytes(b"no mask")
    Image.fromarray(np.full((48, 48), 255, np.uint8)).save(masks[1])
    again = report(*words, *HERE, "--work", notes)
    assert again["images"] == 20
    assert list(again["unreadable"]) == [masks[0].name]
    scores = again["batch_norms"]["only"]["maps"]
    assert scores["images"] == 9
    assert scores["chance"] > here["batch_norms"]["only"]["maps"]["chance"]

    broken.write_bytes(b"no image")
    curve = ("analyse", "robustness", model, "--data", data, "--epsilon", "0.01", "--images", "40", "--redraws", "100")
    for place in (HERE, THERE):
        assert broken.name in run(*curve, *place, "--out", tmp_path / place[-1])[1]
    numbers = [(tmp_path / place[-1] / "robustness.json").read_text() for place in (HERE, THERE)]
    assert numbers[0] == numbers[1]


def test_variants_are_measured_on_the_images_that_all_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came back after the first model was asked is counted for none."""
    data, models = write_images(tmp_path / "data", train=40), tmp_path / "models"
    (tmp_path / "spots.toml").write_text(RECIPE)
    for way in ("standard", "dual"):
        out = models / ("spots" if way == "dual" else "spots-standard")
        changes = ("--set", f"training={way}", "--set", "optimiser.epochs=1")
        run("train", tmp_path / "spots.toml", "--data", data, "--work", tmp_path / way, "--out", out, *changes)
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", str(models))
    flaky = sorted((data / "test" / "spot").glob("*.png"))[0]
    content = flaky.read_bytes()
    flaky.write_bytes(b"no image")
    steps = compare_variants(family_members("spots"), data, "cpu", attacked_images=8, redraws=100)
    next(steps)
    while "1 to" in next(steps).message:  # the first model's only batch
        pass
    flaky.write_bytes(content)
    table = drive(steps)
    assert table.images == 19
    assert list(table.unreadable) == [flaky.name]


def test_a_progression_model_s_evaluation(tmp_path: Path) -> None:
    images, model = write_visits(tmp_path / "images", patients=2), tmp_path / "tiny"
    write_progression(model, three_visit_cohort(first=100))
    rows = [f"{path.name},{number % 3}" for number, path in enumerate(sorted(images.iterdir()))]
    (tmp_path / "visits.csv").write_text("\n".join(["image,grade", *rows]) + "\n")
    cohort = ("--cohort", tmp_path / "cohort")
    options = ("--table", tmp_path / "visits.csv", "--projection", "encoder", "--model", model)
    run("cohort", "build", images, "--out", tmp_path / "cohort", *options)
    words = ("evaluate", "progression", model, *cohort, "--neighbours", 2)
    sorted(images.iterdir())[0].write_bytes(b"no image any more")
    here = report(*words, *HERE)
    assert here["knees"] == 3
    assert len(here["unreadable"]) == 1
    assert report(*words, *THERE, "--work", tmp_path / "notes") == here
    assert report(*words, *HERE, "--work", tmp_path / "notes") == here


def test_the_pieces_of_a_volume_model_s_evaluation(tmp_path: Path) -> None:
    opens = Kept.of(open_generator, open_folder(write_tiny_model(tmp_path / "tiny")))
    recipe = DataRecipe(shape=(16, 16, 32), spacing=(2.0, 3.0, 1.5), centre="foreground", validation=0)
    voxels = np.random.default_rng(0).integers(0, 99, (20, 18, 22)).astype(np.uint8)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "p.nii")
    case = find_cases(recipe, (), tmp_path)[0]
    requests = [Shard(f"seed {seed}", SampleRequest(seed, steps=2)) for seed in (3, 4)]
    made = []
    for place in (Placement(threads=1), Placement("local:1", 1)):
        gathering, folder = Gathering(place), tmp_path / (place.cluster or "here")
        folder.mkdir()
        samples = drive(gather(Samples(opens, folder), requests, gathering, [], "Sampling"))
        prepares = Prepares(recipe, ("S", "P", "L"), folder)
        real = drive(gather(prepares, [Shard("p", (0, case, "stamp"))], gathering, [], "Preparing"))
        volumes = [np.load(one["file"]) for one in (*samples, *real)]
        scores = drive(gather(Reconstructs(opens, recipe), [Shard("p", (case, 0))], gathering, [], "Reconstructing"))
        pair = [(samples[0]["file"], real[0]["file"])]
        alike = drive(gather(Compares(), [Shard("pair", pair)], gathering, [], "Comparing"))
        made.append([volumes, scores, alike, [one["nearest"] for one in samples]])
    assert made[0][1:] == made[1][1:]
    for here, there in zip(made[0][0], made[1][0], strict=True):
        np.testing.assert_array_equal(here, there)
