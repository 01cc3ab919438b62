"""A recipe: one TOML file from which a shipped model, or a user's own, is trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from napari_medgen.models.recipe import About, RecipeTable, read_toml, validate_recipe
from napari_medgen.volumes.architecture import VolumeArchitecture
from napari_medgen.volumes.conditions import Condition
from napari_medgen.volumes.diffusion import LatentScale
from napari_medgen.volumes.networks.convnet import ConvUNetSizes
from napari_medgen.volumes.networks.unet3d import Unet3DSizes
from napari_medgen.volumes.networks.vqgan import Triple, VQGANSizes


class DataRecipe(RecipeTable):
    r"""Which files, and how they become volumes of one shape with intensities in [-1, 1].

    Attributes
    ----------
    images
        Glob below the data folder.
    masks
        File that belongs to an image, with ``{stem}`` for its name, ``{folder}`` for the folder it lies in and
        ``{subject}``; voxels where it is zero become background. May be empty.
    table, table_key
        CSV of conditions, or a glob of several, and the column that names the subject, or what the image's name begins with.
        May be empty.
    subject
        Regular expression whose first group is the subject; files of one subject stay together in the split. It is
        matched with the file's own name, or with its whole place in the data folder where it holds a slash
        (``patient(\d+)/``). Empty: BIDS's ``sub-XX`` where a place names one, else each file is a subject.
    volume
        Which volume of files that hold several, from 0; without it such files are refused.
    validation
        Share of subjects kept for validation; each is chosen by itself, so that more files move nobody.
    held_out
        Subjects kept for validation, by name; instead of the share.
    shape, spacing
        Grid along (S, P, L), spacing in millimetres.
    centre
        Put the middle of the ``volume`` or of its ``foreground`` in the middle of the grid.
    border
        What lies outside an image: ``background`` (-1), or its ``mirror``, for crops that are smaller than the grid, which
        would teach a model black edges.
    lower, upper
        Percentiles of the foreground that become -1 and 1.
    window
        Grey values that become -1 and 1 instead, the same for every image: for CT, in Hounsfield units. Samples are then
        written in these units.
    range
        What [-1, 1] is turned into when a sample is written, where there is no window.
    flip
        Axis whose mirror image is as good a training volume: "S", "P", "L", or empty.
    rotation, scaling, shift, elastic
        Random augmentation of the latent model's data: degrees, relative, millimetres; and the standard deviation of a
        smooth random displacement in millimetres.
    contrast, bias
        Its grey values: largest logarithm of a random exponent, and standard deviation of a smooth random shading.
    copies
        Augmented copies of each training volume whose latents are cached.
    """

    images: str = "**/*.nii*"
    masks: str = ""
    table: str = ""
    table_key: str = ""
    subject: str = ""
    volume: int | None = Field(None, ge=0)
    validation: float = Field(0.1, ge=0, lt=1)
    held_out: tuple[str, ...] = ()
    shape: Triple
    spacing: tuple[float, float, float]
    centre: Literal["volume", "foreground"] = "volume"
    border: Literal["background", "mirror"] = "background"
    lower: float = Field(0.0, ge=0, le=100)
    upper: float = Field(99.5, ge=0, le=100)
    window: tuple[float, float] | None = None
    range: tuple[float, float] = (0.0, 255.0)
    flip: Literal["", "S", "P", "L"] = ""
    rotation: float = 0.0
    scaling: float = 0.0
    shift: float = 0.0
    elastic: float = Field(0.0, ge=0)
    contrast: float = Field(0.0, ge=0, lt=1)
    bias: float = Field(0.0, ge=0, lt=1)
    copies: int = Field(1, ge=1)

    @model_serializer(mode="wrap")
    def _without_what_was_not_asked(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Recipes of before there were windows stay what they were: what was prepared by them is as good as before."""
        content: dict[str, Any] = dump(self)
        return content if self.window else {key: value for key, value in content.items() if key != "window"}

    @model_validator(mode="after")
    def _window_is_one(self) -> DataRecipe:
        if self.window and not -math.inf < self.window[0] < self.window[1] < math.inf:
            raise ValueError(f"the window {self.window} must rise from one number to another")
        return self


# What of a recipe's data is done to volumes for the second stage only.
AUGMENTATION = frozenset({"rotation", "scaling", "shift", "elastic", "contrast", "bias", "copies"})


class AutoencoderRecipe(RecipeTable):
    """Stage one. Weights follow Khader 2023 (supplement, table 1) unless a recipe says otherwise.

    Attributes
    ----------
    sizes
        Architecture.
    iterations, batch, patch, learning_rate
        Generator updates, patches a batch, their shape, Adam's rate (constant, then linear to zero in the last fifth).
    accumulate
        Batches a process whose gradients make one update; the codebook learns of each.
    minutes
        Time after which the stage ends at the latest, its rate having fallen by then, on a machine that is lent; 0 for none.
    part
        ``decoder`` leaves encoder and codes as they are in ``start``, so that the denoiser there still fits, and
        decodes from the latent itself.
    codes_from
        Iteration at which quantisation begins; before it the autoencoder is continuous.
    bypass
        Share of patches that are decoded without quantisation, so that the decoder serves both.
    restart_below
        Moving-average count under which a code is drawn anew.
    l1, gradient, perceptual, commitment, adversarial, feature_matching
        Loss weights. The published ones are 4, 0, 4, 1, 1, 4.
    perceptual_weights
        File with LPIPS-VGG16 weights (an official VQ-GAN checkpoint holds them); needed where ``perceptual`` is not 0.
    adversarial_from
        Iteration at which the discriminators start.
    disc_channels
        Width of both discriminators; 64 published.
    """

    sizes: VQGANSizes = VQGANSizes()
    iterations: int = Field(50_000, ge=0)
    minutes: float = Field(0.0, ge=0)
    part: Literal["all", "decoder"] = "all"
    batch: int = Field(2, gt=0)
    accumulate: int = Field(1, ge=1)
    patch: Triple = (32, 32, 32)
    learning_rate: float = 3e-4
    codes_from: int = 0
    bypass: float = Field(0.0, ge=0, le=1)
    restart_below: float = 1.0
    l1: float = 4.0
    gradient: float = 0.0
    perceptual: float = 0.0
    perceptual_weights: str = ""
    commitment: float = 1.0
    adversarial: float = 1.0
    adversarial_from: int = 10_000
    feature_matching: float = 4.0
    disc_channels: int = 64


class DenoiserRecipe(RecipeTable):
    """Stage two.

    Attributes
    ----------
    sizes
        Architecture: the published ``unet3d`` or the fast ``conv-unet``.
    prediction
        What the network predicts: the noise (published) or the velocity (Salimans 2022).
    timesteps
        Length of the cosine schedule.
    iterations, batch, learning_rate, warmup
        Updates, latents a batch, Adam's rate and the updates over which it rises; it falls as a cosine after.
    accumulate
        Batches a process whose gradients make one update.
    stop
        Update after which it stops though the rate has not fallen yet, for a training that is gone on with elsewhere
        (another recipe's ``start``); 0 for all updates.
    minutes
        Time after which it ends at the latest, its rate having fallen by then, on a machine that is lent; 0 for none.
    ema
        Decay of the averaged weights.
    drop_condition
        Share of samples that are shown no condition, for classifier-free guidance.
    standardise
        Whether each latent channel is shifted and scaled to mean zero and deviation one, which is what the cosine schedule
        expects (Rombach 2022, appendix G, for one scale), instead of scaled by the codebook's range (published).
    stored
        How the file of the model holds the weights: in half precision, or in eight bits, which takes half the room.
    """

    sizes: Unet3DSizes | ConvUNetSizes = Field(ConvUNetSizes(), discriminator="architecture")
    prediction: Literal["noise", "velocity"] = "noise"
    loss: Literal["l1", "l2"] = "l1"
    timesteps: int = Field(300, gt=1)
    iterations: int = Field(150_000, ge=0)
    stop: int = Field(0, ge=0)
    minutes: float = Field(0.0, ge=0)
    batch: int = Field(10, gt=0)
    accumulate: int = Field(1, ge=1)
    learning_rate: float = 1e-4
    warmup: int = 0
    ema: float = 0.995
    drop_condition: float = Field(0.0, ge=0, le=1)
    standardise: bool = False
    stored: Literal["half", "int8"] = "half"


class Recipe(RecipeTable):
    """A whole recipe.

    Attributes
    ----------
    start
        Folder of a model of the same architecture that both stages begin from; empty for a new beginning. What has no
        iterations, autoencoder or denoiser, is taken from there as it is.
    quantise
        Whether samples are decoded from the nearest codes (published) or from the latent as it is.
    save_every, sample_every
        Iterations between checkpoints and between sample grids.
    keep_every
        Iterations between checkpoints that stay, with their numbers, beside the last two; 0 for none.
    precision
        ``auto`` measures whether bfloat16 is faster on this device.
    """

    task: Literal["volumes"] = "volumes"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 0
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    save_every: int = Field(500, ge=1)
    sample_every: int = Field(500, ge=1)
    keep_every: int = Field(0, ge=0)
    start: str = ""
    quantise: bool = True
    about: About
    data: DataRecipe
    conditions: tuple[Condition, ...] = ()
    autoencoder: AutoencoderRecipe = AutoencoderRecipe()
    denoiser: DenoiserRecipe = DenoiserRecipe()

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        """Everything that would go wrong hours later, or silently, is said when the recipe is read."""
        self.architecture(LatentScale.between(0.0, 1.0))
        if not self.start and not self.autoencoder.iterations:
            raise ValueError("an autoencoder of no iterations needs a model to start from (start)")
        if not self.start and not self.denoiser.iterations:
            raise ValueError("a denoiser of no iterations needs a model to start from (start)")
        if not self.denoiser.iterations and self.autoencoder.iterations and self.autoencoder.part == "all":
            raise ValueError("a denoiser of no iterations fits no autoencoder but its own: train the decoder alone (part)")
        if self.autoencoder.part == "decoder" and not self.start:
            raise ValueError("a decoder alone is trained on the latents of another model (start)")
        if self.keep_every % self.save_every:
            raise ValueError("keep_every is a multiple of save_every: what stays is a checkpoint")
        patch, grid, factors = self.autoencoder.patch, self.data.shape, self.autoencoder.sizes.downsample
        if any(side > whole for side, whole in zip(patch, grid, strict=True)):
            raise ValueError(f"autoencoder.patch {patch} is larger than data.shape {grid}")
        if any(side % factor for side, factor in zip(patch, factors, strict=True)):
            raise ValueError(f"autoencoder.patch {patch} does not divide by the downsampling {factors}")
        return self

    def keeps(self, iteration: int) -> bool:
        """Whether the checkpoint of an iteration stays."""
        return self.keep_every > 0 and iteration % self.keep_every == 0

    def architecture(self, scale: LatentScale) -> VolumeArchitecture:
        """What the card will say of the model.

        Raises
        ------
        ValueError
            If shape, autoencoder, denoiser and conditions do not fit together.
        """
        try:
            return VolumeArchitecture(
                shape=self.data.shape,
                spacing=self.data.spacing,
                intensities=self.data.window or self.data.range,
                absolute=self.data.window is not None,
                autoencoder=self.autoencoder.sizes,
                denoiser=self.denoiser.sizes,
                timesteps=self.denoiser.timesteps,
                prediction=self.denoiser.prediction,
                latent_range=scale.ranges,
                latent_limit=scale.limit,
                quantise=self.quantise,
                conditions=self.conditions,
                precision="auto",
            )
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        If the file is missing, not TOML, or says something that no recipe may; the message names the entry.
    """
    return validate_recipe(Recipe, read_toml(path), Path(path).name)
