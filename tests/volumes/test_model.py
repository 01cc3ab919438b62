from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nibabel.testing import data_path

from napari_medgen.errors import MedGenError, MemoryShortageError
from napari_medgen.imaging.nifti import read_nifti
from napari_medgen.models.folder import open_folder
from napari_medgen.running import devices
from napari_medgen.running.devices import choose_device
from napari_medgen.running.progress import Progress, drive
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest


@pytest.fixture
def generator(tiny_model: Path) -> VolumeGenerator:
    return VolumeGenerator(open_folder(tiny_model), choose_device("cpu", "float32"))


def test_a_sample_has_geometry_provenance_and_a_neighbour(generator: VolumeGenerator) -> None:
    sample = drive(generator.sample(SampleRequest(seed=4, steps=5)))
    volume = sample.volume
    assert volume.voxels.shape == (16, 16, 32)
    assert volume.voxels.dtype == np.float32
    assert volume.spacing == pytest.approx((2.0, 3.0, 1.5))
    assert 0 <= volume.voxels.min() <= volume.voxels.max() <= 255
    origin = volume.provenance
    assert (origin.synthetic, origin.model, origin.sampler, origin.steps, origin.seed) == (True, "tiny", "dpm++", 5, 4)
    assert origin.model_checksum == generator.folder.card.checksum
    assert sample.nearest is not None
    assert sample.nearest.name in "abc"


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ancestral"])
def test_a_seed_is_a_volume(generator: VolumeGenerator, sampler: str) -> None:
    def voxels(seed: int) -> np.ndarray:
        return drive(generator.sample(SampleRequest(seed=seed, steps=4, sampler=sampler))).volume.voxels  # type: ignore[arg-type]

    np.testing.assert_array_equal(voxels(1), voxels(1))
    assert not np.array_equal(voxels(1), voxels(2))


def test_progress_has_a_look_when_asked(generator: VolumeGenerator) -> None:
    seen: list[Progress] = []
    drive(generator.sample(SampleRequest(steps=3, previews=True)), seen.append)
    assert [(p.step, p.total) for p in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(p.looked_at().preview.voxels.shape == (16, 16, 32) for p in seen[:-1])
    assert seen[0].looked_at().preview.provenance.synthetic
    drive(generator.sample(SampleRequest(steps=2)), lambda p: seen.append(p))
    assert all(p.preview is None for p in seen[4:])


def test_gradients_are_off_only_inside(generator: VolumeGenerator) -> None:
    steps = generator.sample(SampleRequest(steps=3))
    next(steps)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    steps.close()


def test_interpolation_begins_and_ends_at_the_seeds(generator: VolumeGenerator) -> None:
    request = SampleRequest(seed=1, steps=4)
    one = drive(generator.sample(request)).volume.voxels
    two = drive(generator.sample(SampleRequest(seed=2, steps=4))).volume.voxels
    np.testing.assert_allclose(drive(generator.interpolate(request, 2, 0.0)).volume.voxels, one, atol=0.5)
    np.testing.assert_allclose(drive(generator.interpolate(request, 2, 1.0)).volume.voxels, two, atol=0.5)
    middle = drive(generator.interpolate(request, 2, 0.5)).volume
    assert middle.provenance.operation == "interpolate 0.50 towards seed 2"
    with pytest.raises(MedGenError, match="share"):
        generator.interpolate(request, 2, 1.5)


def test_a_condition_changes_the_sample_and_guidance_doubles_the_calls(generator: VolumeGenerator) -> None:
    old = SampleRequest(seed=1, steps=4, condition={"age": 80, "sex": "F"}, guidance=3.0)
    assert generator.calls(old) == 8
    sample = drive(generator.sample(old))
    assert sample.volume.provenance.condition == {"age": 80, "sex": "F"}
    assert sample.volume.provenance.guidance == 3.0


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "seed"),
        ({"sampler": "magic"}, "no sampler magic"),
        ({"eta": 2}, "Eta"),
        ({"guidance": -1}, "guidance"),
    ],
)
def test_requests_out_of_range_are_refused(entries: dict[str, object], says: str) -> None:
    with pytest.raises(MedGenError, match=says):
        SampleRequest(**entries)  # type: ignore[arg-type]


def test_slabs_are_taken_where_memory_is_short(generator: VolumeGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drive(generator.sample(SampleRequest(steps=3))).volume.voxels
    from napari_medgen.volumes import model as module
    from napari_medgen.volumes.decoding import decode_bytes

    sizes, shape = generator.architecture.autoencoder, generator.architecture.shape
    monkeypatch.setattr(module, "free_bytes", lambda device: decode_bytes(sizes, shape))
    slabs = drive(generator.sample(SampleRequest(steps=3))).volume.voxels
    np.testing.assert_allclose(slabs, whole, atol=0.1)
    monkeypatch.setattr(module, "free_bytes", lambda device: 10)
    monkeypatch.setattr(devices, "free_bytes", lambda device: 10)
    monkeypatch.setattr(module, "denoise_bytes", lambda architecture, **_: 0)
    with pytest.raises(MemoryShortageError, match=r"Sampling 16 x 16 x 32 voxels needs about .* 0 MiB are free"):
        drive(generator.sample(SampleRequest(steps=3)))


def test_what_cannot_fit_is_refused_before_it_starts(generator: VolumeGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda device: 10)
    with pytest.raises(MemoryShortageError, match="16 x 16 x 32 voxels needs about"):
        next(generator.sample(SampleRequest()))


def test_a_real_volume_is_encoded_and_decoded_in_place(generator: VolumeGenerator) -> None:
    volume = read_nifti(Path(data_path) / "anatomical.nii")
    seen, made = drive(generator.reconstruct(volume))
    assert seen.voxels.shape == made.voxels.shape == (16, 16, 32)
    np.testing.assert_array_equal(seen.affine, made.affine)
    assert not seen.provenance.synthetic
    assert made.provenance.synthetic
    assert made.provenance.source == volume.origin_name


def test_an_estimate_scales_with_steps_where_the_card_has_figures(generator: VolumeGenerator) -> None:
    assert "about" in generator.estimate(SampleRequest()).label
    assert generator.estimate(SampleRequest()).bytes > 1000


@pytest.mark.parametrize("name", ["brain-t1", "hippocampus"])
def test_the_starter_models_sample(name: str) -> None:
    from napari_medgen.models.catalogue import find_model

    generator = VolumeGenerator(find_model(name), choose_device("cpu", "float32"))
    few = generator.estimate(SampleRequest(steps=10))
    many = generator.estimate(SampleRequest(steps=40))
    assert many.seconds > 2 * few.seconds > 0
    sample = drive(generator.sample(SampleRequest(seed=1, steps=10)))
    voxels = sample.volume.voxels
    assert sample.nearest is not None
    # A volume, not noise and not nothing: neighbours agree, and there is contrast.
    assert voxels.std() > 20
    assert np.corrcoef(voxels[:-1].ravel(), voxels[1:].ravel())[0, 1] > 0.8
