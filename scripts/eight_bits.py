"""Store the denoiser of a volume model in eight bits, and say what that changes in its samples.

    python scripts/eight_bits.py brain-t1 --out work/brain-t1-small --seeds 8

The same seeds are sampled with the weights in half precision and in eight bits: peak signal to noise between the two, and
beside it that between different seeds, which says how large a difference is.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from napari_medgen.models.catalogue import find_model
from napari_medgen.models.folder import open_folder, write_folder
from napari_medgen.models.stored import eight_bits
from napari_medgen.running.progress import drive
from napari_medgen.volumes.architecture import AUTOENCODER_FILE, DENOISER_FILE, REFERENCE_FILE
from napari_medgen.volumes.evaluation.similarity import psnr
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest


def main() -> None:
    """Write the smaller model and compare."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("model")
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--seeds", type=int, default=8)
    given = asked.parse_args()
    folder = find_model(given.model)
    card = folder.card
    recipe = {**card.recipe, "denoiser": {**card.recipe["denoiser"], "stored": "int8"}} if card.recipe else card.recipe
    weights = {name: load_file(folder.path / name) for name in (AUTOENCODER_FILE, REFERENCE_FILE)}  # as they are
    weights[DENOISER_FILE] = eight_bits(folder.tensors(DENOISER_FILE))
    write_folder(given.out, card.model_copy(update={"recipe": recipe}), weights)
    small = open_folder(given.out)
    for one in (folder, small):
        print(one.path, sum(file.stat().st_size for file in one.path.iterdir()) / 1e6, "MB")
    volumes = [
        [drive(generator.sample(SampleRequest(seed))).volume.voxels for seed in range(given.seeds)]
        for generator in (VolumeGenerator(folder), VolumeGenerator(small))
    ]
    scaled = [[2 * np.asarray(v, np.float32) / max(float(np.max(v)), 1e-6) - 1 for v in row] for row in volumes]
    print("the same seed:", [round(psnr(a, b), 1) for a, b in zip(*scaled, strict=True)], "dB")
    print("different seeds:", [round(psnr(a, b), 1) for a, b in pairwise(scaled[0])], "dB")


if __name__ == "__main__":
    main()
