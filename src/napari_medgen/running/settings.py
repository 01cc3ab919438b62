"""What a user may set once for all sessions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medgen.errors import MedGenError


class Settings(BaseModel):
    """The settings file, with environment variables over it.

    Attributes
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``; ``NAPARI_MEDGEN_DEVICE``.
    precision
        ``auto``, ``float32`` or ``bfloat16``; ``NAPARI_MEDGEN_PRECISION``. ``auto`` is what a model's card asks for, and
        where it does not care, bfloat16 on hardware that computes in it.
    cluster
        Where the window may send long work: ``local:N``, ``tcp://HOST:8786`` or ``slurm:N``, as ``--cluster`` takes it;
        empty for nowhere; ``NAPARI_MEDGEN_CLUSTER``.
    largest_image
        Gigabytes of voxels or pixels that one image file may ask for; ``NAPARI_MEDGEN_LARGEST_IMAGE``.
    largest_model
        Gigabytes of numbers that a model folder or a checkpoint may ask for; ``NAPARI_MEDGEN_LARGEST_MODEL``.
    model_folders
        More folders to look for models in; ``NAPARI_MEDGEN_MODELS``, separated as in ``PATH``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = "auto"
    precision: str = "auto"
    cluster: str = ""
    model_folders: tuple[Path, ...] = ()
    largest_image: float = Field(4.0, gt=0, allow_inf_nan=False)
    largest_model: float = Field(8.0, gt=0, allow_inf_nan=False)


_preferred: dict[str, object] = {}


def prefer(values: dict[str, object]) -> None:
    """Take entries for this process from elsewhere, as a window's page of preferences is.

    They go over the settings file and below the environment variables. An entry that the file's form does not allow is
    refused when the settings are loaded, as one of the file is.
    """
    _preferred.clear()
    _preferred.update(values)


def as_environment() -> dict[str, str]:
    """What :func:`prefer` took, as variables for a process of its own; those that are set already stay."""
    told = {f"NAPARI_MEDGEN_{name.upper()}": value for name, value in _preferred.items() if isinstance(value, str)}
    if isinstance(folders := _preferred.get("model_folders"), list):
        told["NAPARI_MEDGEN_MODELS"] = os.pathsep.join(map(str, folders))
    return {name: value for name, value in told.items() if not os.environ.get(name)}


def settings_file() -> Path:
    """Where the settings are: ``settings.json`` in the user's configuration folder."""
    return platformdirs.user_config_path("napari-medgen") / "settings.json"


def load_settings() -> Settings:
    """The settings in force.

    Raises
    ------
    MedGenError
        If the file is not valid.
    """
    file = settings_file()
    values: dict[str, object] = {}
    try:
        if file.is_file():
            values = json.loads(file.read_text(encoding="utf-8"))
        values |= _preferred
        for name in ("device", "precision", "cluster", "largest_image", "largest_model"):
            if value := os.environ.get(f"NAPARI_MEDGEN_{name.upper()}"):
                values[name] = value
        if folders := os.environ.get("NAPARI_MEDGEN_MODELS"):
            values["model_folders"] = [Path(part) for part in folders.split(os.pathsep) if part]
        return Settings.model_validate(values)
    except (ValueError, TypeError, ValidationError):
        raise MedGenError(f"The settings file {file} is not valid; mend or remove it.") from None
