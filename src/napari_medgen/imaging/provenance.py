"""Where an image comes from, and whether a model made it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from napari_medgen import __version__


class Provenance(BaseModel):
    """What a reader must be able to find out about an image, wherever it travels.

    Attributes
    ----------
    synthetic
        A model made these voxels: sampled, interpolated or reconstructed.
    source
        The image that went in, by a name that follows from its content (``Radiograph.origin_name``), or by the name that a
        model gave it; empty where there was none. Never a file's name, which may be a patient's.
    model, model_checksum
        Model folder's name and the SHA-256 of its weights.
    sampler, steps, seed, eta, guidance, condition
        How a sample was drawn; ``steps`` as they were asked for, whatever each of them cost.
    towards, share
        Of an interpolation: the other seed, and how far towards it.
    precision, device
        What it was computed in and on: the last digits depend on them.
    copy_check
        Of a sample: how like it is to the training volume that it is most like, in words and figures; empty where nobody
        compared it.
    operation
        What was done: ``sample``, ``interpolate``, ``reconstruct``, or empty for an image as it was read.
    software
        Program and version that made it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    synthetic: bool = False
    operation: str = ""
    source: str = ""
    model: str = ""
    model_checksum: str = ""
    sampler: str = ""
    steps: int | None = None
    seed: int | None = None
    eta: float | None = None
    towards: int | None = None
    share: float | None = None
    precision: str = ""
    device: str = ""
    guidance: float | None = None
    condition: dict[str, Any] | None = None
    copy_check: str = ""
    software: str = f"napari-medgen {__version__}"

    @property
    def summary(self) -> str:
        """One line of at most 79 ASCII characters, for a file's description field."""
        mark = "SYNTHETIC, not for diagnosis" if self.synthetic else ""
        parts = [mark, self.model, "" if self.seed is None else f"seed {self.seed}", self.software]
        text = "; ".join(part for part in parts if part)
        return text.encode("ascii", "replace").decode()[:79]
