"""npe2 sample data: something synthetic and something real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.catalogue import find_model
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

    In a window an empty volume is returned, which becomes the brain when it has been sampled in the background.
    """
    import napari

    viewer: Any = napari.current_viewer()
    if viewer is None:
        return [_layer(drive(_sample()).volume)]
    architecture = find_model(_MODEL).card.architecture
    empty = Volume.on_grid(
        np.zeros(architecture["shape"], np.float32),
        tuple(architecture["spacing"]),
        f"{_MODEL} seed 0 (forming)",
        provenance=Provenance(synthetic=True, model=_MODEL),
    )

    def show(sample: Sample) -> None:
        voxels, options, _ = _layer(sample.volume)
        if empty.name in viewer.layers:
            layer = viewer.layers[empty.name]
            layer.data = voxels
            for name in ("metadata", "contrast_limits", "name"):
                setattr(layer, name, options[name])
        else:
            viewer.add_image(voxels, **options)

    hang(viewer)
    shared_queue().submit(Job("A sampled brain", _sample, on_result=show))
    return [_layer(empty)]


def _sample() -> Steps[Sample]:
    yield Progress(0, 0, "Loading the model")
    generator = generators.generator(_MODEL, "")
    from napari_medgen.volumes.request import SampleRequest

    return (yield from generator.sample(SampleRequest()))


def _layer(volume: Volume) -> LayerData:
    return volume.voxels, image_options(volume), "image"


def real_volume() -> list[LayerData]:
    """The anatomical MRI that nibabel ships for its tests."""
    import nibabel.testing

    from napari_medgen.viewer.readers import read_layers

    return read_layers(str(Path(nibabel.testing.data_path) / "anatomical.nii"))
