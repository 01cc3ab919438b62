"""Films of one or two knees made from single ones, the template that finds knees on them, and how often it does.

    python scripts/knee_boxes.py train KNEES OTHERS     # KNEES: a folder of single knees, <grade>/<patient><L or R>.jpg
    python scripts/knee_boxes.py table KNEES OTHERS [--sheet sheet.webp]    # others than those of the training

OTHERS is a folder of pictures without a knee, such as chests.

A film is a knee (or both of one patient) with more around it: shafts that go on, soft tissue that fades, a dark border;
shifted, turned by up to 12 degrees, cut off at one side by up to 15 %, mirrored, of another size. What was added is made up,
so a film is easier than a real one where its shafts are plainer, and harder where they end abruptly.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from napari_medgen.imaging import knee_boxes
from napari_medgen.imaging.knee_boxes import CELL, DIRECTIONS, MARGIN, SIDE, KneeBox

KINDS = ("two knees", "two knees", "shifted", "rotated", "cut off")
RIGHT = 0.1  # of its side: what an edge may be off
TEMPLATE = Path(knee_boxes.__file__).with_name("knee_template.npz")
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    """A picture in [0, 1] and where its knees are, from left to right."""

    kind: str
    grey: Grey
    boxes: tuple[KneeBox, ...]


def film(knees: Sequence[Path], seed: int) -> Film:
    """A film of its own for each seed; of every five, two show both knees of a patient."""
    random = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    if kind == "two knees":
        right = {path.stem[:-1]: path for path in knees if path.stem.endswith("R")}
        pairs = [(right[path.stem[:-1]], path) for path in knees if path.stem.endswith("L") and path.stem[:-1] in right]
        return _two(random, pairs[int(random.integers(len(pairs)))])
    return _one(random, knees[int(random.integers(len(knees)))], kind)


def _one(random: np.random.Generator, path: Path, kind: str) -> Film:
    knee = _knee(path)
    if random.random() < 0.5:
        knee = knee[:, ::-1]
    knee = ndimage.zoom(knee, random.uniform(0.8, 1.6), order=1).clip(0, 1)
    side = knee.shape[0]
    above, below, left, right = (int(side * random.uniform(0, most)) for most in (0.9, 0.9, 0.6, 0.6))
    grey = _with_more(knee, (above, below, left, right), random)
    top, first = above, left
    if kind == "rotated":
        turn = np.deg2rad(random.uniform(-12, 12))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.array([top, first]) + (side - 1) / 2
        grey = ndimage.affine_transform(grey, matrix, middle - matrix @ middle, order=1, mode="nearest")
    if kind == "cut off":
        cut, at = int(side * random.uniform(0, 0.15)), int(random.integers(4))
        rows, columns = grey.shape
        start = [top + cut if at == 0 else 0, first + cut if at == 2 else 0]
        stop = [top + side - cut if at == 1 else rows, first + side - cut if at == 3 else columns]
        grey = grey[start[0] : stop[0], start[1] : stop[1]]
        top, first = top - start[0], first - start[1]
    return Film(kind, grey, (KneeBox(top, first, side),))


def _two(random: np.random.Generator, pair: tuple[Path, Path]) -> Film:
    size = random.uniform(0.8, 1.4)
    unit = 224 * size
    above, below = (int(unit * random.uniform(0.1, 0.8)) for _ in range(2))
    gap, left, right = (int(unit * random.uniform(0, most)) for most in (0.5, 0.3, 0.3))
    parts, places = [], []
    for number, path in enumerate(pair):
        knee = ndimage.zoom(_knee(path), size * random.uniform(0.96, 1.04), order=1).clip(0, 1)
        lower = int(random.uniform(-0.08, 0.08) * len(knee))
        border = (max(above + lower, 0), max(below - lower, 0), gap // 2 if number else left, right if number else gap // 2)
        parts.append(_with_more(knee, border, random))
        places.append((border[0], border[2], len(knee)))
    rows = min(len(part) for part in parts)
    starts = (0, parts[0].shape[1])
    boxes = tuple(KneeBox(top, start + left, side) for start, (top, left, side) in zip(starts, places, strict=True))
    return Film("two knees", np.concatenate([part[:rows] for part in parts], 1), boxes)


def _knee(path: Path) -> Grey:
    return np.asarray(Image.open(path).convert("L"), np.float32) / 255


def _with_more(knee: Grey, border: tuple[int, int, int, int], random: np.random.Generator) -> Grey:
    """A knee with something around it: above, below, left, right."""
    above, below, left, right = border
    grey = np.pad(knee, ((above, below), (left, right)), mode="edge")
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    aside = np.maximum(np.maximum(left - columns, columns - (left + knee.shape[1] - 1)), 0)
    away = np.maximum(np.maximum(above - rows, rows - (above + knee.shape[0] - 1)), aside)
    for blur in (2, 6, 14):
        share = np.clip(away / (2 * blur), 0, 1)
        grey = grey * (1 - share) + ndimage.gaussian_filter(grey, blur) * share
    bone = ndimage.gaussian_filter(random.normal(0, 1, grey.shape), (3, 1))  # grain along the shaft, as in the knee
    grey = grey * np.exp(-aside / (0.12 * knee.shape[1]))
    grey = grey * (1 + 1.2 * bone * (away > 0)) + random.normal(0, 0.02, grey.shape) * (away > 0)
    return np.asarray(grey.clip(0, 1), np.float32)


def train(films: Sequence[Film], rounds: int = 3, ridge: float = 0.3) -> tuple[knee_boxes.Features, float]:
    """A linear template: least squares with a ridge between knees and what is none, and what it took wrongly for one."""
    random = np.random.default_rng(0)
    seen: list[NDArray] = []
    truth: list[int] = []

    def add(one: Film, box: KneeBox, is_knee: bool) -> None:
        channels, steps = knee_boxes.channels_at(one.grey, box.side)
        row, column = round(box.top / steps[0]) + MARGIN, round(box.left / steps[1]) + MARGIN
        if (cells := knee_boxes.cells_of(channels, row, column)) is not None:
            seen.append(cells.ravel())
            truth.append(1 if is_knee else -1)

    for one in films:
        for box in one.boxes:
            for _ in range(2):
                add(one, KneeBox(box.top, box.left, box.side * np.exp(random.uniform(-0.02, 0.02))), True)
        for number in range(12):
            if not one.boxes:
                side = min(one.grey.shape) * random.uniform(0.3, 1.0)
                add(one, KneeBox(*(random.uniform(0, max(size - side, 1)) for size in one.grey.shape), side), False)
                continue
            box = one.boxes[number % len(one.boxes)]
            side = box.side * np.exp(random.uniform(-0.5, 0.5))
            if number % 2:
                place = (random.uniform(-0.2, max(size / side - 0.8, 0.2)) * side for size in one.grey.shape)
            else:
                place = (edge + random.uniform(-0.3, 0.3) * side for edge in (box.top, box.left))
            wrong = KneeBox(*place, side)
            if min(wrong.error(box) for box in one.boxes) > 1.2 * RIGHT:
                add(one, wrong, False)
    template, offset = _least_squares(seen, truth, ridge)
    for turn in range(rounds):
        before = len(truth)
        for one in films:
            for box in knee_boxes.best_boxes(one.grey, template, offset):
                wrong = min((box.error(right) for right in one.boxes), default=np.inf) > 1.2 * RIGHT
                if box.score > -0.6 and wrong:
                    add(one, box, False)
        template, offset = _least_squares(seen, truth, ridge)
        print(f"round {turn + 1}: {len(truth) - before} taken wrongly, {len(truth)} in all", flush=True)
    return template, offset


def _least_squares(seen: Sequence[NDArray], truth: Sequence[int], ridge: float) -> tuple[knee_boxes.Features, float]:
    cells, sign = np.asarray(seen, np.float64), np.asarray(truth, float)
    weight = np.where(sign > 0, 0.5 / (sign > 0).mean(), 0.5 / (sign < 0).mean()) / len(sign)
    mean, middle = weight @ cells, float(weight @ sign)
    apart = cells - mean
    spread = (apart * weight[:, None]).T @ apart
    spread += ridge * np.trace(spread) / len(spread) * np.eye(len(spread))
    template = np.linalg.solve(spread, (weight * (sign - middle)) @ apart)
    return template.reshape(DIRECTIONS + 1, SIDE // CELL, SIDE // CELL).astype(np.float32), middle - float(mean @ template)


def table(films: Sequence[Film]) -> str:
    """How often the suggestion is right, as Markdown."""
    rows: dict[str, list[tuple[bool, bool, float]]] = {}
    began = time.perf_counter()
    scores: list[tuple[float, bool]] = []
    others: list[float] = []
    for one in films:
        found = knee_boxes.suggest_boxes(one.grey)
        if not one.boxes:
            others.append(max(box.score for box in found))
            continue
        for_each = [min((box.error(truth) for box in found), default=9.0) for truth in one.boxes]
        right = len(found) == len(one.boxes) and max(for_each) <= RIGHT
        scores += [(box.score, min(box.error(truth) for truth in one.boxes) <= RIGHT) for box in found]
        rows.setdefault(one.kind, []).append((right, len(found) == len(one.boxes), max(for_each)))
    seconds = (time.perf_counter() - began) / len(films)
    lines = ["| film | films | right | number of knees right | worst edge, median |", "| --- | --- | --- | --- | --- |"]
    every = [row for part in rows.values() for row in part]
    for kind, part in [*rows.items(), ("all", every)]:
        right, count = sum(row[0] for row in part), sum(row[1] for row in part)
        lines.append(f"| {kind} | {len(part)} | {right} | {count} | {np.median([row[2] for row in part]):.1%} |")
    wrong = [score for score, right in scores if not right]
    lines.append("")
    if others:
        taken = sum(score > 0 for score in others)
        lines.append(
            f"Of {len(others)} pictures without a knee {taken} were taken for one, the highest score {max(others):.2f}. "
        )
    lines.append(
        f"Right to {RIGHT:.0%} of the side, all edges; {seconds:.2f} s a film. Scores of wrong boxes: "
        f"{', '.join(f'{score:.2f}' for score in sorted(wrong)) or 'none'}; the lowest right one: "
        f"{min(score for score, right in scores if right):.2f}."
    )
    return "\n".join(lines)


def sheet(films: Sequence[Film], path: Path, size: int = 220, across: int = 5) -> None:
    """Films with the true boxes (green) and the suggested ones (amber), to look at."""
    page = Image.new("RGB", (across * size, -(-len(films) // across) * size))
    for number, one in enumerate(films):
        picture = Image.fromarray(np.rint(one.grey * 255).astype(np.uint8)).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for boxes, colour in ((one.boxes, (60, 220, 90)), (knee_boxes.suggest_boxes(one.grey), (255, 180, 40))):
            for box in boxes:
                top, left, bottom, right = box.edges
                pen.rectangle((left, top, right, bottom), outline=colour, width=4)
        picture.thumbnail((size, size))
        page.paste(picture, (number % across * size, number // across * size))
    page.save(path, quality=70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("train", "table"))
    parser.add_argument("knees", type=Path)
    parser.add_argument("others", type=Path, help="pictures without a knee")
    parser.add_argument("--films", type=int, default=0, help="how many; 400 for a training, 100 for the table")
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    knees = sorted(path for path in asked.knees.rglob("*") if path.suffix in (".jpg", ".png"))
    if not knees:
        sys.exit(f"There are no knees in {asked.knees}.")
    others = sorted(path for path in asked.others.rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
    if asked.what == "train":
        count = asked.films or 400
        films = [film(knees, 10_000 + seed) for seed in range(count)]
        films += [Film("other", _knee(path), ()) for path in others[:: max(len(others) // (count // 4), 1)]]
        template, offset = train(films)
        np.savez_compressed(TEMPLATE, template=template.astype(np.float16), offset=np.float32(offset))
        return
    films = [film(knees, seed) for seed in range(asked.films or 100)]
    films += [Film("other", _knee(path), ()) for path in others[:: max(len(others) // 100, 1)][:100]]
    print(table(films))
    if asked.sheet:
        sheet(films[:20], asked.sheet)


if __name__ == "__main__":
    main()
