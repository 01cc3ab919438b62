"""How a training goes: a grid of images, and a distance between real and generated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_medgen.progression.frames import to_grey
from napari_medgen.progression.grader import Grader
from napari_medgen.progression.training.trained import Trained
from napari_medgen.running.training.workspace import Stage, append_row
from napari_medgen.statistics.distribution import kernel_distance

_SHOWN, _COMPARED, _AT_ONCE = 8, 256, 32


@torch.no_grad()
def pooled_features(frames: Tensor, grader: Grader) -> NDArray[np.float64]:
    """Averages and spreads (N, D) of the classifier's feature maps, for grey frames (N, 1, H, W) in [0, 1]."""
    rows = []
    for start in range(0, len(frames), _AT_ONCE):
        maps = grader.features(frames[start : start + _AT_ONCE])
        rows.append(torch.cat([part for one in maps for part in (one.mean((2, 3)), one.std((2, 3)))], 1))
    found: NDArray[np.float64] = torch.cat(rows).cpu().double().numpy()
    return found


@torch.no_grad()
def look(trained: Trained, frames: NDArray[np.uint8], grader: Grader, stage: Stage, step: int, seed: int) -> None:
    """Write a grid (real, reproduced, generated) and a line with the kernel distances of both to the real images."""
    generator = torch.Generator().manual_seed(seed)
    network, device = trained.generator, trained.generator.mapping.w_avg.device
    rows = np.linspace(0, len(frames) - 1, min(_COMPARED, len(frames))).round().astype(int)
    real = torch.from_numpy(np.ascontiguousarray(frames[rows])).to(device).float()[:, None] / 127.5 - 1
    made, again = [], []
    for start in range(0, len(rows), _AT_ONCE):
        chunk = real[start : start + _AT_ONCE].expand(-1, network.sizes.channels, -1, -1)
        z = torch.randn(len(chunk), network.sizes.z_dim, generator=generator).to(device)
        made.append(to_grey(network(z)))
        if trained.encoder is not None:
            again.append(to_grey(network.synthesis(network.spread(trained.encoder(chunk)))))
    shown = [to_grey(real), *([torch.cat(again)] if again else []), torch.cat(made)]
    reference = pooled_features(shown[0], grader)
    mean, spread = reference.mean(0), reference.std(0) + 1e-6  # so that no single feature decides
    distances = [
        kernel_distance((reference - mean) / spread, (pooled_features(one, grader) - mean) / spread) for one in shown[1:]
    ]
    names = ["reproduced", "generated"] if again else ["generated"]
    append_row(stage.log.with_name("distance.csv"), {"iteration": step} | dict(zip(names, distances, strict=True)))
    pick = np.linspace(0, len(rows) - 1, _SHOWN).round().astype(int)
    save_frames(stage.pictures / f"{step:06d}.png", [[one[i, 0].cpu().numpy() for i in pick] for one in shown])


def save_frames(path: Path, rows: list[list[NDArray[np.float32]]]) -> None:
    """Write rows of frames (H, W) in [0, 1] as one PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.concatenate([np.concatenate(row, 1) for row in rows], 0)
    Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8)).save(path)
