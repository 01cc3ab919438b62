"""npe2 sample data: something synthetic and something real."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.catalogue import find_model
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.viewer.canvas.watch import watch
from napari_medgen.viewer.layers.owner import KEY
from napari_medgen.viewer.layers.proxy import unwrapped
from napari_medgen.viewer.layers.volumes import LayerData, image_options
from napari_medgen.viewer.plugin.activity import shown_as_activity
from napari_medgen.viewer.work.models import generators
from napari_medgen.viewer.work.queue import Job, shared_queue

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_medgen.volumes.model import Sample

_MODEL = "brain-t1"
_FORMING = f"{KEY}_forming"


def sampled_brain() -> list[LayerData]:
    """A volume of the starter model brain-t1, seed 0, sampled now.

    In a window an empty volume is returned, which becomes the brain when it has been sampled in the background.
    """
    import napari
    from napari.utils.notifications import show_error

    viewer = unwrapped(napari.current_viewer())
    if viewer is None:
        return [_layer(drive(_sample()).volume)]
    architecture = find_model(_MODEL).card.architecture
    empty = Volume.on_grid(
        np.zeros(architecture["shape"], np.float32),
        tuple(architecture["spacing"]),
        f"{_MODEL} seed 0 (forming)",
        provenance=Provenance(synthetic=True, model=_MODEL),
    )

    voxels, options, kind = _layer(empty)
    token = secrets.token_hex(8)  # napari gives the layer another name where there is one of that name
    options["metadata"] |= {_FORMING: token}

    def forming() -> Layer | None:
        return next((layer for layer in viewer.layers if layer.metadata.get(_FORMING) == token), None)

    def show(sample: Sample) -> None:
        voxels, options, _ = _layer(sample.volume)
        layer = forming()
        if layer is None:  # it was removed, or the window closed
            return
        layer.data = voxels
        for name in ("metadata", "contrast_limits", "name"):
            setattr(layer, name, options[name])

    def sorry(error: Exception) -> None:
        if (layer := forming()) is not None:
            viewer.layers.remove(layer)
        show_error(str(error))

    watch(viewer)
    work = Job("A sampled brain", _sample, on_result=show, on_error=sorry)
    number = shared_queue().submit(shown_as_activity(work))

    def removed(event: Event) -> None:
        if event.value.metadata.get(_FORMING) == token:
            shared_queue().cancel(number)

    viewer.layers.events.removed.connect(removed)
    return [(voxels, options, kind)]


def _sample() -> Steps[Sample]:
    yield Progress(0, 0, "Loading the model")
    generator = generators.get((_MODEL, ""))
    from napari_medgen.volumes.request import SampleRequest

    return (yield from generator.sample(SampleRequest()))


def _layer(volume: Volume) -> LayerData:
    return volume.voxels, image_options(volume), "image"


def real_volume() -> list[LayerData]:
    """The anatomical MRI that nibabel ships for its tests."""
    import nibabel.testing

    from napari_medgen.viewer.plugin.readers import read_layers

    return read_layers(str(Path(nibabel.testing.data_path) / "anatomical.nii"))


def left_knee() -> list[LayerData]:
    """A left knee that the generator of knee-progression made."""
    return _shipped("knee-left")


def right_knee() -> list[LayerData]:
    """A right knee that the generator of knee-progression made."""
    return _shipped("knee-right")


def both_knees() -> list[LayerData]:
    """Both knees in one picture, as they are often taken."""
    return _shipped("knee-both")


def poor_knee() -> list[LayerData]:
    """A knee of which little can be seen: blurred, noisy and too dark."""
    return _shipped("knee-poor")


def normal_chest() -> list[LayerData]:
    """A chest without a pneumonia, made by a generator."""
    return _shipped("chest-normal")


def chest_with_pneumonia() -> list[LayerData]:
    """A chest with a pneumonia, made by a generator."""
    return _shipped("chest-pneumonia")


def _shipped(name: str) -> list[LayerData]:
    import napari_medgen
    from napari_medgen.viewer.plugin.readers import read_layers

    return read_layers(str(Path(napari_medgen.__file__).parent / "samples" / f"{name}.png"))
