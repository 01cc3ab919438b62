"""The work folder of a training run: checkpoints that are whole or absent, and a CSV log."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_medgen.errors import RecipeError


def seed_step(seed: int, stage: int, iteration: int, rank: int = 0) -> torch.Generator:
    """Seed everything that an iteration draws from its number alone.

    A resumed run thus draws what an uninterrupted one would have drawn, with no random state to save.

    Returns
    -------
    torch.Generator
        For draws that must not depend on what the networks drew.
    """
    state = np.random.SeedSequence([seed, stage, iteration, rank]).generate_state(2)
    torch.manual_seed(int(state[0]))
    return torch.Generator().manual_seed(int(state[1]))


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; an interrupted write leaves the previous one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(content, part)
    os.replace(part, path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """A checkpoint of :func:`save_checkpoint`, tensors only, or None where there is none.

    Raises
    ------
    RecipeError
        If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise RecipeError(f"The checkpoint {path.name} is damaged: remove it to start this stage anew.") from error
    return content


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add a line to a CSV file, with a header where the file is new."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.6g}" for key, value in row.items()})


def trim_rows(path: Path, iteration: int) -> None:
    """Drop the lines of a log that a resumed run is about to write again: those after ``iteration``."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    path.unlink()
    for row in rows:
        if int(row["iteration"]) <= iteration:
            append_row(path, {key: float(value) for key, value in row.items()})


class Stage:
    """The state of one stage of training: what a checkpoint holds, where it lies, and the stage's log.

    Parameters
    ----------
    work, name
        Folder, and name of the files in it: ``<name>.pt``, ``<name>.csv`` and the pictures' folder ``<name>/``.
    parts
        Networks and optimisers by name.
    """

    def __init__(self, work: Path, name: str, **parts: Any) -> None:
        self.file, self.log, self.pictures = work / f"{name}.pt", work / f"{name}.csv", work / name
        self._parts = parts

    def resume(self) -> int:
        """Load the checkpoint, if there is one; the iteration to go on from."""
        saved = load_checkpoint(self.file, torch.device("cpu"))
        if saved is None:
            return 0
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
        start = int(saved["iteration"])
        trim_rows(self.log, start)
        return start

    def save(self, iteration: int) -> None:
        """Write the checkpoint."""
        states = {name: part.state_dict() for name, part in self._parts.items()}
        save_checkpoint(self.file, states | {"iteration": iteration})
