"""npe2 sample data: something synthetic and something real."""

from __future__ import annotations

from pathlib import Path

from napari_medgen.viewer.layers import LayerData, image_options


def sampled_brain() -> list[LayerData]:
    """A volume of the starter model brain-t1, seed 0, sampled now."""
    from napari_medgen.running.progress import drive
    from napari_medgen.viewer.generators import generator
    from napari_medgen.viewer.readers import _hang_current_viewer
    from napari_medgen.volumes.generator import SampleRequest

    volume = drive(generator("brain-t1", "").sample(SampleRequest())).volume
    _hang_current_viewer()
    return [(volume.voxels, image_options(volume), "image")]


def real_volume() -> list[LayerData]:
    """The anatomical MRI that nibabel ships for its tests."""
    import nibabel.testing

    from napari_medgen.viewer.readers import read_layers

    return read_layers(str(Path(nibabel.testing.data_path) / "anatomical.nii"))
