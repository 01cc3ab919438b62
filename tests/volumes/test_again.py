"""A saved volume is enough to make it again, to the byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.nifti import read_nifti, write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.models.folder import open_folder, write_card
from napari_medgen.running.devices import Device, choose_device
from napari_medgen.running.progress import drive
from napari_medgen.volumes.again import recorded_request, same_device, sample_again
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest

OLD = {"age": 60, "sex": "F"}
REQUESTS = [
    SampleRequest(seed=3, steps=5),
    SampleRequest(seed=3, steps=3, condition=OLD, guidance=2.0),
    SampleRequest(seed=4, steps=4, sampler="ddim", eta=0.7),
    SampleRequest(seed=5, sampler="ancestral"),
    SampleRequest(seed=6, steps=3, precision="bfloat16"),
]


def load(path: Path, device: Device | None = None) -> VolumeGenerator:
    return VolumeGenerator(open_folder(path), device or choose_device("cpu"))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{r.sampler} {r.precision} {r.guidance}")
def test_the_record_of_a_saved_file_makes_the_same_bytes(tiny_model: Path, tmp_path: Path, request_: SampleRequest) -> None:
    first = drive(load(tiny_model).sample(request_)).volume
    path, _ = write_nifti(first, tmp_path / "a.nii.gz")
    made = read_nifti(path).provenance
    assert replace(recorded_request(made), previews=False).seed == request_.seed
    # Another process may have been told another precision; the record's counts.
    again = drive(sample_again(load(tiny_model, choose_device("cpu", "float32")), made)).volume
    np.testing.assert_array_equal(again.voxels, first.voxels)
    assert write_nifti(again, tmp_path / "b.nii.gz")[0].read_bytes() == path.read_bytes()


def test_an_interpolation_is_made_again_as_well(tiny_model: Path) -> None:
    generator = load(tiny_model)
    first = drive(generator.interpolate(SampleRequest(seed=1, steps=3), 7, 1 / 3)).volume
    again = drive(sample_again(load(tiny_model), first.provenance)).volume
    np.testing.assert_array_equal(again.voxels, first.voxels)
    assert (first.provenance.towards, first.provenance.share) == (7, 1 / 3)


def test_steps_are_recorded_as_asked_for_and_not_as_evaluations(tiny_model: Path) -> None:
    made = drive(load(tiny_model).sample(SampleRequest(steps=3, condition=OLD, guidance=2.0))).volume.provenance
    assert made.steps == 3


def test_an_imported_model_computes_in_single_precision_unless_asked(tiny_model: Path) -> None:
    device = Device("cpu", "bfloat16", 0.001, chosen=False)
    generator = load(tiny_model, device)
    assert generator.computing().precision == "float32"
    assert generator.computing(SampleRequest(precision="bfloat16")).precision == "bfloat16"
    assert load(tiny_model, replace(device, chosen=True)).computing().precision == "bfloat16"
    card = open_folder(tiny_model).card
    write_card(tiny_model, card.model_copy(update={"architecture": card.architecture | {"precision": "auto"}}))
    assert load(tiny_model, device).computing().precision == "bfloat16"


def test_other_weights_and_other_files_are_refused(tiny_model: Path) -> None:
    generator = load(tiny_model)
    made = drive(generator.sample(SampleRequest(steps=2))).volume.provenance
    assert same_device(generator, made)
    assert not same_device(generator, made.model_copy(update={"device": "cuda"}))
    with pytest.raises(MedGenError, match="with other weights than tiny has now"):
        sample_again(generator, made.model_copy(update={"model_checksum": "0123"}))
    with pytest.raises(MedGenError, match="no record of a sampled volume"):
        sample_again(generator, Provenance(source="a scan"))
    with pytest.raises(MedGenError, match="in what precision"):
        sample_again(generator, made.model_copy(update={"precision": ""}))
