"""A model for whoever computes: a process opens it once and keeps it, be it this one or a worker of a cluster."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from napari_medgen.errors import ModelError
from napari_medgen.models.folder import ModelFolder, open_folder
from napari_medgen.running.devices import Device, choose_device
from napari_medgen.running.settings import load_settings
from napari_medgen.running.shards import Placement
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.workers import own_device

M = TypeVar("M")
Of = TypeVar("Of", covariant=True)


class Opens(Protocol[Of]):
    """Gives a model; work that is spread holds one of these, since networks do not travel.

    Attributes
    ----------
    key
        Fingerprint of what the model's answers depend on.
    """

    @property
    def key(self) -> str: ...

    def __call__(self) -> Of: ...


@dataclass(frozen=True)
class Opened(Generic[M]):
    """A model that is open already, for work in this process."""

    model: M
    key: str

    def __call__(self) -> M:
        return self.model


@dataclass(frozen=True)
class Kept(Generic[M]):
    """Opens a model in the process that asks, the first time; pickle can name it.

    Attributes
    ----------
    load
        Makes the model of its folders and a device: a module's function, or an instance of a frozen dataclass, whose ``key``
        says what else is loaded.
    folders
        Of the model and of those that belong to it.
    checksums
        Of their weights: a process that finds others there refuses, and one that lives longer loads them anew.
    device
        As it was asked for.
    """

    load: Callable[[Sequence[ModelFolder], Device], M]
    folders: tuple[Path, ...]
    checksums: tuple[str, ...]
    device: str = ""

    @classmethod
    def of(cls, load: Callable[[Sequence[ModelFolder], Device], M], *folders: ModelFolder, device: str = "") -> Kept[M]:
        """For folders that are open here."""
        return cls(load, tuple(one.path.resolve() for one in folders), tuple(one.card.checksum for one in folders), device)

    @property
    def key(self) -> str:
        """Fingerprint of the weights, and of what else is loaded."""
        return key_of(self.checksums, getattr(self.load, "key", ""))

    def __call__(self) -> M:
        found: M = _kept(replace(self, device=own_device(self.device)))
        return found


def opened_here(opens: Opens[M], placement: Placement) -> M:
    """The model in this process; where others compute, on the CPU, for it is only asked what it is."""
    return (opens if placement.here or not isinstance(opens, Kept) else replace(opens, device="cpu"))()


def computed_with(opens: Opens[Any]) -> list[Any]:
    """What answers depend on to the last digit: weights, device and precision as they are asked for."""
    settings = load_settings()
    return [opens.key, getattr(opens, "device", "") or settings.device, settings.precision]


def key_of(checksums: Sequence[str], more: str = "") -> str:
    """Fingerprint of weights, and of what else a model was opened with; the same wherever it is asked for."""
    return fingerprint([list(checksums), more])


@functools.lru_cache(maxsize=1)
def _kept(wanted: Kept[Any]) -> Any:
    folders = [open_folder(path) for path in wanted.folders]
    for folder, checksum in zip(folders, wanted.checksums, strict=True):
        if folder.card.checksum != checksum:
            raise ModelError(
                f"The model {folder.name} on {platform.node()} has other weights than the one that was asked for."
            )
    return wanted.load(folders, choose_device(wanted.device))
