"""Names that a form or a command line needs before PyTorch is imported."""

from __future__ import annotations

from typing import Literal, get_args

SamplerName = Literal["dpm++", "ddim", "ancestral"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
