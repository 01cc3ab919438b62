"""A model folder: ``model.json`` and ``*.safetensors``."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from napari_medgen.errors import ModelError
from napari_medgen.models.card import ModelCard
from napari_medgen.models.stored import widened
from napari_medgen.running.limits import require_model_bytes
from napari_medgen.running.writing import text_bytes, write_whole
from napari_medgen.validity import first_fault, parse_json

if TYPE_CHECKING:
    import torch
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")

CARD = "model.json"
_LARGEST_CARD = 2**24
_WEIGHTS = ".safetensors"


@dataclass(frozen=True)
class ModelFolder:
    """An opened model: its card is read and valid, its weights are still on disk."""

    path: Path
    card: ModelCard

    @property
    def name(self) -> str:
        """Name on the card."""
        return self.card.name

    @property
    def example(self) -> Path | None:
        """A picture of what the model expects to be given; None where its folder holds none."""
        path = self.path / "example.png"
        return path if path.is_file() else None

    def verify(self) -> None:
        """Compare every weight file with its checksum.

        Raises
        ------
        ModelError
            If a file is missing or differs.
        """
        for name, expected in self.card.checksums.items():
            file = self.path / name
            if not file.is_file():
                raise ModelError(f"The model {self.name} is incomplete: {name} is missing.")
            if file_checksum(file) != expected:
                raise ModelError(f"The model {self.name} is damaged: {name} does not match its checksum. Copy it anew.")

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """Tensors of one weight file whose checksum is right, half precision and eight bits widened to single precision.

        Raises
        ------
        ModelError
            If the file is not part of the model, is damaged or missing.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        if name not in self.card.checksums:
            raise ModelError(f"The model {self.name} has no file {name}.")
        try:
            require_model_bytes((self.path / name).stat().st_size, f"{name} of the model {self.name}")
            content = (self.path / name).read_bytes()
        except OSError:
            raise ModelError(f"The model {self.name} is incomplete: {name} is missing.") from None
        if hashlib.sha256(content).hexdigest() != self.card.checksums[name]:
            raise ModelError(f"The model {self.name} is damaged: {name} does not match its checksum. Copy it anew.")
        try:
            return widened(load(content))
        except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError):
            raise ModelError(f"The model {self.name} is damaged: {name} is not a safetensors file.") from None


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_folder(path: str | Path) -> ModelFolder:
    """Open a model folder.

    Raises
    ------
    ModelError
        If there is no card, or it is not one this version understands.
    """
    path = Path(path)
    try:
        if (path / CARD).stat().st_size > _LARGEST_CARD:
            raise ModelError(f"The card of {path.name} is too long to be one.")
        content = parse_json((path / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} is not a model folder: it has no {CARD}.") from None
    except (OSError, ValueError):
        raise ModelError(f"The card of {path.name} cannot be read.") from None
    try:
        return ModelFolder(path, ModelCard.model_validate(content))
    except ValidationError as error:
        fault = first_fault(error, "card")
        raise ModelError(f"The card of {path.name} is not one this version understands: {fault}.") from None


def write_folder(
    path: str | Path,
    card: ModelCard,
    weights: Mapping[str, Mapping[str, torch.Tensor]],
    files: Mapping[str, bytes] | None = None,
) -> ModelFolder:
    """Write a model folder; it appears whole or not at all.

    Parameters
    ----------
    card
        Its checksums are replaced by those of the files written.
    weights
        Tensors by weight file.
    files
        What else belongs to the model, by file name; checked like the weights.

    Raises
    ------
    ModelError
        If the folder exists and is not a model, or cannot be written.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if path.exists() and not (path / CARD).is_file() and any(path.iterdir()):
        raise ModelError(f"{path} exists and is not a model folder; choose another place.")
    try:
        place = path.resolve()  # a link is followed, not replaced
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".writing-") as temporary:
            made = Path(temporary) / "new"
            made.mkdir()  # of the usual rights: a temporary folder is its owner's alone, and a model may be shared
            checksums = {}
            for name, tensors in weights.items():
                save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, made / name)
                (made / name).chmod(0o644)
                checksums[name] = file_checksum(made / name)
            for name, content in (files or {}).items():
                (made / name).write_bytes(content)
                checksums[name] = hashlib.sha256(content).hexdigest()
            card = card.model_copy(update={"checksums": checksums})
            write_card(made, card)
            _put_in_place(made, place, Path(temporary) / "old")
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror or error}.") from None
    return ModelFolder(path, card)


def _put_in_place(made: Path, path: Path, old: Path) -> None:
    """Make a written folder the model's; one that is there is replaced as a whole, and what a user put into it is kept."""
    if not path.is_dir():
        made.rename(path)
        return
    for own in path.iterdir():
        if own.name != CARD and own.suffix != _WEIGHTS and not (made / own.name).exists():
            (shutil.copytree if own.is_dir() else shutil.copy2)(own, made / own.name)
    path.rename(old)
    try:
        made.rename(path)
    except OSError:
        old.rename(path)
        raise


def write_card(path: Path, card: ModelCard) -> None:
    """Replace the card of a model folder."""
    write_whole(path / CARD, text_bytes(card.model_dump_json(indent=2) + "\n"), ModelError)


def load_weights(network: nn.Module, tensors: Mapping[str, torch.Tensor], what: str, *, missing_ok: str = "") -> None:
    """Fill a network with tensors of exactly its names and shapes.

    Parameters
    ----------
    what
        Name of the network, for the message.
    missing_ok
        A suffix of names that may be absent: buffers that only training needs.

    Raises
    ------
    ModelError
        If a tensor is missing, superfluous or of another shape; the first such name is in the message.
    """
    _require_shapes(network.state_dict(), tensors, what, missing_ok)
    for name, tensor in tensors.items():
        if tensor.is_complex():
            raise ModelError(f"The {what} is damaged: its tensor {name} holds complex numbers.")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelError(f"The {what} is damaged: its tensor {name} holds what is no finite number.")
    network.load_state_dict(dict(tensors), strict=False)


def build_network(
    make: Callable[[], Network], tensors: Mapping[str, torch.Tensor], what: str, *, missing_ok: str = ""
) -> Network:
    """A network with its weights; no memory is taken for it before names and shapes of the weights fit.

    Parameters
    ----------
    make
        Makes the network from what the card says, which may be anything.
    what, missing_ok
        As :func:`load_weights`.

    Raises
    ------
    ModelError
        See :func:`load_weights`; also if the sizes make no network.
    """
    import torch

    try:
        with torch.device("meta"):
            outline = make()
    except (ArithmeticError, LookupError, ValueError, TypeError, RuntimeError, AssertionError):
        raise ModelError(f"The {what} cannot be built: the sizes that are said of it do not fit each other.") from None
    _require_shapes(outline.state_dict(), tensors, what, missing_ok)
    network = make()
    load_weights(network, tensors, what, missing_ok=missing_ok)
    return network


def _require_shapes(
    own: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor], what: str, missing_ok: str
) -> None:
    for name, tensor in own.items():
        if name not in tensors:
            if missing_ok and name.endswith(tuple(missing_ok.split("|"))):
                continue
            raise ModelError(f"The {what} lacks the tensor {name}.")
        if tensors[name].shape != tensor.shape:
            have, want = tuple(tensors[name].shape), tuple(tensor.shape)
            raise ModelError(f"The {what}'s tensor {name} has the shape {have} where {want} is needed.")
    if superfluous := sorted(set(tensors) - set(own)):
        raise ModelError(f"The {what} holds a tensor that the architecture does not know: {superfluous[0]}.")
