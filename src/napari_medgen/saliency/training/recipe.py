"""A recipe for a classifier: one TOML file, and one switch for the three ways of training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.models.recipe import About, RecipeTable
from napari_medgen.saliency.architecture import AttackSizes, ResNetSizes


class DataRecipe(RecipeTable):
    r"""Which images, what they show, and who must not be on both sides of the split.

    Images are found either in one folder a class (``train``, ``test`` and ``folders``) or through a CSV table as the
    official code reads it (``table``: an image column, one column a label, and ``fold`` with train, valid or test).

    Attributes
    ----------
    train, test
        Folders of class folders.
    folders
        Class folder to label; an empty label for images that show none of the classes.
    table, image_column
        The CSV file and its column of file names, relative to the data folder.
    blank, uncertain
        What a gap in the table, and a label below zero (CheXpert's "uncertain"), means: ``unknown``, so that it is left out
        and counted, or ``absent`` (the published code takes both so; CheXpert's own papers take gaps so).
    mask
        File of an image's mask, with ``{split}``, ``{folder}`` and ``{stem}``; images without one have no mask.
    mask_inside, mask_ignore
        Grey value within the mask, and of pixels that count for nothing.
    subject, side
        Regular expressions on a file's stem whose first group is the patient, and the side ("L" or "R"). A pattern of the
        patient that holds a slash is looked for in the file's whole place in the data folder: ``patient(\d+)/``.
    subject_column
        Column of the table that names the patient; instead of ``subject``.
    in_both
        What to do about a patient in two splits: ``refuse`` the data, or ``drop`` the images of the one that trains.
    validation
        Share of training patients that early stopping looks at.
    share
        Share of the other training patients that is used; less than 1 for studies of the training-set size.
    frame
        Rows and columns at which images are kept in memory.
    """

    train: str = "train"
    test: str = "val"
    folders: dict[str, str] = Field({})
    table: str = ""
    image_column: str = "Image Index"
    blank: Literal["absent", "unknown"] = "unknown"
    uncertain: Literal["absent", "unknown"] = "unknown"
    mask: str = ""
    mask_inside: int = 255
    mask_ignore: int = -1
    subject: str = "(.*)"
    subject_column: str = ""
    side: str = ""
    in_both: Literal["refuse", "drop"] = "refuse"
    validation: float = Field(0.1, gt=0, lt=1)
    share: float = Field(1.0, gt=0, le=1)
    frame: tuple[int, int] = (256, 256)

    @model_validator(mode="after")
    def _one_source(self) -> DataRecipe:
        if bool(self.folders) == bool(self.table):
            raise ValueError("images come from folders or from a table: name one of the two")
        if self.subject_column and not self.table:
            raise ValueError("subject_column names a column of a table, and there is none")
        return self


class AugmentationRecipe(RecipeTable):
    """Random changes of training images.

    Attributes
    ----------
    rotation, shear
        Degrees to either side.
    shift
        Share of height and width.
    scaling
        Relative, to either side.
    brightness, contrast, gamma
        Relative, to either side.
    flip
        Whether left and right may be exchanged.
    """

    rotation: float = 10.0
    shear: float = 0.0
    shift: float = 0.05
    scaling: float = 0.1
    brightness: float = 0.1
    contrast: float = 0.2
    gamma: float = 0.2
    flip: bool = False


class OptimiserRecipe(RecipeTable):
    """How the weights are fitted.

    Attributes
    ----------
    epochs, batch
        Passes over the training images, images a batch.
    accumulate
        Batches a process whose gradients make one update.
    minutes
        Time after which a training in one process ends at the latest, its rate having fallen to zero by then, where a
        machine is lent for so long; 0 for none.
    learning_rate, weight_decay
        AdamW's. The published training is Adam with 1e-2 and no decay.
    schedule
        ``one-cycle`` rises over the first ``warmup`` share of its steps and falls as a cosine; ``steps`` divides by ten at
        each of the ``milestones`` (epochs), as published.
    cycles
        How often ``one-cycle`` is gone through in the epochs (warm restarts, Loshchilov 2017).
    smoothing
        Label smoothing.
    balance
        Power of the inverse class frequency in the loss: 0 for none, 1 for full.
    ema
        Decay of the averaged weights, which are what is validated and kept; 0 for none.
    patience
        Epochs without a lower clean validation loss after which training ends; 0 for never.
    """

    epochs: int = Field(20, ge=1)
    batch: int = Field(64, ge=2)
    accumulate: int = Field(1, ge=1)
    minutes: float = Field(0.0, ge=0)
    learning_rate: float = Field(4e-3, gt=0)
    weight_decay: float = 0.05
    schedule: Literal["one-cycle", "steps"] = "one-cycle"
    cycles: int = Field(1, ge=1)
    warmup: float = Field(0.25, ge=0, lt=1)
    milestones: tuple[int, ...] = (100, 200)
    smoothing: float = Field(0.0, ge=0, lt=1)
    balance: float = Field(0.0, ge=0, le=1)
    ema: float = Field(0.99, ge=0, lt=1)
    patience: int = Field(0, ge=0)


class ClassifierRecipe(RecipeTable):
    """A whole recipe.

    Attributes
    ----------
    name
        Of the family. The dual model has this name, the others add theirs: ``knee-kl-standard``.
    training
        ``standard``: clean images. ``adversarial``: adversarial images only, one batch norm. ``dual``: the sum of the losses
        of clean images through one batch norm and adversarial ones through the other.
    labels, exclusive, ordinal, body_part, mask_shows
        As on the card.
    precision
        ``auto`` measures whether bfloat16 is faster on this device.
    keep_every
        Epochs between checkpoints that stay, with their numbers, beside the last two; 0 for none. The weights with the
        lowest clean validation loss are in every checkpoint.
    """

    task: Literal["saliency"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    training: Literal["standard", "adversarial", "dual"] = "dual"
    seed: int = 0
    keep_every: int = Field(0, ge=0)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    labels: tuple[str, ...] = Field(min_length=1)
    exclusive: bool = False
    ordinal: bool = False
    body_part: str = ""
    mask_shows: str = ""
    about: About
    data: DataRecipe
    network: ResNetSizes
    view: ViewSizes
    attack: AttackSizes = AttackSizes()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()

    @model_validator(mode="after")
    def _agree(self) -> ClassifierRecipe:
        if unknown := sorted(set(self.data.folders.values()) - {*self.labels, ""}):
            raise ValueError(f"the folders name a label that is not among the labels: {unknown[0]}")
        return self

    @property
    def of_weights(self) -> dict[str, Any]:
        """What the weights depend on, for the checkpoint."""
        content = self.model_dump(
            mode="json", exclude={"about", "precision", "body_part", "mask_shows", "task", "keep_every"}
        )
        del content["optimiser"]["accumulate"]  # counts together with the processes
        return content

    @property
    def model_name(self) -> str:
        """Name of the model that comes out."""
        return self.name if self.training == "dual" else f"{self.name}-{self.training}"

    @property
    def sizes(self) -> ResNetSizes:
        """The network's sizes with as many classes and batch norms as this training needs."""
        domains = max(self.network.domains, 2) if self.training == "dual" else 1
        return self.network.model_copy(update={"classes": len(self.labels), "domains": domains})
