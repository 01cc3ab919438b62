"""npe2 sample data: something synthetic and something real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.viewer import generators
from napari_medgen.viewer.hanging import hang
from napari_medgen.viewer.layers import LayerData, image_options
from napari_medgen.viewer.work_queue import Job, shared_queue

if TYPE_CHECKING:
    from napari_medgen.volumes.generator import Sample

_MODEL = "brain-t1"


def sampled_brain() -> list[LayerData]:
    """A volume of the starter model brain-t1, seed 0, sampled now.

    In a window it is sampled in the background and appears when it is ready; without one it is returned.
    """
    import napari

    viewer: Any = napari.current_viewer()
    if viewer is None:
        return [_layer(drive(_sample()))]

    def show(sample: Sample) -> None:
        voxels, options, _ = _layer(sample)
        viewer.add_image(voxels, **options)

    hang(viewer)
    shared_queue().submit(Job("A sampled brain", _sample, on_result=show))
    return []


def _sample() -> Steps[Sample]:
    yield Progress(0, 0, "Loading the model")
    generator = generators.generator(_MODEL, "")
    from napari_medgen.volumes.request import SampleRequest

    return (yield from generator.sample(SampleRequest()))


def _layer(sample: Sample) -> LayerData:
    return sample.volume.voxels, image_options(sample.volume), "image"


def real_volume() -> list[LayerData]:
    """The anatomical MRI that nibabel ships for its tests."""
    import nibabel.testing

    from napari_medgen.viewer.readers import read_layers

    return read_layers(str(Path(nibabel.testing.data_path) / "anatomical.nii"))
