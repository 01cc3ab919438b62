"""Cohorts: built, killed, resumed, read again, and refused where they do not fit."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medgen.errors import CohortError, ModelError
from napari_medgen.models.folder import open_folder
from napari_medgen.progression.cohort.folder import cohort_of_model, open_cohort, save_cohort
from napari_medgen.progression.cohort.origin import require_model
from napari_medgen.progression.cohort.visits import visits_of_names
from napari_medgen.progression.cohort_building import BuildRequest, Spreading, build_cohort
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement
from progression_support import CPU, Opens, PlainGrader, loaded, three_visit_cohort, write_model, write_visits

FAST = ProjectionRequest("fast", 4)


def request(images: Path) -> BuildRequest:
    return BuildRequest(tuple(visits_of_names(images)), images, FAST)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_cohort_is_what_was_saved(tmp_path: Path) -> None:
    cohort = three_visit_cohort()
    save_cohort(cohort, tmp_path / "cohort")
    found = open_cohort(tmp_path / "cohort")
    assert [replace(v, months=0) for v in found.visits] == [replace(v, months=0) for v in cohort.visits]
    assert [v.months for v in found.visits] == pytest.approx([v.months for v in cohort.visits])
    assert np.array_equal(found.latents, cohort.latents)
    assert found.trajectories == cohort.trajectories


def test_a_build_projects_every_visit_once(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images")
    cohort = drive(build_cohort(request(images), loaded(tmp_path / "tiny"), tmp_path / "cohort"))
    assert len(cohort.visits) == len(cohort.latents) == 18
    assert sorted(path.name for path in (tmp_path / "cohort").iterdir()) == [
        "cohort.json",
        "cohort.parquet",
        "latents.safetensors",
    ]
    assert open_cohort(tmp_path / "cohort").image_path(0) == images.resolve() / cohort.visits[0].image
    # Sides are mirrored: a right knee is not projected as it lies.
    again = drive(build_cohort(request(images), loaded(tmp_path / "tiny"), tmp_path / "cohort"))
    assert np.array_equal(again.latents, cohort.latents)


_CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from napari_medgen.models.folder import open_folder
from napari_medgen.progression.cohort_building import BuildRequest, build_cohort
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.cohort.visits import Visit, visits_of_names
from progression_support import CPU, PlainGrader
images, model, out = map(Path, sys.argv[1:])
extrapolator = Extrapolator(open_folder(model), PlainGrader(), None, CPU)
request = BuildRequest(tuple(visits_of_names(images)), images, ProjectionRequest("fast", 4))
for progress in build_cohort(request, extrapolator, out):
    print(progress.step, flush=True)
    time.sleep(0.2)
"""


def test_a_killed_build_goes_on_and_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=9)  # 54 visits: four shards
    whole = tmp_path / "whole"
    extrapolator = loaded(tmp_path / "tiny")
    drive(build_cohort(request(images), extrapolator, whole))
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _CHILD.format(tests=str(Path(__file__).parents[2])),
            images,
            tmp_path / "tiny",
            tmp_path / "broken",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert [child.stdout.readline().strip() for _ in range(2)] == ["16", "32"]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with pytest.raises(CohortError, match="not a finished cohort"):
        open_cohort(tmp_path / "broken")
    shards = sorted((tmp_path / "broken" / "shards").glob("*.npz"))
    assert 2 <= len(shards) < 4
    before = {path.name: path.stat().st_mtime_ns for path in shards}
    steps = build_cohort(request(images), extrapolator, tmp_path / "broken")
    next(steps)
    assert {p.name: p.stat().st_mtime_ns for p in shards} == before  # nothing is made twice
    drive(steps)
    assert contents(tmp_path / "broken") == contents(whole)


def test_another_cohort_is_not_written_over(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=1)
    extrapolator = loaded(tmp_path / "tiny")
    drive(build_cohort(request(images), extrapolator, tmp_path / "cohort"))
    other = BuildRequest(request(images).visits[:2], images, FAST)
    with pytest.raises(CohortError, match="other visits or of another model"):
        drive(build_cohort(other, extrapolator, tmp_path / "cohort"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_text("all of it")
    with pytest.raises(CohortError, match="not empty"):
        drive(build_cohort(other, extrapolator, tmp_path / "mine"))
    assert (tmp_path / "mine" / "thesis.docx").read_text() == "all of it"
    steps = build_cohort(request(images), extrapolator, tmp_path / "half")
    next(steps)
    steps.close()
    slower = BuildRequest(request(images).visits, images, ProjectionRequest("fast", 5))
    with pytest.raises(CohortError, match="unfinished cohort of another model, grader or projection"):
        drive(build_cohort(slower, extrapolator, tmp_path / "half"))


def test_a_bad_image_costs_its_own_visit_and_strands_nothing(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=6)  # 36 visits: three shards
    bad, gone = images / "9001_011601_20040301_l.png", images / "9004_041601_20050301_r.png"
    extrapolator, wanted = loaded(tmp_path / "tiny"), request(images)
    bad.write_bytes(b"half a picture")
    gone.unlink()
    steps = build_cohort(wanted, extrapolator, tmp_path / "cohort")
    assert next(steps).message == "Projecting the cohort, 1 left out"
    steps.close()
    finished = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cohort" / "shards").glob("*.npz")}
    assert len(finished) == 1
    # The image is mended, another visit is taken out: what is finished stays.
    bad.write_bytes((images / "9001_011601_20050301_l.png").read_bytes())
    fewer = BuildRequest(tuple(v for v in wanted.visits if v.patient != "9005"), images, FAST)
    steps = build_cohort(fewer, extrapolator, tmp_path / "cohort")
    next(steps)
    assert finished.items() <= {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cohort" / "shards").glob("*.npz")}.items()
    cohort = drive(steps)
    assert len(cohort.visits) == len(cohort.latents) == 29
    assert list(cohort.about["left_out"]) == [gone.name]
    assert "does not exist" in cohort.about["left_out"][gone.name]
    whole = drive(build_cohort(fewer, extrapolator, tmp_path / "whole"))
    assert np.allclose(whole.latents, cohort.latents, atol=1e-4)


def test_a_build_without_any_image_says_why(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=1)
    wanted = request(images)
    for path in images.iterdir():
        path.write_bytes(b"half a picture")
    with pytest.raises(CohortError, match=r"No image could be projected, for example: .* is not a PNG"):
        drive(build_cohort(wanted, loaded(tmp_path / "tiny"), tmp_path / "cohort"))


def test_a_latent_depends_on_grader_mirror_crop_and_content(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=1)
    extrapolator = loaded(tmp_path / "tiny")
    cohort = drive(build_cohort(request(images), extrapolator, tmp_path / "cohort"))

    class OtherGrader(PlainGrader):
        checksum = "other"

    other = Extrapolator(extrapolator.folder, OtherGrader(), None, CPU)
    with pytest.raises(CohortError, match="of another model"):
        drive(build_cohort(request(images), other, tmp_path / "cohort"))
    with pytest.raises(ModelError, match="built with another classifier than plain"):
        Extrapolator(extrapolator.folder, OtherGrader(), cohort, CPU)
    cropped = write_model(tmp_path / "tiny", crop=(0.5, 1.0))
    with pytest.raises(ModelError, match="were not mirrored and cut as tiny does now"):
        require_model(cohort, cropped)
    write_model(tmp_path / "tiny")
    first = next(images.iterdir())
    first.write_bytes(max(images.iterdir()).read_bytes())
    with pytest.raises(CohortError, match="other visits"):
        drive(build_cohort(request(images), extrapolator, tmp_path / "cohort"))


def test_a_cohort_travels_in_a_model(tmp_path: Path) -> None:
    cohort = three_visit_cohort()
    folder = write_model(tmp_path / "tiny", cohort, cohort="encoder", surrogate="made up")
    found = cohort_of_model(folder)
    assert found is not None
    assert found.surrogate == "made up"
    assert found.method == "encoder"
    assert np.allclose(found.latents, cohort.latents, atol=1e-2)
    assert [(v.months, v.side, v.grade) for v in found.visits] == [
        (pytest.approx(v.months), v.side, v.grade) for v in cohort.visits
    ]
    assert not any(v.date or v.image for v in found.visits)
    assert [found.key_of(v.patient) for v in cohort.visits] == [v.patient for v in found.visits]
    content = b"".join(path.read_bytes() for path in (tmp_path / "tiny").iterdir())
    assert b"9003" not in content
    content = bytearray((tmp_path / "tiny" / "cohort.parquet").read_bytes())
    content[50] ^= 255
    (tmp_path / "tiny" / "cohort.parquet").write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        cohort_of_model(open_folder(tmp_path / "tiny"))


def test_latents_of_another_generator_are_refused(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=1)
    cohort = drive(build_cohort(request(images), loaded(tmp_path / "tiny"), tmp_path / "cohort"))
    require_model(cohort, open_folder(tmp_path / "tiny"))
    # Other cohort files in the model folder do not matter: the networks are the same.
    require_model(cohort, write_model(tmp_path / "tiny", three_visit_cohort()))
    cohort.about["checksum"] = "0123"
    with pytest.raises(ModelError, match="made by tiny, not by tiny as it is now"):
        require_model(cohort, open_folder(tmp_path / "tiny"))


def test_damaged_cohorts_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="not a finished cohort"):
        open_cohort(tmp_path)
    save_cohort(three_visit_cohort(), tmp_path / "cohort")
    (tmp_path / "cohort" / "latents.safetensors").write_bytes(b"x")
    with pytest.raises(CohortError, match="is damaged"):
        open_cohort(tmp_path / "cohort")


def test_workers_build_the_same_cohort(tmp_path: Path) -> None:
    images = write_visits(tmp_path / "images", patients=6)  # 36 visits: three shards
    (images / "9001_011601_20040301_l.png").write_bytes(b"half a picture")
    extrapolator, opens = loaded(tmp_path / "tiny"), Opens(tmp_path / "tiny")
    drive(build_cohort(request(images), extrapolator, tmp_path / "here", Spreading(Placement(threads=1), opens)))
    spreading = Spreading(Placement("local:1", threads=1), opens)
    cohort = drive(build_cohort(request(images), extrapolator, tmp_path / "there", spreading))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(cohort.about["left_out"]) == 1
