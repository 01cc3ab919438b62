"""Sheets of volumes in three planes: what a model samples beside what is real, and beside what another model samples.

    napari-medgen prepare brain-t1 --data DATA --out brain-t1.npz
    python scripts/starter_sheets.py sheet brain-t1 brain-t1.npz docs/images
    python scripts/starter_sheets.py beside brain-t1 OLD-MODEL-FOLDER docs/images

``sheet`` shows seeds 0 to 15 and the first sixteen real ones of the archive, held-out people first; ``beside`` seeds 0 to 7
of both models, and prints the figures of both cards. Nothing is chosen, and every volume has the model's own window.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from webp import convert

from napari_medgen.models.catalogue import find_model
from napari_medgen.models.folder import ModelFolder, open_folder
from napari_medgen.running.devices import choose_device
from napari_medgen.running.progress import drive
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest

Volume = NDArray[np.float32]
_COLUMNS, _HEADING, _GAP = 4, 16, 4


def sampled(model: ModelFolder, seeds: Sequence[int]) -> list[Volume]:
    """Volumes in [0, 1], (S, P, L)."""
    generator = VolumeGenerator(model, choose_device())
    low, high = generator.architecture.intensities
    made = (drive(generator.sample(SampleRequest(seed=seed))).volume.voxels for seed in seeds)
    return [((voxels - low) / (high - low)).clip(0, 1).astype(np.float32) for voxels in made]


def real(archive: Path, count: int) -> list[Volume]:
    """The first volumes of an archive of ``napari-medgen prepare``, in [0, 1], held-out ones first."""
    with np.load(archive) as content:
        order = np.argsort(content["training"], kind="stable")[:count]
        return [volume.astype(np.float32) / 255 for volume in content["volumes"][order]]


def planes(volume: Volume) -> Volume:
    """Axial, coronal and a sagittal slice a little beside the middle, side by side, top of the head up."""
    depth, height, width = volume.shape
    slices = (volume[depth // 2], volume[::-1, height // 2], volume[::-1, :, width // 2 - width // 16])
    tallest = max(len(one) for one in slices)
    return np.hstack([np.pad(one, ((0, tallest - len(one)), (0, _GAP))) for one in slices])


def laid_out(groups: dict[str, list[Volume]]) -> Image.Image:
    """A heading and a block of volumes for each group, one below the other."""
    blocks: list[NDArray[Any]] = []
    for volumes in groups.values():
        cells = [np.pad(planes(volume), ((0, _GAP), (0, _GAP))) for volume in volumes]
        rows = [np.hstack(cells[first : first + _COLUMNS]) for first in range(0, len(cells), _COLUMNS)]
        blocks += [np.zeros((_HEADING, rows[0].shape[1])), *rows]
    page = Image.fromarray((np.vstack(blocks) * 255).astype(np.uint8)).convert("RGB")
    draw, top = ImageDraw.Draw(page), 0
    for words, volumes in groups.items():
        draw.text((4, top + 2), words, fill="white", font=ImageFont.load_default(11))
        tall = len(planes(volumes[0])) + _GAP
        top += _HEADING + tall * -(-len(volumes) // _COLUMNS)
    return page


def main() -> None:
    """Write the sheet that is asked for."""
    task, name, other, out = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    model = find_model(name)
    if task == "sheet":
        groups = {
            f"{name}, seeds 0 to 15, none chosen": sampled(model, range(16)),
            "real, those that no model was trained on first": real(other, 16),
        }
        path = out / f"sheet-{name}.png"
    else:
        before = open_folder(other)
        groups = {"before, seeds 0 to 7": sampled(before, range(8)), "now, seeds 0 to 7": sampled(model, range(8))}
        path = out / f"before-{name}.png"
        for figure, value in model.card.figures.items():
            was = before.card.figures.get(figure)
            print(f"| {figure} | {was.text if was else '-'} | {value.text} |")
    laid_out(groups).save(path)
    print(convert(path))


if __name__ == "__main__":
    main()
