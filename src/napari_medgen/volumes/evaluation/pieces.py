"""The pieces of an evaluation of a volume model: shards, each of one volume or a few pairs.

Volumes pass from piece to piece as files of a folder that all see, numbers come back
(:mod:`napari_medgen.running.gathering`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import ImageError, WritingError
from napari_medgen.models.kept import Opens
from napari_medgen.running.progress import Progress, Steps, mapped
from napari_medgen.running.shards import require_shared
from napari_medgen.running.stamps import fingerprint
from napari_medgen.running.writing import write_whole
from napari_medgen.volumes.evaluation.features import volume_features
from napari_medgen.volumes.evaluation.similarity import ms_ssim, psnr, ssim
from napari_medgen.volumes.evaluation.speed import measure_speed
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.training.dataset import Case, load_case
from napari_medgen.volumes.training.recipe import DataRecipe

Volume = NDArray[np.float32]
"""Prepared volume (D, H, W) in [-1, 1], in the network's axes."""


@dataclass(frozen=True)
class Samples:
    """Samples a request: the file of the volume, seconds, and what it is most like."""

    opens: Opens[VolumeGenerator]
    folder: Path

    def __call__(self, request: SampleRequest) -> Steps[dict[str, Any]]:
        require_shared(self.folder)
        generator = self.opens()
        steps = generator.sample(request)
        sample = yield from mapped(steps, lambda progress: Progress(progress.step, progress.total, progress.message))
        made = generator.to_network(sample.volume)[0, 0].clamp(-1, 1).cpu().numpy()
        near = sample.nearest
        return {
            "file": str(_keep(self.folder / f"sample-{request.seed}.npy", made)),
            "seconds": sample.seconds,
            "nearest": {"distance": near.distance, "percentile": near.percentile} if near is not None else None,
        }


@dataclass(frozen=True)
class Prepares:
    """Prepares a real volume: its file, or why there is none (``failed``)."""

    recipe: DataRecipe
    axes: tuple[str, str, str]
    folder: Path

    def __call__(self, asked: tuple[int, Case, Any]) -> Steps[dict[str, str]]:
        index, case, stamp = asked
        require_shared(self.folder)
        yield Progress(0, 1)
        try:
            # Another file under the same name is another volume, and so is what is made of it.
            path = self.folder / f"real-{index}-{fingerprint(stamp)[:8]}.npy"
            return {"file": str(_keep(path, prepared(case, self.recipe, self.axes)))}
        except ImageError as error:
            return {"failed": str(error)}


@dataclass(frozen=True)
class Reconstructs:
    """Encodes and decodes a real volume: PSNR in decibels and SSIM, or why there are none (``failed``)."""

    opens: Opens[VolumeGenerator]
    recipe: DataRecipe

    def __call__(self, asked: tuple[Case, Any]) -> Steps[dict[str, Any]]:
        generator = self.opens()
        yield Progress(0, 1)
        try:
            volume = prepared(asked[0], self.recipe, generator.architecture.axes)
        except ImageError as error:
            return {"failed": str(error)}
        made = _reconstruct(generator, volume)
        return {"psnr_db": psnr(made, volume), "ssim": ssim(made, volume)}


class Describes:
    """Features of a volume's file, for the kernel distance."""

    def __call__(self, file: str) -> Steps[list[float]]:
        yield Progress(0, 1)
        features: list[float] = volume_features(np.load(file)).tolist()
        return features


class Compares:
    """MS-SSIM of pairs of files: standard and as published."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Steps[list[tuple[float, float]]]:
        yield Progress(0, 1)
        found = []
        for one, other in pairs:
            a, b = np.load(one), np.load(other)
            found.append((ms_ssim(a, b, variant="standard"), ms_ssim(a, b, variant="published")))
        return found


@dataclass(frozen=True)
class Times:
    """What whoever computes is called, and how fast it is."""

    opens: Opens[VolumeGenerator]

    def __call__(self, request: SampleRequest) -> Steps[dict[str, Any]]:
        generator = self.opens()
        yield Progress(0, 1)
        return {
            "device": generator.computing(request).label,
            "steps": generator.steps(request),
            "speed": measure_speed(generator),
        }


def prepared(case: Case, recipe: DataRecipe, axes: tuple[str, str, str]) -> Volume:
    """A real volume as the model sees it.

    Raises
    ------
    ImageError
        If it cannot be read or prepared.
    """
    placed, _ = load_case(case, recipe).oriented(axes)
    return np.ascontiguousarray(placed, np.float32)


@torch.no_grad()
def _reconstruct(generator: VolumeGenerator, volume: Volume) -> Volume:
    image = torch.from_numpy(volume)[None, None].to(generator.device.torch)
    with generator.computing().autocast():
        latent = generator.encode(image)
    made: Volume = generator.decode(latent.float())[0, 0].cpu().numpy()
    return made


def _keep(path: Path, volume: Volume) -> Path:
    content = io.BytesIO()
    np.save(content, volume.astype(np.float32, copy=False))
    return write_whole(path, content.getvalue(), WritingError)
