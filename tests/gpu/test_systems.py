"""Every system on a GPU that is not there: nothing mixes devices, seeds mean the same, memory that runs out is no end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_medgen.errors import MedGenError, MemoryShortageError
from napari_medgen.imaging.network_view import NetworkView, _resized
from napari_medgen.models.folder import open_folder
from napari_medgen.models.recipe import read_toml, validate_recipe
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.training.pipeline import train_progression
from napari_medgen.progression.training.recipe import ProgressionRecipe
from napari_medgen.running import devices
from napari_medgen.running.devices import Device, available, choose_device, free_bytes, memory_guard
from napari_medgen.running.progress import drive
from napari_medgen.saliency.analyses.layer_similarity import layer_similarity
from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.attacks.apgd import apgd
from napari_medgen.saliency.attacks.pgd import pgd
from napari_medgen.saliency.frame_grader import FrameGrader
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.request import METHODS, ExplainRequest
from napari_medgen.saliency.training.pipeline import train_saliency
from napari_medgen.saliency.training.recipe import ClassifierRecipe
from napari_medgen.volumes import decoding
from napari_medgen.volumes import model as volumes_model
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from pretended_gpu import PretendedGpu, why_not
from progression_support import RECIPE as KNEES
from progression_support import radiograph, three_visit_cohort, write_graded, write_model
from saliency_support import RECIPE as SPOTS
from saliency_support import write_classifier, write_images

GPU, CPU = Device("cuda", "float32", 0.001), Device("cpu", "float32", 0.001)
pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Whether a device computes is asked once in a process."""
    devices._trial.cache_clear()
    yield
    devices._trial.cache_clear()


# -- which device -----------------------------------------------------------------------------------------------------------


def test_a_gpu_that_is_there_and_cannot_compute_is_passed_over_and_named() -> None:
    with PretendedGpu(works=False):
        device = choose_device()
        assert device.torch == torch.device("cpu")
        assert device.label.endswith("(the GPU Pretended GPU is too old or too new for this PyTorch)")
        with pytest.raises(MedGenError, match=r"^The GPU Pretended GPU is too old or too new for this PyTorch; choose"):
            choose_device("cuda")


def test_one_of_several_gpus_can_be_chosen(gpu: PretendedGpu) -> None:
    assert available() == ["cuda", "cuda:0", "cuda:1", "cpu"]
    device = choose_device("cuda:1", "float32")
    assert (device.torch, device.kind) == (torch.device("cuda:1"), "cuda")
    with pytest.raises(MedGenError, match="no device cuda:2"):
        choose_device("cuda:2")


def test_memory_that_pytorch_keeps_in_reserve_is_free() -> None:
    with PretendedGpu(memory=2**20) as gpu:
        held = torch.zeros(2**16, device="cuda")
        del held
        assert gpu.reserved == 2**18
        assert free_bytes(GPU) == 2**20


@pytest.mark.parametrize("said", ["cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "Unable to find an engine to execute this"])
def test_what_a_full_gpu_says_is_understood(said: str) -> None:
    with pytest.raises(MemoryShortageError), memory_guard("Sampling"):
        raise RuntimeError(said)


# -- volumes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ancestral"])
def test_a_seed_is_the_same_volume_everywhere(gpu: PretendedGpu, tiny_model: Path, sampler: str) -> None:
    request = SampleRequest(sampler=sampler, steps=3, seed=5, condition={"age": 40, "sex": "F"}, guidance=2.0)  # type: ignore[arg-type]
    here, there = (
        drive(VolumeGenerator(open_folder(tiny_model), device).sample(request)).volume.voxels for device in (CPU, GPU)
    )
    assert np.abs(here - there).max() < 1e-4 * np.ptp(here)
    assert not gpu.draws


def test_a_sample_that_nobody_watches_does_not_wait_for_the_gpu(gpu: PretendedGpu, tiny_model: Path) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU)
    gpu.waits.clear()
    drive(generator.sample(SampleRequest(steps=6)))
    without = sum(gpu.waits.values())
    gpu.waits.clear()
    drive(generator.sample(SampleRequest(steps=6, previews=True)))
    assert sum(gpu.waits.values()) == without


def test_half_precision_and_reconstruction(gpu: PretendedGpu, tiny_model: Path) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU.at("bfloat16"))
    made = drive(generator.sample(SampleRequest(steps=2))).volume
    assert np.isfinite(made.voxels).all()
    _, again = drive(generator.reconstruct(made))
    assert again.voxels.shape == made.voxels.shape


def test_a_decoding_that_runs_out_is_made_in_slabs(
    gpu: PretendedGpu, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU)
    whole = drive(generator.sample(SampleRequest(steps=2))).volume.voxels

    def runs_out(*_: object, **__: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(generator.autoencoder, "decode", runs_out)
    slabs = drive(generator.sample(SampleRequest(steps=2))).volume.voxels
    np.testing.assert_allclose(slabs, whole, atol=1e-4 * np.ptp(whole))


def test_what_no_slab_of_a_layer_fits_into_is_streamed_and_encoded_in_slabs(
    gpu: PretendedGpu, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU)
    whole = drive(generator.sample(SampleRequest(steps=2))).volume
    seen = generator.to_network(whole)
    latent = generator.encode(seen)
    monkeypatch.setattr(volumes_model, "decode_bytes", lambda *_, **__: 2**50)
    monkeypatch.setattr(volumes_model, "encode_bytes", lambda *_, slabs=False: 1 if slabs else 2**50)
    streamed = drive(generator.sample(SampleRequest(steps=2))).volume.voxels
    np.testing.assert_allclose(streamed, whole.voxels, atol=1e-4 * np.ptp(whole.voxels))
    torch.testing.assert_close(generator.encode(seen).cpu(), latent.cpu(), atol=1e-4, rtol=1e-3)


def test_a_decoding_that_cannot_fit_is_refused_before_the_first_step(
    gpu: PretendedGpu, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU)
    monkeypatch.setattr(volumes_model, "least_decode_bytes", lambda *_: 2**50)
    with pytest.raises(MemoryShortageError, match="Sampling"):
        next(generator.sample(SampleRequest(steps=2)))


def test_nothing_stays_on_the_gpu(gpu: PretendedGpu, tiny_model: Path) -> None:
    generator = VolumeGenerator(open_folder(tiny_model), GPU)
    drive(generator.sample(SampleRequest(steps=2)))
    del generator
    devices.free_memory(thoroughly=True)
    assert (gpu.allocated, gpu.reserved) == (0, 0)


# -- saliency ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_the_same_everywhere(gpu: PretendedGpu, tmp_path: Path, method: str) -> None:
    folder = open_folder(write_classifier(tmp_path / "dual"))
    request = ExplainRequest(method=method, samples=4, seed=3)  # type: ignore[arg-type]
    image = radiograph()
    here, there = (Classifier(folder, device).explain(image, request) for device in (CPU, GPU))
    np.testing.assert_allclose(there.values, here.values, atol=1e-5 * max(np.abs(here.values).max(), 1e-9))
    assert not gpu.draws


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_attacks(gpu: PretendedGpu, tmp_path: Path, norm: str) -> None:
    network = Classifier(open_folder(write_classifier(tmp_path / "dual")), GPU).network
    sizes = AttackSizes(norm=norm, epsilon=0.05, step=0.02, steps=2)  # type: ignore[arg-type]
    x = torch.rand(2, network.sizes.channels, 32, 32, generator=torch.Generator().manual_seed(1)).to("cuda")
    targets = torch.eye(network.sizes.classes)[:2].to("cuda")
    drawn = torch.Generator().manual_seed(2)
    for moved in (
        pgd(network, x, targets, sizes, exclusive=True, generator=drawn),
        apgd(network, x, targets, 0.05, exclusive=True, norm=norm, steps=3, generator=drawn),
    ):
        assert moved.device.type == "cuda"
        assert not torch.equal(moved.cpu(), x.cpu())
    assert not gpu.draws


# -- progression ------------------------------------------------------------------------------------------------------------


def grader(tmp_path: Path, device: Device) -> FrameGrader:
    labels = ("KL 0", "KL 1", "KL 2", "KL 3", "KL 4")
    return FrameGrader(Classifier(open_folder(write_classifier(tmp_path / "grades", labels=labels, ordinal=True)), device))


@pytest.mark.parametrize(
    "request_",
    [ProjectionRequest("encoder"), ProjectionRequest("fast", 3, "W+"), ProjectionRequest("published", 4)],
    ids=["encoder", "fast", "published"],
)
def test_a_knee_is_projected_and_looked_ahead_of(gpu: PretendedGpu, tmp_path: Path, request_: ProjectionRequest) -> None:
    folder = write_model(tmp_path / "knees", three_visit_cohort())
    here, there = (Extrapolator(folder, grader(tmp_path, device), None, device) for device in (CPU, GPU))
    found = [drive(model.project(radiograph(), request_)) for model in (here, there)]
    np.testing.assert_allclose(found[1].projection.ws.cpu(), found[0].projection.ws, atol=1e-3)
    drive(there.look_ahead(found[1]))


def test_a_classifier_resizes_with_a_gradient_on_apples_gpu() -> None:
    view = NetworkView((40, 60), (4, 6, 36, 54), (16, 24))
    images = torch.rand(2, 1, 40, 60)
    part = images[..., 4:36, 6:54]
    torch.testing.assert_close(_resized(part, (16, 24)), view.see(images), atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["decode", "look"])
def test_apples_gpu_is_asked_for_no_double_precision(tmp_path: Path, tiny_model: Path, method: str) -> None:
    with PretendedGpu(mps=True):
        if method == "decode":
            generator = VolumeGenerator(open_folder(tiny_model), GPU)
            with pytest.MonkeyPatch.context() as patch:
                # The pretended one is called cuda: what is chosen by the name is chosen here.
                patch.setattr(decoding, "_sums", lambda x: torch.float32)
                patch.setattr(volumes_model, "free_bytes", lambda device: 0)
                patch.setattr(volumes_model, "require_bytes", lambda *_: None)
                drive(generator.sample(SampleRequest(steps=2)))
        else:
            classifier = Classifier(open_folder(write_classifier(tmp_path / "dual")), GPU)
            drive(layer_similarity(classifier, classifier, torch.rand(6, 1, 32, 32)))


# -- training ---------------------------------------------------------------------------------------------------------------


def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDGEN_DEVICE", "cuda")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_two_steps_of_a_classifiers_training(
    gpu: PretendedGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    on_gpu(monkeypatch)
    data = write_images(tmp_path / "images", train=40, test=20)
    (tmp_path / "spots.toml").write_text(SPOTS)
    changes = (f"precision={precision}", "training=dual", "optimiser.epochs=1", "optimiser.batch=8")
    recipe = validate_recipe(ClassifierRecipe, read_toml(tmp_path / "spots.toml", changes), "spots.toml")
    assert drive(train_saliency(recipe, data, tmp_path / "work", tmp_path / "out")) is not None


def test_two_steps_of_a_progression_training(gpu: PretendedGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu(monkeypatch)
    (tmp_path / "knees.toml").write_text(KNEES)
    changes = ("optimiser.kimg=0.008", "optimiser.warmup_kimg=0.008", "cohort.projection=none", "augmentation.kimg=0.001")
    recipe = validate_recipe(ProgressionRecipe, read_toml(tmp_path / "knees.toml", changes), "knees.toml")
    data = write_graded(tmp_path / "images")
    assert drive(train_progression(recipe, lambda: grader(tmp_path, GPU), data, tmp_path / "work", tmp_path / "out"))
