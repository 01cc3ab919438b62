"""What to sample; known before PyTorch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from napari_medgen.errors import MedGenError

SamplerName = Literal["dpm++", "ddim", "ancestral"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)


@dataclass(frozen=True)
class SampleRequest:
    """What to sample.

    Attributes
    ----------
    seed
        Of the first volume; a request's i-th volume has ``seed + i``.
    sampler, steps, eta
        ``steps`` is not used by ``ancestral``, which takes the whole schedule; ``eta`` only by ``ddim``.
    condition
        Values by name for conditional models; empty for none.
    guidance
        Classifier-free guidance scale; one for none.
    precision
        ``float32`` or ``bfloat16``; empty for what settings, model and device come to.
    previews
        Whether progress carries a look at the volume.

    Raises
    ------
    MedGenError
        If a number is out of range.
    """

    seed: int = 0
    sampler: SamplerName = "dpm++"
    steps: int = 20
    eta: float = 0.0
    condition: Mapping[str, Any] = field(default_factory=dict)
    guidance: float = 1.0
    precision: str = ""
    previews: bool = False

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise MedGenError(f"There is no sampler {self.sampler}; there are {', '.join(SAMPLERS)}.")
        if not 1 <= self.steps <= 1000:
            raise MedGenError(f"The number of steps must lie between 1 and 1000, not {self.steps}.")
        if not 0 <= self.seed < 2**63:
            raise MedGenError(f"The seed must be a whole number from 0, not {self.seed}.")
        if not 0 <= self.eta <= 1:
            raise MedGenError(f"Eta must lie between 0 and 1, not {self.eta:g}.")
        if self.precision not in ("", "float32", "bfloat16"):
            raise MedGenError(f"The precision of a sample is float32 or bfloat16, not {self.precision}.")
        if not 0 <= self.guidance <= 20:
            raise MedGenError(f"The guidance scale must lie between 0 and 20, not {self.guidance:g}.")
