"""How well the joint space of a knee is measured again: real knees twice, their boxes placed otherwise. Markdown.

    python scripts/joint_space_table.py KNEES [--count 20]      # KNEES: a folder with <grade>/<patient><L or R>.jpg

The second time the box is shifted by up to 3 % of its side, turned by up to 2 degrees and another 3 % larger or smaller, and
the picture has noise of its own. That is what placing a box by hand changes; how a patient stands and how the beam runs
changes more, and is not in these figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_medgen.imaging.joint_space import Compartment, compartment_width, joint_space
from napari_medgen.imaging.measure import Scale

PIXELS = Scale((1.0, 1.0), "px", "unknown")


def again(grey: NDArray[np.float32], random: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """The same knee in a box that was placed otherwise, and how much larger its pixels are."""
    turn, size = np.deg2rad(random.uniform(-2, 2)), float(np.exp(random.uniform(-0.03, 0.03)))
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = (np.array(grey.shape) - 1) / 2
    shift = random.uniform(-0.03, 0.03, 2) * grey.shape[0]
    moved = ndimage.affine_transform(grey, matrix, middle - matrix @ middle + shift, order=1, mode="nearest")
    return np.asarray((moved + random.normal(0, 0.02, grey.shape)).clip(0, 1), np.float32), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("knees", type=Path)
    parser.add_argument("--count", type=int, default=20)
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    every = sorted(asked.knees.rglob("*.jpg"))
    chosen = [every[place] for place in random.permutation(len(every))[: asked.count]]
    pairs: dict[Compartment, list[tuple[float, float]]] = {"medial": [], "lateral": []}
    places: dict[Compartment, list[tuple[float, float]]] = {"medial": [], "lateral": []}
    missing = 0
    for path in chosen:
        grey = np.asarray(Image.open(path).convert("L"), np.float32) / 255
        other, size = again(grey, random)
        gaps = [joint_space(one, path.stem[-1]) for one in (grey, other)]
        units = [factor * 224 / grey.shape[0] for factor in (1.0, size)]
        twice = [
            [(gap.compartment, gap.width(PIXELS) * unit) for gap in once] for once, unit in zip(gaps, units, strict=True)
        ]
        missing += sum(not np.isfinite(width) for once in twice for _, width in once)
        for kind in pairs:
            first, second = (np.array([width for name, width in once if name == kind]) for once in twice)
            places[kind] += list(zip(first, second, strict=True))
            first, second = (compartment_width(once, kind, PIXELS) * unit for once, unit in zip(gaps, units, strict=True))
            pairs[kind].append((first, second))
    print(f"{len(chosen)} knees; {missing} of {16 * len(chosen)} places not found.\n")
    print("| joint space | pairs | mean width | within-knee SD | repeatability (2.77 SD) | mean difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, rows in (("one place", places), ("median of four places", pairs)):
        for kind, values in rows.items():
            both = np.array(values)
            both = both[np.isfinite(both).all(1)]
            apart = both[:, 1] - both[:, 0]
            spread = float(np.sqrt((apart**2).mean() / 2))
            print(
                f"| {kind}, {name} | {len(both)} | {both.mean():.1f} | {spread:.2f} | {2.77 * spread:.2f} |"
                f" {apart.mean():+.2f} |"
            )
    print("\nIn 224ths of the box's side.")


if __name__ == "__main__":
    main()
