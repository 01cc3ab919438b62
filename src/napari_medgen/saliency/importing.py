"""Turn a checkpoint of the official Medical-Robust-Training code, or a torchvision ResNet, into a model folder.

Such a file is a bare state dict: shapes say the depth, widths, classes and batch norms; labels and image size must be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import ValidationError

from napari_medgen.errors import ModelError
from napari_medgen.imaging.network_view import ViewSizes
from napari_medgen.models.card import imported_card, model_name
from napari_medgen.models.checkpoints import read_checkpoint
from napari_medgen.models.folder import ModelFolder, build_network, write_folder
from napari_medgen.models.weights import weights_named
from napari_medgen.saliency.architecture import CLASSIFIER_FILE, ClassifierArchitecture, ResNetSizes
from napari_medgen.saliency.network import ResNet

Tensors = dict[str, torch.Tensor]
_OWN_NAMES = ("conv1.weight", "fc.weight")
_BLOCKS: dict[tuple[int, ...], Literal[18, 34]] = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 34}


@dataclass(frozen=True)
class Expected:
    """What a checkpoint does not say of the images and answers that its network expects.

    Attributes
    ----------
    size
        Rows and columns to which the official code resizes images.
    exclusive
        Softmax in the place of sigmoids.
    ordinal
        The classes are grades in rising order.
    mean, std
        Subtracted from an image in [0, 1], and divided by: one number, or one for each channel. ImageNet's are
        (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).
    """

    size: int = 256
    exclusive: bool = False
    ordinal: bool = False
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


def import_classifier(
    checkpoint: str | Path, out: str | Path, labels: Sequence[str], expected: Expected | None = None, *, name: str = ""
) -> ModelFolder:
    """Import a classifier's checkpoint; nothing in it is run.

    Parameters
    ----------
    checkpoint
        ``checkpoint_best.pth`` of the official code, or torchvision's layout; whatever stands before the names.
    out
        The model folder to write.
    labels
        Names of the classes in the order of the logits.
    expected
        What the checkpoint does not say.
    name
        Name of the model; the folder's by default.

    Raises
    ------
    ModelError
        If the file is not such a checkpoint, holds code, or does not fit the labels.
    """
    out, path, expected = Path(out), Path(checkpoint), expected or Expected()
    name = model_name(name, out)
    tensors = read_state_dict(path)
    sizes = infer_sizes(tensors, path.name)
    if len(labels) != sizes.classes:
        raise ModelError(f"{path.name} has {sizes.classes} classes, but {len(labels)} labels were given.")
    build_network(lambda: ResNet(sizes), tensors, f"network in {path.name}", missing_ok="num_batches_tracked")
    try:
        sizes = _normalised(sizes, expected)
        architecture = ClassifierArchitecture(
            labels=tuple(labels),
            exclusive=expected.exclusive or expected.ordinal,
            ordinal=expected.ordinal,
            network=sizes,
            view=ViewSizes(size=(expected.size, expected.size)),
            family=name,
        )
    except ValidationError as error:
        raise ModelError(f"{path.name} and what was said of it do not fit: {error.errors()[0]['msg']}.") from None
    card = imported_card(
        name,
        "saliency",
        architecture,
        f"Imported from {path.name}.",
        "Labels and image size were given at import, not read; what the model was trained on is not recorded.",
        "Research. Not for diagnosis.",
    )
    return write_folder(out, card, {CLASSIFIER_FILE: tensors})


def _normalised(sizes: ResNetSizes, expected: Expected) -> ResNetSizes:
    """Sizes with the mean and deviation that images are brought to.

    Raises
    ------
    ModelError
        If there are neither one nor as many numbers as channels.
    """
    update: dict[str, float | tuple[float, ...]] = {}
    for what, values in (("mean", expected.mean), ("std", expected.std)):
        if len(values) not in (1, sizes.channels):
            raise ModelError(
                f"The {what} is one number or one for each of the {sizes.channels} channels, not {len(values)}."
            )
        update[what] = values[0] if len(values) == 1 else values
    return ResNetSizes.model_validate(sizes.model_dump() | update)


def read_state_dict(path: Path) -> Tensors:
    """Tensors of a classifier's checkpoint by their own names, below whatever a training put before them.

    Raises
    ------
    ModelError
        If the file holds no residual network.
    """
    found = weights_named(read_checkpoint(path), _OWN_NAMES)
    if found is None:
        raise ModelError(f"{path.name} is not the checkpoint of a ResNet: it has no {' and '.join(_OWN_NAMES)}.")
    return found[1]


def infer_sizes(tensors: Tensors, name: str) -> ResNetSizes:
    """Sizes of the network from the shapes of its tensors.

    Raises
    ------
    ModelError
        If the blocks are not those of a ResNet-18, 34 or 50.
    """
    blocks = tuple(len({key.split(".")[1] for key in tensors if key.startswith(f"layer{stage}.")}) for stage in range(1, 5))
    bottleneck = "layer1.0.conv3.weight" in tensors
    depth = 50 if bottleneck and blocks == (3, 4, 6, 3) else None if bottleneck else _BLOCKS.get(blocks)
    if depth is None:
        raise ModelError(f"{name} has {blocks} blocks, which is not a ResNet-18, 34 or 50.")
    try:
        dual = [int(key.split(".bns.")[1].split(".")[0]) for key in tensors if ".bns." in key]
        return ResNetSizes(
            depth=depth,
            widths=tuple(tensors[f"layer{stage}.0.conv1.weight"].shape[0] for stage in range(1, 5)),
            widen=tensors["layer1.0.conv2.weight"].shape[0] // tensors["layer1.0.conv1.weight"].shape[0],
            channels=tensors["conv1.weight"].shape[1],
            classes=tensors["fc.weight"].shape[0],
            domains=max(dual) + 1 if dual else 1,
            momentum=0.01 if dual else 0.1,
        )
    except (ValidationError, LookupError, ValueError, ZeroDivisionError):
        raise ModelError(f"{name} has tensors whose shapes make no ResNet that is known.") from None
