"""What the card of a volume model says of its architecture."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from napari_medgen.imaging.orientation import Codes
from napari_medgen.models.card import ModelCard
from napari_medgen.validity import GreyRange, Side, Step
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.diffusion import LatentScale, Prediction
from napari_medgen.volumes.networks.convnet import ConvUNetSizes
from napari_medgen.volumes.networks.denoisers import grid_multiple
from napari_medgen.volumes.networks.unet3d import Unet3DSizes
from napari_medgen.volumes.networks.vqgan import VQGANSizes

_DIRECTIONS = {"L": "x", "R": "x", "A": "y", "P": "y", "S": "z", "I": "z"}
AUTOENCODER_FILE = "autoencoder.safetensors"
DENOISER_FILE = "denoiser.safetensors"
REFERENCE_FILE = "reference.safetensors"


def _one_or_each(value: object) -> str:
    several = isinstance(value, (list, tuple)) and (not value or isinstance(value[0], (list, tuple)))
    return "each channel" if several else "all channels"


_Each = Annotated[tuple[GreyRange, ...], Field(min_length=1)]
LatentRange = Annotated[
    Annotated[GreyRange, Tag("all channels")] | Annotated[_Each, Tag("each channel")], Discriminator(_one_or_each)
]


class VolumeArchitecture(BaseModel):
    """A latent diffusion model over a VQ-GAN, and the grid it makes volumes on.

    Attributes
    ----------
    shape
        Voxels (D, H, W) of a volume; ``axes`` says where each index points, ``spacing`` how far apart voxels are in mm.
    intensities
        What -1 and 1 stand for.
    absolute
        Whether those are grey values of real images too (Hounsfield units), not a scale that each image is brought to.
    timesteps, prediction
        Length of the cosine schedule, and what the denoiser predicts.
    latent_range, latent_limit
        The latent's scale: what the diffusion calls -1 and 1, for all channels (the smallest and largest codebook entry at
        the time the denoiser was trained) or for each, and the largest magnitude that it lets a clean latent have.
    quantise
        Whether latents are decoded from the nearest codes.
    conditions
        What the denoiser is told, in the order of its condition vector.
    precision
        ``float32`` for a model that must be computed so unless somebody asks otherwise (an imported one: in bfloat16 its
        volumes correlate with the published code's by 0.990 only); ``auto`` for one that was trained and measured in what
        the device computes in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["latent-diffusion"] = "latent-diffusion"
    shape: tuple[Side, Side, Side]
    spacing: tuple[Step, Step, Step]
    axes: Codes = ("S", "P", "L")
    intensities: GreyRange = (0.0, 255.0)
    absolute: bool = False
    autoencoder: VQGANSizes
    denoiser: Unet3DSizes | ConvUNetSizes = Field(discriminator="architecture")
    timesteps: int = Field(gt=1, le=10_000)
    prediction: Prediction = "noise"
    latent_range: LatentRange
    latent_limit: float = Field(1.0, gt=0, allow_inf_nan=False)
    quantise: bool = True
    conditions: tuple[Condition, ...] = ()
    precision: Literal["auto", "float32"] = "float32"

    @model_validator(mode="after")
    def _check(self) -> VolumeArchitecture:
        if len({_DIRECTIONS.get(code, "") for code in self.axes} - {""}) != 3:
            raise ValueError(f"the axes {self.axes} are not three directions of a body")
        if any(n % f for n, f in zip(self.shape, self.autoencoder.downsample, strict=True)):
            raise ValueError(f"the shape {self.shape} does not divide by {self.autoencoder.downsample}")
        multiple = grid_multiple(self.denoiser)
        if any(n % m for n, m in zip(self.latent_shape[1:], multiple, strict=True)):
            raise ValueError(f"latents of {self.latent_shape[1:]} do not divide by the denoiser's {multiple}")
        if self.denoiser.channels != self.autoencoder.embedding_dim:
            raise ValueError("the denoiser and the autoencoder have different latent channels")
        if len(self.scale.low) not in (1, self.autoencoder.embedding_dim):
            raise ValueError(f"latent_range has {len(self.scale.low)} ranges for {self.autoencoder.embedding_dim} channels")
        told, heard = sum(condition.width for condition in self.conditions), self.denoiser.condition_width
        if told != heard:
            kind = self.denoiser.architecture
            listens = f"has condition_width = {heard}" if kind == "conv-unet" else "takes no conditions"
            raise ValueError(f"the conditions have {told} entries, and the denoiser ({kind}) {listens}")
        names = [condition.name for condition in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError("two conditions have the same name")
        return self

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(C, D, H, W) of a latent."""
        d, h, w = (n // f for n, f in zip(self.shape, self.autoencoder.downsample, strict=True))
        return self.autoencoder.embedding_dim, d, h, w

    @property
    def scale(self) -> LatentScale:
        """The latent's scale."""
        return LatentScale.of(self.latent_range, self.latent_limit)


def read_architecture(card: ModelCard) -> VolumeArchitecture:
    """The architecture on a card; see :meth:`ModelCard.architecture_as`."""
    return card.architecture_as(VolumeArchitecture, "volumes")
