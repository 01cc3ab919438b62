"""How fast a model is on the device that it computes on."""

from __future__ import annotations

import time
from typing import Any

import torch

from napari_medgen.running.devices import synchronise
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest


def measure_speed(generator: VolumeGenerator) -> dict[str, float]:
    """Seconds of one denoiser step and of one decoding on the generator's device, best of three, and of the device's
    reference convolution.
    """
    shape, place = generator.architecture.latent_shape, generator.device.torch
    x = torch.zeros(1, *shape, device=place)
    denoise = generator.denoise(SampleRequest())

    def best(work: Any) -> float:
        work()
        times = []
        for _ in range(3):
            synchronise(place)
            begun = time.perf_counter()
            work()
            synchronise(place)
            times.append(time.perf_counter() - begun)
        return min(times)

    return {
        "seconds_per_step": best(lambda: denoise(x, 0)),
        "seconds_per_decoding": best(lambda: generator.decode(x)),
        "reference_convolution": generator.computing().convolution_seconds,
    }
