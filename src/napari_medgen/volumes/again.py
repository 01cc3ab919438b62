"""Make a sample again from the record that it carries."""

from __future__ import annotations

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.running.progress import Steps
from napari_medgen.volumes.model import Sample, VolumeGenerator
from napari_medgen.volumes.request import SAMPLERS, SampleRequest


def recorded_request(made: Provenance) -> SampleRequest:
    """What was asked for when a volume was sampled.

    Raises
    ------
    MedGenError
        If the record is not one of a sample, or lacks what the sample depends on.
    """
    sampler = next((name for name in SAMPLERS if name == made.sampler), None)
    if not made.synthetic or sampler is None or made.seed is None or made.steps is None:
        raise MedGenError("This file carries no record of a sampled volume, so that it cannot be made again.")
    if not made.precision:
        raise MedGenError("The record does not say in what precision the volume was computed: an older version wrote it.")
    return SampleRequest(
        seed=made.seed,
        sampler=sampler,
        # The whole schedule is the sampler's own; what was asked for besides has no meaning to it.
        steps=made.steps if sampler != "ancestral" else 20,
        eta=made.eta or 0.0,
        condition=made.condition or {},
        guidance=1.0 if made.guidance is None else made.guidance,
        precision=made.precision,
    )


def sample_again(generator: VolumeGenerator, made: Provenance) -> Steps[Sample]:
    """Sample what a record describes: the same bytes on the same device.

    Raises
    ------
    MedGenError
        If the record is not one of a sample, or its model had other weights.
    """
    request = recorded_request(made)
    if made.model_checksum != generator.folder.card.checksum:
        raise MedGenError(f"The volume was made by {made.model} with other weights than {generator.folder.name} has now.")
    if made.towards is not None:
        return generator.interpolate(request, made.towards, made.share or 0.0)
    return generator.sample(request)


def same_device(generator: VolumeGenerator, made: Provenance) -> bool:
    """Whether the volume was computed on hardware like this; elsewhere its last digits may differ."""
    return made.device == generator.computing(recorded_request(made)).identity
