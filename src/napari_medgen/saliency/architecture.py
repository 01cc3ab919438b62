"""What a classifier's card says of its network, and of the images that it expects."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medgen.errors import ModelError
from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.models.card import ModelCard
from napari_medgen.validity import Finite, Layers, Width

CLASSIFIER_FILE = "classifier.safetensors"
REFERENCE_FILE = "reference.safetensors"

Training = Literal["standard", "adversarial", "dual", "unknown"]
_Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Norm = Literal["linf", "l2", "published-l2"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResNetSizes(_Table):
    """Sizes of the network.

    Attributes
    ----------
    depth
        18, 34 (basic blocks) or 50 (bottlenecks), as He 2016, table 1.
    widths
        Channels of the four stages (of a bottleneck, its inner ones). 64 to 512 in the published networks.
    widen
        Factor on the 3 x 3 convolution of a bottleneck (the official code's ``widefactor``).
    channels
        Channels of the input; 3 in the official networks, which see a grey image three times.
    classes
        Number of logits.
    domains
        Batch norms beside each other: 1 in an ordinary network, 2 in the published dual one.
    momentum
        Of the running statistics; 0.01 in the official dual batch norm, 0.1 in ordinary ones.
    max_pool
        Whether the stem halves the image a second time. Networks for small images leave that out.
    mean, std
        Subtracted from the image and divided by, inside the network, so that attacks stay in units of [0, 1]; one number,
        or one for each channel.
    """

    depth: Literal[18, 34, 50] = 50
    widths: tuple[Width, Width, Width, Width] = (64, 128, 256, 512)
    widen: Layers = 1
    channels: Literal[1, 3] = 3
    classes: int = Field(ge=1, le=20_000)
    domains: int = Field(2, ge=1, le=16)
    momentum: float = Field(0.01, gt=0, le=1)
    max_pool: bool = True
    mean: Finite | tuple[Finite, ...] = 0.0
    std: _Deviation | tuple[_Deviation, ...] = 1.0


class AttackSizes(_Table):
    """A projected-gradient attack (Madry 2018); the defaults are the paper's.

    Attributes
    ----------
    norm
        ``linf``; ``l2`` with a normalised gradient step; or ``published-l2``, the official option of that name: a sign
        step that is then projected onto the L2 ball.
    epsilon, step
        Radius of the ball, and length of a step, for images in [0, 1]. For ``l2``, of the whole image.
    steps
        Gradient steps; one, with ``step`` equal to ``epsilon``, is FGSM.
    random_start
        Begin at a random point of the ball (published for training only).
    """

    norm: Norm = "linf"
    epsilon: float = Field(0.005, ge=0, allow_inf_nan=False)
    step: float = Field(0.0025, ge=0, allow_inf_nan=False)
    steps: int = Field(10, ge=1, le=10_000)
    random_start: bool = True


class ClassifierArchitecture(_Table):
    """Everything needed to rebuild a classifier and to show it an image.

    Attributes
    ----------
    labels
        Names of the classes, in the order of the logits.
    exclusive
        Exactly one class holds (softmax), or each holds or not (sigmoid).
    ordinal
        The classes are grades in rising order.
    network, view
        Sizes.
    training
        Which of the three ways it was trained.
    attack
        The attack it was trained against; None where there was none or nobody knows.
    family
        Name that models share which were trained alike but for the way; they are offered for comparison.
    body_part
        What an image should show, for the sentence that warns of another.
    mask
        What the masks of its data show, for example "lung field"; empty where there are none.
    """

    labels: tuple[str, ...] = Field(min_length=1)
    exclusive: bool = False
    ordinal: bool = False
    network: ResNetSizes
    view: ViewSizes = ViewSizes()
    training: Training = "unknown"
    attack: AttackSizes | None = None
    family: str = ""
    body_part: str = ""
    mask: str = ""

    @model_validator(mode="after")
    def _agree(self) -> ClassifierArchitecture:
        if len(self.labels) != self.network.classes:
            raise ValueError(f"{self.network.classes} logits need as many labels, not {len(self.labels)}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("each label may occur once")
        if self.exclusive and len(self.labels) < 2:
            raise ValueError("mutually exclusive classes are two at least")
        return self

    @property
    def domain_names(self) -> tuple[str, ...]:
        """What the batch norms are called on screen; empty for a network with one."""
        count = self.network.domains
        if count == 1:
            return ()
        return ("clean", "adversarial", *(f"domain {i}" for i in range(2, count)))[:count]

    def class_index(self, label: str) -> int:
        """Index of a class by its name; case does not matter.

        Raises
        ------
        ModelError
            If there is no such class; the message lists those there are.
        """
        known = [name.lower() for name in self.labels]
        if label.lower() not in known:
            raise ModelError(f"There is no class {label}; the classes are: {', '.join(self.labels)}.")
        return known.index(label.lower())


def classifier_architecture(card: ModelCard) -> ClassifierArchitecture:
    """The architecture on a card; see :meth:`ModelCard.architecture_as`."""
    return card.architecture_as(ClassifierArchitecture, "saliency")
