"""Sizes of a progression model's networks, as its card states them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.models.card import ModelCard
from napari_medgen.validity import Layers, Share, Width

GENERATOR_FILE = "generator.safetensors"
ENCODER_FILE = "encoder.safetensors"
COHORT_TABLE = "cohort.parquet"
COHORT_LATENTS = "latents.safetensors"

_FIRST = 4


class StyleGANSizes(BaseModel):
    """Sizes of a StyleGAN2 generator and of its discriminator (Karras 2020).

    Attributes
    ----------
    resolution, channels
        Rows and columns, a power of two; 1 for grey images, 3 for colour.
    z_dim, w_dim
        Length of the noise vector and of the latent.
    mapping_layers
        Fully connected layers from z to w.
    channel_base, channel_max
        A level of ``r`` rows has ``min(channel_base / r, channel_max)`` channels.
    clamp
        Limit of the activations, which half precision needs; 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution: int = Field(256, ge=8, le=4096)
    channels: Literal[1, 3] = 1
    z_dim: Width = 512
    w_dim: Width = 512
    mapping_layers: Layers = 2
    channel_base: int = Field(16384, ge=1, le=2**22)
    channel_max: Width = 512
    clamp: float = Field(256.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _power_of_two(self) -> StyleGANSizes:
        if self.resolution & (self.resolution - 1):
            raise ValueError("the resolution must be a power of two")
        if self.channel_base < self.resolution:
            raise ValueError("channel_base must be as large as the resolution at least")
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """Rows of each level, from 4 to the image's."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    def width(self, level: int) -> int:
        """Channels of a level."""
        return min(self.channel_base // level, self.channel_max)

    @property
    def num_ws(self) -> int:
        """Latents that an image takes: one a convolution, and one for the last projection to grey values."""
        return 2 * len(self.levels)


class EncoderSizes(BaseModel):
    """Sizes of the network from an image to its latent.

    Attributes
    ----------
    channel_base, channel_max
        As for the generator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_base: int = Field(16384, ge=1, le=2**22)
    channel_max: Width = 512


class ProgressionArchitecture(BaseModel):
    """What a progression model consists of.

    Attributes
    ----------
    generator, encoder
        Sizes; without an encoder every projection starts at the mean latent.
    classifier
        Name of the classifier that grades images and whose features compare them; empty where a model was imported without.
    mirror
        Side ("L" or "R") whose images are mirrored before they are shown to the networks; empty for none.
    crop
        Share of an image's height and width, from its middle, that is looked at.
    cohort
        How the shipped cohort's images were projected; empty where none is shipped.
    surrogate
        What the shipped cohort's "visits" really are; empty for a cohort of real follow-up visits.
    body_part
        What images show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    generator: StyleGANSizes
    encoder: EncoderSizes | None = None
    classifier: str = ""
    mirror: Literal["", "L", "R"] = ""
    crop: tuple[Share, Share] = (1.0, 1.0)
    cohort: Literal["", "encoder", "fast", "published"] = ""
    surrogate: str = ""
    body_part: str = ""

    @property
    def view(self) -> ViewSizes:
        """What the networks see of an image: the middle square of the part that is looked at."""
        return ViewSizes(size=(self.generator.resolution,) * 2, fit="crop", crop=self.crop, mirror=self.mirror)


def progression_architecture(card: ModelCard) -> ProgressionArchitecture:
    """The architecture on a card; see :meth:`ModelCard.architecture_as`."""
    return card.architecture_as(ProgressionArchitecture, "progression")
