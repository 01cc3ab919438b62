from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.volumes import image_options


def volume(synthetic: bool) -> Volume:
    voxels = np.random.default_rng(0).random((8, 9, 10)).astype(np.float32)
    return Volume.on_grid(voxels, (1, 1, 1), provenance=Provenance(synthetic=synthetic))


def add(viewer: ViewerModel, synthetic: bool) -> object:
    made = volume(synthetic)
    return viewer.add_image(made.voxels, **image_options(made))


def letters(viewer: ViewerModel) -> tuple[str, ...]:
    overlays = viewer.canvas.overlays
    return tuple(overlays[f"medgen_{side}"].text for side in ("top", "bottom", "left", "right"))


def test_the_mark_is_there_while_a_synthetic_layer_is_visible() -> None:
    viewer = ViewerModel()
    watch(viewer)
    mark = viewer.canvas.overlays["medgen_synthetic"]
    assert not mark.visible
    add(viewer, synthetic=False)
    assert not mark.visible
    layer = add(viewer, synthetic=True)
    assert mark.visible
    assert mark.text == "SYNTHETIC"  # it covers the real one
    layer.opacity = 0.5  # type: ignore[attr-defined]
    assert mark.text == "SYNTHETIC in part"
    viewer.add_shapes(np.zeros((1, 4, 3)))
    viewer.layers[0].visible = False
    assert mark.text == "SYNTHETIC"  # a drawing is no image
    layer.visible = False  # type: ignore[attr-defined]
    assert not mark.visible
    layer.visible = True  # type: ignore[attr-defined]
    viewer.layers.remove(layer)
    assert not mark.visible


def test_each_plane_hangs_as_a_radiologist_expects() -> None:
    viewer = ViewerModel()
    add(viewer, synthetic=False)
    watch(viewer)
    watch(viewer)  # twice does no harm
    assert letters(viewer) == ("A", "P", "R", "L")
    assert viewer.scene.camera.orientation2d == ("down", "right")
    viewer.dims.order = (1, 0, 2)
    assert letters(viewer) == ("S", "I", "R", "L")
    assert viewer.scene.camera.orientation2d == ("up", "right")
    viewer.dims.order = (2, 0, 1)
    assert letters(viewer) == ("S", "I", "A", "P")
    viewer.dims.order = (0, 1, 2)
    assert viewer.scene.camera.orientation2d == ("down", "right")


def test_no_letters_where_nobody_knows_the_sides() -> None:
    viewer = ViewerModel()
    watch(viewer)
    viewer.add_image(np.zeros((8, 8, 8)))
    assert not viewer.canvas.overlays["medgen_left"].visible
    viewer.layers.clear()
    add(viewer, synthetic=False)
    assert viewer.canvas.overlays["medgen_left"].visible
    viewer.dims.ndisplay = 3
    assert not viewer.canvas.overlays["medgen_left"].visible


@pytest.mark.parametrize("how", ["hide", "remove"])
def test_a_radiograph_hangs_upright_after_a_coronal_volume(how: str) -> None:
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.imaging.volume import Volume
    from napari_medgen.viewer.layers.radiographs import radiograph_layer
    from napari_medgen.viewer.layers.volumes import image_options

    viewer = ViewerModel()
    watch(viewer)
    volume = Volume.on_grid(np.random.default_rng(0).random((4, 5, 6)).astype(np.float32), (1, 1, 1))
    layer = viewer.add_image(volume.voxels, **image_options(volume))
    viewer.dims.order = (1, 0, 2)
    assert str(viewer.scene.camera.orientation2d[0]).lower().endswith("up")
    data, options, _ = radiograph_layer(Radiograph(np.zeros((4, 5), np.uint8), (0, 255)))
    viewer.add_image(data, **options)
    if how == "hide":
        layer.visible = False
    else:
        viewer.layers.remove(layer)
    assert str(viewer.scene.camera.orientation2d[0]).lower().endswith("down")


def test_the_mark_appears_in_the_window_that_opened_the_file(make_napari_viewer: Any, tmp_path: Path) -> None:
    from napari_medgen.imaging.nifti import write_nifti
    from napari_medgen.imaging.provenance import Provenance
    from napari_medgen.imaging.volume import Volume

    made = Volume.on_grid(np.ones((3, 4, 5), np.float32), (1, 1, 1), provenance=Provenance(synthetic=True))
    path = write_nifti(made, tmp_path / "a.nii")[0]
    first, second = make_napari_viewer(), make_napari_viewer()
    first.open(str(path), plugin="napari-medgen")
    assert first.canvas.overlays["medgen_synthetic"].visible
    assert not second.canvas.overlays["medgen_synthetic"].visible
