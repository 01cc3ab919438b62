"""What a run will cost, said before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_medgen.models.card import ModelCard
from napari_medgen.running.devices import Device, gib
from napari_medgen.running.durations import Durations
from napari_medgen.volumes.architecture import VolumeArchitecture
from napari_medgen.volumes.decoding import decode_bytes
from napari_medgen.volumes.networks.convnet import ConvUNetSizes


@dataclass(frozen=True)
class Cost:
    """Peak memory in bytes, and seconds where the card holds measurements to scale (else NaN)."""

    bytes: int
    seconds: float

    @property
    def label(self) -> str:
        """For a person."""
        if math.isnan(self.seconds):
            return f"about {gib(self.bytes)}"
        time = f"{self.seconds:.1f} s" if self.seconds < 10 else f"{self.seconds:.0f} s"
        if self.seconds >= 120:
            time = f"{self.seconds / 60:.0f} min"
        return f"about {time}, {gib(self.bytes)}"


def denoise_bytes(architecture: VolumeArchitecture, *, guided: bool = False) -> int:
    """Memory of one denoiser step at its peak, beside the weights; guidance asks for two volumes at once."""
    _, d, h, w = architecture.latent_shape
    sizes, at_once = architecture.denoiser, 2 if guided else 1
    if isinstance(sizes, ConvUNetSizes):
        return at_once * d * h * w * sizes.widths[0] * 4 * 16
    # The linear attention's queries, keys and values at full resolution, their softmaxes, and the skips.
    return at_once * d * h * w * 4 * (6 * sizes.heads * sizes.head_width + 20 * sizes.dim)


def estimate(
    architecture: VolumeArchitecture,
    card: ModelCard,
    device: Device,
    *,
    weights: int,
    calls: int,
    count: int = 1,
    guided: bool = False,
) -> Cost:
    """Cost of ``count`` volumes of ``calls`` denoiser evaluations each.

    Seconds are those on the card times this machine's speed over the card's, both measured on one small convolution, times
    what the last samples of this model on this machine really took over what was predicted for them.
    """
    needed = max(denoise_bytes(architecture, guided=guided), decode_bytes(architecture.autoencoder, architecture.shape))
    factor = Durations().factor(durations_key(card, device))
    known = predicted_seconds(card, device, calls)
    if factor is None and not math.isfinite(known):
        return Cost(int(needed + weights), math.nan)
    work = known if math.isfinite(known) else float(calls)
    return Cost(int(needed + weights), count * work * (1.0 if factor is None else factor))


def learn(card: ModelCard, device: Device, *, calls: int, seconds: float) -> None:
    """Note what a volume of ``calls`` denoiser evaluations took, for the next estimate."""
    known = predicted_seconds(card, device, calls)
    Durations().record(durations_key(card, device), known if math.isfinite(known) else float(calls), seconds)


def predicted_seconds(card: ModelCard, device: Device, calls: int) -> float:
    """Seconds of one volume by the card's figures alone; NaN where it has none."""
    figures = card.figures
    names = ("seconds per step", "seconds per decoding", "seconds of the reference convolution")
    if not all(name in figures for name in names):
        return math.nan
    step, decode, reference = (figures[name].value for name in names)
    return (calls * step + decode) * device.convolution_seconds / reference


def durations_key(card: ModelCard, device: Device) -> str:
    """What a duration depends on: the weights, the machine, what it computes in, and what it is a multiple of."""
    unit = predicted_seconds(card, device, 1) / device.convolution_seconds if device.convolution_seconds else math.nan
    return f"{card.checksum} on {device.identity}, {device.precision}, {unit:.6g}"
