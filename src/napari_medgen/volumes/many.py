"""Many samples, each written by whoever made it: here, or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medgen.errors import ImageError, MedGenError, WritingError
from napari_medgen.imaging.files import read_volume
from napari_medgen.imaging.nifti import write_nifti
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.models.folder import ModelFolder
from napari_medgen.models.kept import Opens
from napari_medgen.running.devices import Device
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Shard, require_shared
from napari_medgen.volumes.again import recorded_request
from napari_medgen.volumes.model import Sample, VolumeGenerator
from napari_medgen.volumes.request import SampleRequest


@dataclass(frozen=True)
class Written:
    """A sample's file, its seconds (0 for one that was there already), and what it is most like, in words."""

    path: Path
    seconds: float
    near: str


@dataclass(frozen=True)
class SampleWriter:
    """Samples a request and writes it as NIfTI with its provenance beside it; one call a shard.

    What is there already, of the same request, weights and device, is not made again: a run that was stopped goes on.

    Attributes
    ----------
    opens
        Gives the model.
    out
        Folder of the files, which all workers see.
    towards, share
        Of an interpolation; None for plain samples.
    elsewhere
        Whether workers call it, who may see another disk: the folder is there then before they begin.
    """

    opens: Opens[VolumeGenerator]
    out: Path
    towards: int | None = None
    share: float = 0.5
    elsewhere: bool = False

    def __call__(self, request: SampleRequest) -> Steps[Written]:
        if self.elsewhere:
            require_shared(self.out)
        generator = self.opens()
        path = self.out / f"{generator.folder.name}_seed-{request.seed}.nii.gz"
        if path.is_file() and self._is_it(path, request, generator):
            yield Progress(1, 1, f"{path.name} is there already")
            return Written(path, 0.0, "")
        if self.towards is None:
            made = yield from generator.sample(request)
        else:
            made = yield from generator.interpolate(request, self.towards, self.share)
        return Written(write_sample(made, path), made.seconds, near_words(made))

    def _is_it(self, path: Path, request: SampleRequest, generator: VolumeGenerator) -> bool:
        if not path.with_name(path.name.replace(".nii.gz", ".json")).is_file():
            return False  # a kill came between the two
        try:
            made = read_volume(path).provenance
            recorded = recorded_request(made)
        except MedGenError:
            return False
        computing = generator.computing(request)
        asked = SampleRequest(
            request.seed,
            request.sampler,
            request.steps if request.sampler != "ancestral" else 20,
            request.eta if request.sampler == "ddim" else 0.0,
            request.condition,
            request.guidance if request.condition else 1.0,
            computing.precision,
        )
        same = Provenance(
            operation=made.operation,
            model_checksum=generator.folder.card.checksum,
            device=computing.identity,
            towards=self.towards,
            share=self.share if self.towards is not None else None,
        )
        names = ("model_checksum", "device", "towards", "share", "software")
        return recorded == asked and all(getattr(made, name) == getattr(same, name) for name in names)


def shards_of(requests: list[SampleRequest]) -> list[Shard[SampleRequest]]:
    """A shard a seed."""
    return [Shard(f"Seed {request.seed}", request) for request in requests]


def write_sample(made: Sample, path: Path) -> Path:
    """Write a sample as NIfTI.

    Raises
    ------
    WritingError
        If there is no room or no right: the next would fail like it.
    """
    try:
        return write_nifti(made.volume, path)[0]
    except ImageError as error:
        raise WritingError(str(error)) from None


def near_words(made: Sample) -> str:
    """The training volume that a sample is most like, in words; empty where nobody compared it."""
    near = made.nearest
    return f"nearest training volume {near.name} at {near.distance:.3f} ({near.verdict})" if near else ""


def open_generator(folders: Sequence[ModelFolder], device: Device) -> VolumeGenerator:
    """The generator of its folder, for whoever samples."""
    return VolumeGenerator(folders[0], device)
