"""The most memory that a file may ask for, checked before room is made for it."""

from __future__ import annotations

from napari_medgen.errors import ImageError, MedGenError, ModelError
from napari_medgen.running.settings import load_settings

_GIGABYTE = 10**9


def readable(count: float) -> str:
    """Bytes for a person: in GB, or in MB below half of one."""
    if count >= 0.5 * _GIGABYTE:
        return f"{count / _GIGABYTE:,.1f} GB"
    return f"{max(count / 1e6, 0.1):,.1f} MB"


def largest_image() -> int:
    """Bytes of voxels or pixels that one image may hold."""
    return int(load_settings().largest_image * _GIGABYTE)


def largest_model() -> int:
    """Bytes of numbers that a model or a checkpoint may hold."""
    return int(load_settings().largest_model * _GIGABYTE)


def require_image_bytes(count: float, name: str) -> None:
    """Refuse an image that asks for more than the settings allow.

    Raises
    ------
    ImageError
        The sentence says what it asks for and what is allowed.
    """
    _require(count, largest_image(), name, "largest_image", ImageError)


def require_model_bytes(count: float, name: str) -> None:
    """Refuse a model or a checkpoint that asks for more than the settings allow.

    Raises
    ------
    ModelError
        The sentence says what it asks for and what is allowed.
    """
    _require(count, largest_model(), name, "largest_model", ModelError)


def _require(count: float, allowed: int, name: str, entry: str, kind: type[MedGenError]) -> None:
    if not count <= allowed:
        asked = readable(count) if readable(count) != readable(allowed) else f"more than {readable(allowed)}"
        raise kind(f"{name} asks for {asked} of memory; {readable(allowed)} are allowed ({entry} in the settings).")
