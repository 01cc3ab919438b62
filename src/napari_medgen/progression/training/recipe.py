"""A recipe for a progression model: one TOML file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from napari_medgen.models.recipe import About, RecipeTable
from napari_medgen.progression.architecture import EncoderSizes, ProgressionArchitecture, StyleGANSizes


class DataRecipe(RecipeTable):
    """Which images, and when each knee was seen.

    Attributes
    ----------
    layout
        ``names``: files named as OAI and MOST name them. ``table``: a CSV or Parquet table. ``grades``: a folder a grade,
        one visit of each knee, from which a surrogate of follow-up is made.
    table
        Of the layout ``table``, relative to the data folder.
    train, test
        Folders of the layout ``grades``.
    grades
        Class folder to grade.
    subject, side
        Regular expressions on a file's stem whose first group is the patient, and the side.
    months_per_grade, months_unchanged
        Time that the surrogate says has passed between two knees, for each grade between them, and where there is none.
    """

    layout: Literal["names", "table", "grades"] = "names"
    table: str = ""
    train: str = "train"
    test: str = "val"
    grades: dict[str, int] = Field({})
    subject: str = r"^(\d+)"
    side: str = "([LRlr])$"
    months_per_grade: float = Field(24.0, gt=0)
    months_unchanged: float = Field(24.0, ge=0)


class AugmentationRecipe(RecipeTable):
    """Changes of real and generated images before the discriminator (ADA, Karras 2020a), as far as they suit radiographs.

    Left and right are never exchanged, nothing is turned by right angles and black never becomes white: sides are mirrored
    by laterality, and a radiograph has an up and a polarity.

    Attributes
    ----------
    target
        Share of real images whose score is positive minus those whose score is negative, which the probability is steered
        to.
    interval, kimg
        Steps between corrections, and thousands of images in which the probability could go from 0 to 1.
    shift, rotation, scaling, stretching
        Standard deviations: share of the width, degrees, and base-2 logarithms.
    brightness, contrast
        Standard deviations: on the scale from -1 to 1, and a base-2 logarithm.
    """

    target: float = Field(0.6, gt=0, lt=1)
    interval: int = Field(4, ge=1)
    kimg: float = Field(100.0, gt=0)
    shift: float = 0.05
    rotation: float = 5.0
    scaling: float = 0.1
    stretching: float = 0.05
    brightness: float = 0.1
    contrast: float = 0.25


class OptimiserRecipe(RecipeTable):
    """How the weights are fitted.

    Attributes
    ----------
    encoder
        ``joint``: encoder and generator learn together to reproduce the training images, while the generator also learns
        from the discriminator. ``after``: the generator is trained alone and kept fixed for the encoder. ``none``: no
        encoder.
    warmup_kimg, warmup_batch
        Thousands of images, and images a step, of joint training by reproduction alone, before the discriminator begins.
    kimg, batch
        Thousands of images shown to the discriminator, and images a step; none for a model that is taken as it is (the
        recipe's ``start``).
    minutes
        Time after which a training in one process ends at the latest, where a machine is lent for so long; 0 for none.
    encoder_kimg
        Thousands of images of the encoder's own training (``after``).
    learning_rate, beta
        Adam's; 0.0025 and 0 are published. The discriminator's beta is always 0.
    r1_gamma, r1_interval
        Weight of the gradient penalty on real images, and steps between its uses (lazy regularisation).
    path_length, path_interval
        Weight of the path-length regularisation, 0 for none (published: 2), and steps between its uses.
    ema_kimg, ema_rampup
        Half-life of the averaged weights: thousands of images, and at most this share of the images so far.
    pixel, perceptual, latent, reproduction
        Weights, in the encoder's loss, of the absolute difference of pixels, of the classifier's features, of the difference
        between a latent and what the encoder sees in its image, and of the discriminator's opinion of reproduced images.
    """

    encoder: Literal["joint", "after", "none"] = "joint"
    warmup_kimg: float = Field(0.0, ge=0)
    warmup_batch: int = Field(16, ge=1)
    kimg: float = Field(100.0, ge=0)
    minutes: float = Field(0.0, ge=0)
    batch: int = Field(8, ge=4)
    encoder_kimg: float = Field(50.0, gt=0)
    learning_rate: float = Field(0.0025, gt=0)
    beta: float = Field(0.0, ge=0, lt=1)
    r1_gamma: float = Field(0.4, ge=0)
    r1_interval: int = Field(16, ge=1)
    path_length: float = Field(0.0, ge=0)
    path_interval: int = Field(4, ge=1)
    ema_kimg: float = Field(10.0, gt=0)
    ema_rampup: float = Field(0.05, gt=0)
    pixel: float = 8.0
    perceptual: float = 4.0
    latent: float = 0.5
    reproduction: float = 0.5


class CohortRecipe(RecipeTable):
    """The cohort that is shipped with the model.

    Attributes
    ----------
    projection
        How its images are projected; ``none`` for no cohort.
    """

    projection: Literal["encoder", "fast", "published", "none"] = "encoder"


class ProgressionRecipe(RecipeTable):
    """A whole recipe.

    Attributes
    ----------
    generator, encoder
        Sizes of the networks; the discriminator has the encoder's.
    classifier
        Name of the model whose grades and features are used.
    mirror, crop, body_part
        As on the card.
    save_every, look_every
        Steps between checkpoints, and between grids with a distribution distance.
    keep_every
        Steps between checkpoints that stay, with their numbers, beside the last two; 0 for none.
    start
        A model's folder whose weights are begun with, wherever name and shape are the same: one of half the resolution
        gives all but the finest level, which then adds nothing at first.
    precision
        ``auto`` measures whether bfloat16 is faster on this device.
    """

    task: Literal["progression"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 0
    start: str = ""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    classifier: str
    mirror: Literal["", "L", "R"] = ""
    crop: tuple[float, float] = (1.0, 1.0)
    body_part: str = ""
    about: About
    data: DataRecipe
    generator: StyleGANSizes
    encoder: EncoderSizes = EncoderSizes()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    cohort: CohortRecipe = CohortRecipe()
    save_every: int = Field(500, ge=1)
    look_every: int = Field(500, ge=1)
    keep_every: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _something_to_learn(self) -> ProgressionRecipe:
        if self.keep_every % self.save_every:
            raise ValueError("keep_every is a multiple of save_every: what stays is a checkpoint")
        if not self.start and not self.optimiser.kimg:
            raise ValueError("a training of no images needs a model to start from (start)")
        if self.optimiser.minutes and self.optimiser.encoder == "after":
            raise ValueError(
                "minutes end a training whose encoder is trained jointly; one that comes after would be left out"
            )
        return self

    @property
    def of_weights(self) -> dict[str, Any]:
        """What the weights depend on, for the checkpoint: not what is said of them, nor how the cohort is made."""
        left_out = {"about", "body_part", "precision", "save_every", "look_every", "keep_every", "cohort", "task", "start"}
        content = self.model_dump(mode="json", exclude=left_out)
        # The months that a surrogate is said to take change no weight.
        content["data"] = {key: value for key, value in content["data"].items() if not key.startswith("months_")}
        return content

    @property
    def architecture(self) -> ProgressionArchitecture:
        """What the card will say."""
        return ProgressionArchitecture(
            generator=self.generator,
            encoder=None if self.optimiser.encoder == "none" else self.encoder,
            classifier=self.classifier,
            mirror=self.mirror,
            crop=self.crop,
            cohort="" if self.cohort.projection == "none" else self.cohort.projection,
            surrogate=SURROGATE if self.data.layout == "grades" else "",
            body_part=self.body_part,
        )


SURROGATE = "surrogate progression, learned from left-right differences, not from follow-up"
