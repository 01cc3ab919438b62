from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_medgen.errors import ImageError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.owner import is_synthetic, provenance_of
from napari_medgen.viewer.layers.volumes import contrast_limits, image_options, volume_of

MADE = Provenance(synthetic=True, model="brain-t1", seed=3)


def test_a_layer_carries_millimetres_axes_and_provenance() -> None:
    volume = Volume.on_grid(np.random.default_rng(0).random((4, 5, 6)).astype(np.float32), (2, 3, 4), "v", provenance=MADE)
    layer = Image(volume.voxels, **image_options(volume))
    assert tuple(layer.scale) == (2, 3, 4)
    assert tuple(layer.translate) == volume.origin
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("S", "P", "L")
    assert not layer.rgb
    assert is_synthetic(layer)
    assert provenance_of(layer).seed == 3


def test_a_volume_survives_being_a_layer() -> None:
    angle = np.radians(10)
    affine = np.diag((-1.0, 1.5, 2.0, 1.0))
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = Volume.of(np.random.default_rng(0).integers(0, 9, (3, 4, 5)), turn @ affine, "oblique", MADE)
    back = volume_of(*Image(volume.voxels, **image_options(volume)).as_layer_data_tuple()[:2])
    np.testing.assert_allclose(back.affine, volume.affine)
    assert (back.source_codes, back.provenance, back.name) == (volume.source_codes, MADE, "oblique")


def test_a_foreign_layer_is_taken_as_canonical() -> None:
    layer = Image(np.ones((3, 4, 5)), scale=(3, 2, 1), name="foreign")
    volume = volume_of(*layer.as_layer_data_tuple()[:2])
    assert volume.spacing == (3, 2, 1)
    assert not volume.provenance.synthetic


@pytest.mark.parametrize(
    "layer", [Image(np.ones((4, 5))), Image(np.ones((40, 40, 3)), rgb=True), Image(np.ones((2, 3, 4, 5)))]
)
def test_only_grey_volumes_can_be_used(layer: Image) -> None:
    with pytest.raises(ImageError, match="three axes"):
        volume_of(*layer.as_layer_data_tuple()[:2])


def test_contrast_limits_are_never_empty() -> None:
    assert contrast_limits(np.zeros((2, 2, 2))) == (0, 1)
    low, high = contrast_limits(np.arange(1000.0))
    assert low == 0
    assert 990 < high < 1000


def test_contrast_limits_of_a_large_volume_are_those_of_its_voxels() -> None:
    voxels = np.random.default_rng(0).gamma(2.0, 100.0, (180, 200, 160)).astype(np.float32)
    low, high = contrast_limits(voxels)
    assert low == voxels.min()
    assert high == pytest.approx(np.percentile(voxels, 99.8), rel=0.02)
