"""Radiographs as layers, and the slice on screen as an image: values, directions, places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.errors import ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.imaging.raster import write_png
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.layers.plane import Plane
from napari_medgen.viewer.layers.radiographs import radiograph_layer, radiograph_of
from napari_medgen.viewer.layers.volumes import image_options
from napari_medgen.viewer.plugin.readers import get_radiograph_reader, get_reader, read_radiographs
from napari_medgen.viewer.plugin.writers import write_radiograph

RAMP = np.arange(48, dtype=np.uint16).reshape(6, 8) * 80


def radiograph() -> Radiograph:
    return Radiograph(RAMP, (100, 3000), (0.5, 0.25), "R", "PA", name="knee", provenance=Provenance(source="knee"))


def add(viewer: ViewerModel, image: Radiograph) -> object:
    data, options, _ = radiograph_layer(image)
    return viewer.add_image(data, **options)


def test_a_layer_is_the_radiograph_again() -> None:
    viewer = ViewerModel()
    layer = add(viewer, radiograph())
    assert tuple(layer.scale) == (0.5, 0.25)  # type: ignore[attr-defined]
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 2  # type: ignore[attr-defined]
    data, meta, _ = layer.as_layer_data_tuple()  # type: ignore[attr-defined]
    again = radiograph_of(data, meta)
    for name in ("window", "spacing", "laterality", "view", "name", "provenance"):
        assert getattr(again, name) == getattr(radiograph(), name), name
    assert np.array_equal(again.pixels, RAMP)


def test_a_radiograph_is_seen_in_its_own_window_unless_the_screens_is_asked_for() -> None:
    viewer = ViewerModel()
    layer = add(viewer, radiograph())
    layer.contrast_limits = (0, 500)  # type: ignore[attr-defined]
    plane = Plane.shown(viewer, layer)
    assert plane.image().window == (100, 3000)
    assert plane.image(as_on_screen=True).window == (0, 500)
    assert plane.image().laterality == "R"


def test_without_size_there_are_no_millimetres() -> None:
    viewer = ViewerModel()
    layer = add(viewer, Radiograph(RAMP, (0, 10)))
    assert Plane.shown(viewer, layer).image().spacing is None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_the_slice_on_screen_stands_upright_and_its_map_goes_back_where_it_was(order: tuple[int, int, int]) -> None:
    viewer = ViewerModel()
    voxels = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    volume = Volume.on_grid(voxels, (2, 1, 1.5), "head")
    layer = viewer.add_image(volume.voxels, **image_options(volume))
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 3)
    plane = Plane.shown(viewer, layer)
    image = plane.image()
    expected = np.moveaxis(voxels, order, (0, 1, 2))[3]
    upright = order[1] == 0
    assert np.array_equal(image.pixels, expected[::-1] if upright else expected)
    back = plane.values(image.pixels)
    assert back.shape == tuple(1 if axis == order[0] else n for axis, n in enumerate(voxels.shape))
    assert np.array_equal(back.squeeze(order[0]), voxels.take(3, order[0]))
    overlay = viewer.add_image(back, **plane.placement())
    corner = [3 if axis == order[0] else 0 for axis in range(3)]
    assert overlay.data_to_world((0, 0, 0)) == pytest.approx(layer.data_to_world(corner))


def test_a_colour_photograph_is_grey_and_known_as_one() -> None:
    viewer = ViewerModel()
    photo = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    layer = viewer.add_image(photo, rgb=True)
    image = Plane.shown(viewer, layer).image()
    assert image.coloured
    assert image.shape == (40, 50)
    assert image.window == (0, 255)


def test_3d_display_has_no_slice() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 5, 6)), rgb=False)
    viewer.dims.ndisplay = 3
    with pytest.raises(ImageError, match="switch to 2D"):
        Plane.shown(viewer, layer)


def test_files_open_and_layers_are_written_as_png_and_dicom(tmp_path: Path) -> None:
    path = write_png(radiograph(), tmp_path / "knee.png")
    ((data, options, kind),) = read_radiographs(str(path))
    assert kind == "image"
    for name in ("again.png", "again.dcm"):
        (written,) = write_radiograph(str(tmp_path / name), data, options)
        again = read_radiograph(written)
        assert np.array_equal(again.pixels, RAMP)
        assert again.spacing == (0.5, 0.25)
        assert again.provenance.source == "knee"
    with pytest.raises(ImageError, match="only grey images"):
        write_radiograph(str(tmp_path / "a.png"), np.zeros((3, 4, 5)), {"name": "volume"})


def test_the_reader_is_offered_for_radiographs_alone() -> None:
    assert get_radiograph_reader(["a.PNG", "b.dcm"]) is read_radiographs
    assert get_radiograph_reader("a.nii") is None
    assert get_radiograph_reader(["a.png", "b.tif"]) is None
    assert get_reader("a.png") is None
