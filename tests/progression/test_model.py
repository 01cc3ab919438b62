"""A loaded model: from a radiograph to prediction, and everything that it refuses."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from PIL import Image

from napari_medgen.errors import CohortError, ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.progression.cohort.folder import open_cohort, save_cohort
from napari_medgen.progression.export import describe, export_forecast
from napari_medgen.progression.forecast import Forecast
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.report import paint_difference, report
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.second_visit import compare_visit
from napari_medgen.progression.trajectories import ExtrapolationRequest
from napari_medgen.progression.visit_image import visit_image
from napari_medgen.running.progress import drive
from progression_support import loaded, radiograph, three_visit_cohort

FAST = ProjectionRequest("fast", 3)
LATER = ExtrapolationRequest((12.0, 24.0, 48.0), 3)


@pytest.fixture
def model(tmp_path: Path) -> Extrapolator:
    return loaded(tmp_path / "tiny", three_visit_cohort())


@pytest.fixture
def forecast(model: Extrapolator) -> Forecast:
    projected = drive(model.project(radiograph(spacing=(0.5, 0.5)), FAST))
    return Forecast(model, projected, drive(model.look_ahead(projected, LATER)))


def test_futures_have_a_frame_for_each_month_and_start_at_the_projection(forecast: Forecast) -> None:
    prediction, projected = forecast.prediction, forecast.projected
    assert prediction.months.tolist() == [0.0, 12.0, 24.0, 48.0]
    assert prediction.images.shape == (4, 32, 32)
    assert np.allclose(prediction.images[0], projected.projection.images[0, 0].numpy(), atol=1e-5)
    assert np.array_equal(prediction.differences[0], np.zeros((32, 32)))
    assert prediction.each.shape == (3, 4, 5)
    assert np.allclose(prediction.probabilities.sum(1), 1, atol=1e-5)
    assert np.allclose(prediction.baseline, projected.probabilities)
    assert np.allclose(prediction.probabilities[0], projected.projected_probabilities, atol=1e-4)
    assert (prediction.risk.low <= prediction.risk.high).all()


def test_a_predicted_frame_is_the_generators_at_the_moved_latent(forecast: Forecast) -> None:
    model, found = forecast.extrapolator, forecast.prediction.extrapolation
    ws = forecast.projected.projection.ws + torch.from_numpy(found.change(24.0))
    expected = ((model.generator.synthesis(ws)[0, 0] + 1) / 2).clamp(0, 1)
    assert np.allclose(forecast.prediction.images[2], expected.numpy(), atol=1e-5)


def test_frames_appear_before_the_neighbours_are_graded(model: Extrapolator) -> None:
    projected = drive(model.project(radiograph(), FAST))
    seen = []
    drive(model.look_ahead(projected, LATER), seen.append)
    assert seen[0].preview is not None
    assert np.isfinite(seen[0].preview).all()
    assert seen[-1].preview is None
    assert seen[-1].step == seen[-1].total == 16


def test_right_knees_are_mirrored_and_shown_as_they_were(model: Extrapolator) -> None:
    left = radiograph()
    right = Radiograph(np.ascontiguousarray(left.pixels[:, ::-1]), (0, 255), laterality="R", name="right")
    ways = [drive(model.project(image, FAST)) for image in (left, right)]
    assert torch.allclose(ways[0].projection.ws, ways[1].projection.ws, atol=1e-5)
    shown = [Forecast(model, way, drive(model.look_ahead(way, LATER))).frame(1) for way in ways]
    assert np.allclose(shown[0], shown[1][:, ::-1], atol=1e-4)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (Radiograph(np.zeros((40, 40), np.uint8), (0, 255), laterality="L", name="small"), "small has 40 x 40 pixels"),
        (Radiograph(np.zeros((100, 200), np.uint8), (0, 255), laterality="L", name="wide"), "wide seems to show both knees"),
        (Radiograph(np.zeros((100, 100), np.uint8), (0, 255), laterality="B", name="both"), "both seems to show both knees"),
        (
            Radiograph(np.zeros((100, 100), np.uint8), (0, 255), name="unsaid"),
            "Say whether unsaid shows a left or a right knee",
        ),
    ],
)
def test_what_cannot_be_projected_gets_a_sentence(model: Extrapolator, image: Radiograph, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence):
        drive(model.project(image))


def test_a_model_without_a_cohort_projects_and_says_why_it_goes_no_further(tmp_path: Path) -> None:
    model = loaded(tmp_path / "tiny")
    projected = drive(model.project(radiograph(), FAST))
    assert projected.psnr > 0
    with pytest.raises(CohortError, match="has no cohort; build one"):
        drive(model.look_ahead(projected))


def test_a_projection_beyond_the_cohort_is_doubted(tmp_path: Path) -> None:
    # The cohort's own projections had no error at all, and lie elsewhere.
    projected = drive(loaded(tmp_path / "tiny", three_visit_cohort()).project(radiograph(), FAST))
    assert projected.badness == 1.0
    assert "the error is above that of 100% of the cohort's knees" in " ".join(projected.doubts)


def test_a_second_visit_is_compared_with_what_was_expected(model: Extrapolator) -> None:
    projected = drive(model.project(radiograph(), FAST))
    found = drive(compare_visit(model, projected, radiograph(3), 24.0, LATER))
    assert found.real.shape == found.predicted.shape == (32, 32)
    assert found.predicted_distance > 0
    with pytest.raises(CohortError, match="Visits out of order"):
        drive(compare_visit(model, projected, radiograph(3), 0.0, LATER))


def test_a_neighbours_visit_is_its_image_or_its_projection(model: Extrapolator, tmp_path: Path) -> None:
    projected = drive(model.project(radiograph(), FAST))
    made = visit_image(model, 4, projected.frame)
    assert made.title == "9001 L: KL 0 (projected)"
    assert made.provenance.synthetic
    cohort = model.known_cohort
    Image.fromarray(radiograph().pixels).save(tmp_path / cohort.visits[4].image)
    object.__setattr__(cohort, "images", tmp_path)
    real = visit_image(model, 4, projected.frame)
    assert real.title == "9001 L: KL 0"
    assert not real.provenance.synthetic
    assert np.allclose(real.pixels, projected.seen, atol=1e-2)


def test_saved_frames_say_what_they_are(forecast: Forecast, tmp_path: Path) -> None:
    paths = export_forecast(forecast, tmp_path / "out")
    names = sorted(path.name for path in paths)
    assert "knee_0_tiny_month_024.png" in names
    assert "knee_0_tiny_month_024_difference.png" in names
    frame = read_radiograph(tmp_path / "out" / "knee_0_tiny_month_024.png")
    assert frame.provenance.synthetic
    assert "predicted after 24 months" in frame.provenance.operation
    assert frame.shape == (512, 512)  # large enough for words
    assert frame.spacing == pytest.approx((80 * 0.5 / 512,) * 2)
    plain = np.kron(forecast.frame(2), np.ones((16, 16)))
    differs = np.abs(frame.grey() - plain) > 0.5
    assert differs[-40:, :300].any()  # the mark is burnt in, and nowhere else
    assert not differs[:-60].any()
    real = read_radiograph(tmp_path / "out" / "knee_0_tiny_baseline.png")
    assert not real.provenance.synthetic
    with np.load(tmp_path / "out" / "knee_0_tiny.npz") as numbers:
        assert np.allclose(numbers["frames"][2], forecast.frame(2))
        assert numbers["months"].tolist() == [0, 12, 24, 48]
    with Image.open(tmp_path / "out" / "knee_0_tiny_month_024_difference.png") as change:
        assert "SYNTHETIC" in change.info["Description"]
    about = json.loads((tmp_path / "out" / "knee_0_tiny.json").read_text())
    assert about == json.loads(json.dumps(describe(forecast)))
    assert [one["months"] for one in about["months"]] == [0, 12, 24, 48]
    assert len(about["neighbours"]) == 3
    assert about["notice"].startswith("Not for diagnosis")


def test_the_report_holds_everything_in_one_file(forecast: Forecast) -> None:
    forecast.extrapolator.known_cohort.about["surrogate"] = "surrogate progression, made up"
    text = report(forecast)
    for part in ("Surrogate progression, made up", "SYNTHETIC", "48 months", "risk of two grades", "All.", "radiograph "):
        assert part in text
    assert text.count("data:image/png;base64,") == 2 + 3 * 2 + 1 + 1  # two frames, three with changes, the plot, the bar
    assert "<th>Side</th><td>left</td>" in text
    assert "<th>Months asked for</th><td>12, 24, 48</td>" in text
    assert "not known" in text
    assert "03 May 2021" in report(forecast, baseline=datetime.date(2021, 5, 3))
    assert "://" not in text
    assert """Content-Security-Policy" content="default-src 'none'""" in text


def test_colours_of_a_change_are_symmetric() -> None:
    painted = paint_difference(np.array([[-2.0, -0.5, 0.0, 0.5]], np.float32))
    assert painted[0, 0].tolist() == painted[0, 1].tolist() == [33, 102, 172]
    assert painted[0, 2].tolist() == [247, 247, 247]
    assert painted[0, 3].tolist() == [178, 24, 43]


def test_a_latent_is_compared_with_a_cohort_that_was_made_alike(tmp_path: Path) -> None:
    cohort = three_visit_cohort()
    for wanted in (ProjectionRequest("fast", 4), ProjectionRequest("encoder")):
        cohort.about["projection"] = asdict(wanted)
        model = loaded(tmp_path / "tiny", cohort)
        alike = drive(model.project(radiograph(), wanted)).place
        freer = drive(model.project(radiograph(), ProjectionRequest("fast", 9, "W+")))
        assert np.allclose(freer.place, alike, atol=1e-5)
        assert not np.allclose(freer.projection.w[0].numpy(), alike, atol=1e-3)


def test_what_visits_really_are_is_said_by_the_cohort_in_use(tmp_path: Path) -> None:
    cohort = three_visit_cohort()
    model = loaded(tmp_path / "tiny", cohort, surrogate="the shipped cohort's surrogate")
    assert "surrogate" not in drive(model.project(radiograph(), FAST)).provenance.operation
    cohort.about["surrogate"] = "made up of two knees"
    assert "made up of two knees" in drive(model.project(radiograph(), FAST)).provenance.operation


def test_the_frames_are_written_as_a_dicom_series(forecast: Forecast, tmp_path: Path) -> None:
    assert not any(path.suffix == ".dcm" for path in export_forecast(forecast, tmp_path / "without"))
    paths = [path for path in export_forecast(forecast, tmp_path / "out", dicom=True) if path.suffix == ".dcm"]
    assert [path.name for path in paths] == [f"IM{number:05d}.dcm" for number in range(1, 5)]
    slices = [pydicom.dcmread(path) for path in paths]
    assert len({one.SeriesInstanceUID for one in slices}) == len({one.StudyInstanceUID for one in slices}) == 1
    assert len({one.SOPInstanceUID for one in slices}) == 4
    assert [one.InstanceNumber for one in slices] == [1, 2, 3, 4]
    assert slices[2].ImageComments.startswith("predicted after 24 months")
    assert all("SYNTHETIC" in one.ImageType and one.SeriesDescription.startswith("SYNTHETIC") for one in slices)
    again = read_radiograph(paths[2])
    assert again.provenance.synthetic
    assert again.laterality == "L"
    assert again.spacing == pytest.approx((80 * 0.5 / 512,) * 2)
    assert (np.abs(again.grey() - np.kron(forecast.frame(2), np.ones((16, 16)))) > 0.5)[-40:, :300].any()  # marked
    sitk = pytest.importorskip("SimpleITK")
    other = sitk.ReadImage(str(paths[2]))
    np.testing.assert_allclose(other.GetSpacing()[:2], again.spacing[::-1])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other)[0], again.pixels)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of Debian's dicom3tools is not installed.")
def test_dciodvfy_finds_no_error_in_predicted_frames(forecast: Forecast, tmp_path: Path) -> None:
    paths = [path for path in export_forecast(forecast, tmp_path / "out", dicom=True) if path.suffix == ".dcm"]
    done = subprocess.run(["dciodvfy", str(paths[-1])], capture_output=True, text=True, check=False)
    assert "Error" not in done.stderr + done.stdout


def test_a_table_cannot_write_into_the_report(forecast: Forecast, tmp_path: Path) -> None:
    cohort = forecast.extrapolator.known_cohort
    row = forecast.prediction.extrapolation.neighbours[0].row
    visits = list(cohort.visits)
    visits[row] = replace(visits[row], patient="<script>a</script>", side="<script>b</script>")  # type: ignore[arg-type]
    object.__setattr__(cohort, "visits", tuple(visits))
    assert "<script>" not in report(forecast)
    save_cohort(cohort, tmp_path / "cohort")
    with pytest.raises(CohortError, match="the side is"):
        open_cohort(tmp_path / "cohort")


def test_two_exports_of_images_that_are_called_alike_lie_beside_each_other(forecast: Forecast, tmp_path: Path) -> None:
    first, second = (export_forecast(forecast, tmp_path / "out") for _ in range(2))
    assert not set(first) & set(second)
    assert all(path.is_file() for path in (*first, *second))
    third = export_forecast(forecast, tmp_path / "out")
    assert "knee_0_tiny-3.json" in [path.name for path in third]


def test_nothing_that_is_exported_holds_the_files_name(model: Extrapolator, tmp_path: Path) -> None:
    image = Radiograph(radiograph().pixels, (0, 255), laterality="L", name="Doe_Jane_1950")
    projected = drive(model.project(image, FAST))
    made = Forecast(model, projected, drive(model.look_ahead(projected, LATER)))
    for path in export_forecast(made, tmp_path):
        assert b"Doe_Jane" not in path.read_bytes(), path.name
    assert image.origin_name in report(made)
