"""The evaluation on visits whose follow-up is known, and the commands around it, on the shipped classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from napari_medgen.cli import app
from napari_medgen.errors import CohortError, MedGenError
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.kept import Opened
from napari_medgen.progression.cohort.visits import surrogate, visits_of_grades, visits_of_names
from napari_medgen.progression.cohort_building import BuildRequest, build_cohort
from napari_medgen.progression.evaluation import evaluate_progression, figures
from napari_medgen.progression.knee_measures import Baseline, EvaluationRequest, Judged
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.progress import drive
from progression_support import loaded, picture, three_visit_cohort, write_graded, write_model, write_visits

RUN = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})


def run(*arguments: object) -> Result:
    return RUN.invoke(app, [str(argument) for argument in arguments])


def opened(model: Extrapolator, baseline: Baseline | None = None) -> Opened[Judged]:
    return Opened(Judged(model, baseline), "tiny")


class Supervised:
    """Says that every knee is a fast progressor in proportion to its brightness."""

    name = "supervised"

    def risk(self, image: Radiograph) -> float:
        return float(image.grey().mean())


def test_an_evaluation_measures_projection_follow_up_grades_and_risk(tmp_path: Path) -> None:
    data = write_graded(tmp_path / "data", patients=8)
    folders = {"train": "train", "val": "val"}
    pairs = surrogate(visits_of_grades(data, folders, {"0": 0, "2": 2}, r"^(\d+)", "([LR])$"), 24, 24)
    model = loaded(tmp_path / "tiny")
    built = {}
    for split in folders:
        own = tuple(pair for pair in pairs if pair.split == split)
        built[split] = drive(
            build_cohort(BuildRequest(own, data, ProjectionRequest("encoder"), "made up"), model, tmp_path / split)
        )
    model = loaded(tmp_path / "tiny", built["train"])
    asked = EvaluationRequest(months=(12.0, 48.0), neighbours=2)
    report = drive(evaluate_progression(opened(model, Supervised()), built["val"], asked))
    assert report["knees"] == report["patients"] == 4
    assert report["risk"]["fast"] == 2
    assert report["surrogate"] == "made up"
    assert len(report["grade"]["mean_expected_grade"]) == 3
    low, value, high = (report["risk"]["auc"][key] for key in ("low", "value", "high"))
    assert 0 <= low <= value <= high <= 1
    assert report["risk"]["supervised"]["model"] == "supervised"
    assert {"projection PSNR", "risk AUC", "supervised baseline AUC"} <= set(figures(report))
    json.dumps(report)
    with pytest.raises(CohortError, match="are in the model's own cohort too"):
        drive(evaluate_progression(opened(model), built["train"], asked))


def test_a_cohort_without_follow_up_cannot_be_evaluated(tmp_path: Path) -> None:
    model: Extrapolator = loaded(tmp_path / "tiny", three_visit_cohort())
    single = three_visit_cohort(knees=2, first=100)
    rows = [0, 3]
    from napari_medgen.progression.cohort.cohort import Cohort

    once = Cohort(tuple(single.visits[row] for row in rows), single.latents[rows], single.errors[rows], {})
    with pytest.raises(CohortError, match="No knee of the cohort has two graded visits"):
        drive(evaluate_progression(opened(model), once))


def test_knees_of_several_visits_are_walked_through(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=4)
    visits = [replace(visit, grade=index % 3) for index, visit in enumerate(visits_of_names(images))]
    model = loaded(tmp_path / "tiny")
    built = {}
    for split, chosen in (("train", ("9000", "9001", "9002")), ("val", ("9003",))):
        own = tuple(visit for visit in visits if visit.patient in chosen)
        built[split] = drive(build_cohort(BuildRequest(own, images, ProjectionRequest("encoder")), model, tmp_path / split))
    model = loaded(tmp_path / "tiny", built["train"])
    report = drive(evaluate_progression(opened(model), built["val"], EvaluationRequest(months=(12.0,), neighbours=1)))
    assert report["several_visits"]["knees"] == 2
    assert {"walked", "one_way", "stayed"} < set(report["several_visits"])
    assert report["knees"] == 2
    assert report["patients"] == 1


def test_a_true_longitudinal_cohort_runs_from_files_to_futures(tmp_path: Path) -> None:
    """Three visits of each knee, named as OAI and MOST name them, through the commands alone."""
    images, model = write_visits(tmp_path / "images", patients=3), tmp_path / "tiny"
    write_model(model)
    done = run("cohort", "build", images, "--out", tmp_path / "cohort", "--model", model, "--projection", "encoder")
    assert done.exit_code == 0, done.output
    assert "18 visits of 3 patients" in done.output
    content = json.loads(run("cohort", "info", tmp_path / "cohort", "--json").output)
    assert content["knees_with_follow_up"] == 6
    Image.fromarray(picture(99)).save(tmp_path / "new.png")
    arguments = ("extrapolate", tmp_path / "new.png", "--model", model, "--cohort", tmp_path / "cohort", "--side", "R")
    refused = run(*arguments, "--out", tmp_path / "out")
    assert isinstance(refused.exception, MedGenError)
    assert "--force" in str(refused.exception)
    done = run(*arguments, "--months", "12", "24", "--neighbours", "2", "--steps", "2", "--force", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    about = json.loads((tmp_path / "out" / "new_tiny.json").read_text())
    assert [one["months"] for one in about["months"]] == [0, 12, 24]
    assert [round(one["months"]) for one in about["neighbours"]] <= [48, 48]
    assert about["surrogate"] == ""
    assert (tmp_path / "out" / "new_tiny.html").is_file()


def test_labels_and_tables_are_read_by_the_commands(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=2)
    rows = [f"{path.name},{2 if '2008' in path.name and '_l' in path.name else 0}" for path in sorted(images.iterdir())]
    table = tmp_path / "visits.csv"
    table.write_text("\n".join(["image,grade", *rows]) + "\n")
    done = run("cohort", "labels", images, "--table", table, "--out", tmp_path / "labels.csv")
    assert done.exit_code == 0, done.output
    assert "4 knees" in done.output
    assert (tmp_path / "labels.csv").read_text().count(",1\n") == 2


def test_bad_commands_end_in_a_sentence(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "small.png")
    small = ("extrapolate", tmp_path / "small.png", "--out", tmp_path, "--model", tmp_path / "tiny", "--side", "L")
    build = ("cohort", "build", tmp_path / "none", "--out", tmp_path / "c", "--model", tmp_path / "tiny")
    cases = {
        (*small, "--months", "soon"): "months are numbers",
        small: "40 x 40 pixels",
        build: "There is no folder",
        ("cohort", "info", tmp_path): "not a finished cohort",
    }
    for arguments, sentence in cases.items():
        done = run(*arguments)
        assert isinstance(done.exception, MedGenError), arguments
        assert sentence in str(done.exception)
