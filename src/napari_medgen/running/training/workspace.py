"""The work folder of a training run: checkpoints that are whole or absent, and a CSV log."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
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
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)  # noqa: TID251  (our own work folder)
    except Exception as error:
        raise RecipeError(f"The checkpoint {path.name} is damaged; choose another work folder to start anew.") from error
    return content


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Add a line to a CSV file, with a header where the file is new."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({key: _written(value) for key, value in row.items()})


def _written(value: float) -> str:
    """Whole numbers in full, however large; others to six digits."""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def trim_rows(path: Path, iteration: int) -> None:
    """Drop the lines of a log that a resumed run is about to write again: those after ``iteration``.

    The log is replaced as a whole: an interruption leaves the longer one.
    """
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names, rows = list(reader.fieldnames or ()), list(reader)
    # Logs of earlier versions hold "1e+06", and a line that a kill cut off has no iteration at all.
    kept = [row for row in rows if row["iteration"] and float(row["iteration"]) <= iteration]
    part = path.with_suffix(".csv.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
    os.replace(part, path)


def require_finite(values: Mapping[str, float], iteration: int) -> None:
    """Stop a training that has broken down, before it spoils anything that is kept.

    Raises
    ------
    RecipeError
        If a loss is not a finite number.
    """
    for name, value in values.items():
        if not np.isfinite(value):
            raise RecipeError(
                f"The training broke down: {name} is not a finite number at iteration {iteration}. The last checkpoint is "
                "whole; look for images without finite grey values, or lower the learning rate, and go on with --resume."
            )


@contextlib.contextmanager
def finite_gradients(iteration: int) -> Iterator[None]:
    """Turn what clipping says of gradients that are not finite into a sentence; the weights have not been touched.

    Raises
    ------
    RecipeError
        If a gradient is not a finite number.
    """
    try:
        yield
    except RuntimeError as error:
        if "non-finite" not in str(error):
            raise
        failed = True
    else:
        failed = False
    if failed:
        require_finite({"a gradient": float("nan")}, iteration)


def holds_checkpoint(work: Path, name: str) -> bool:
    """Whether a work folder holds a stage's checkpoint, the newest or the one before."""
    return any((work / f"{name}{ending}").is_file() for ending in (".pt", ".previous.pt"))


_PRECISION = "precision"


class Stage:
    """The state of one stage of training: what a checkpoint holds, where it lies, and the stage's log.

    The last two checkpoints are kept: where the newer is damaged or missing, the older is gone on from. Others may stay
    under their numbers; to go on from one, it is put in the place of ``<name>.pt`` in a folder of its own.

    Parameters
    ----------
    work, name
        Folder, and name of the files in it: ``<name>.pt``, ``<name>.previous.pt``, ``<name>.csv`` and the pictures'
        folder ``<name>/``.
    recipe
        All that the weights depend on, for JSON; kept with them.
    may_change
        Entries of it, as ``table.entry``, that a resumed run may have otherwise.
    length
        Iterations of the whole stage, which may grow but not fall below what was done.
    leader
        Whether this process writes (with several, the first one).
    parts
        Networks and optimisers by name.
    """

    def __init__(
        self,
        work: Path,
        name: str,
        *,
        recipe: Mapping[str, Any],
        may_change: Collection[str] = (),
        length: int | None = None,
        leader: bool = True,
        **parts: Any,
    ) -> None:
        self.file, self.log, self.pictures = work / f"{name}.pt", work / f"{name}.csv", work / name
        self.previous = work / f"{name}.previous.pt"
        self._recipe, self._may_change = dict(recipe), frozenset(may_change)
        self._length, self._leader, self._parts = length, leader, parts
        self._newest_is_whole = False

    def resume(self) -> int:
        """Load the checkpoint, if there is one; the iteration to go on from.

        Raises
        ------
        RecipeError
            If it was made by another recipe, has done more than is asked for, or no checkpoint can be read.
        """
        saved = self._newest()
        if saved is None:
            return 0
        start = int(saved["iteration"])
        self._compare(saved.get("recipe"), start)
        for name, part in self._parts.items():
            if name != _PRECISION or saved.get(name):  # another precision has none of it, nor had earlier versions
                part.load_state_dict(saved[name])
        if self._leader:
            trim_rows(self.log, start)
        return start

    def _newest(self) -> dict[str, Any] | None:
        try:
            saved = load_checkpoint(self.file, torch.device("cpu"))
            self._newest_is_whole = saved is not None
        except RecipeError:
            if not self.previous.is_file():
                raise
            saved = None
        return saved if saved is not None else load_checkpoint(self.previous, torch.device("cpu"))

    def _compare(self, before: str | None, start: int) -> None:
        name = self.file.name
        if before is None:
            raise RecipeError(f"The checkpoint {name} does not say what recipe made it; choose another work folder.")
        was, now = _flat(json.loads(before)), _flat(json.loads(json.dumps(self._recipe, default=str)))
        other = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
        other = [key for key in other if not any(key == free or key.startswith(f"{free}.") for free in self._may_change)]
        if other:
            told = ", ".join(f"{key} was {_shown(was.get(key))} and is {_shown(now.get(key))}" for key in other[:3])
            more = f" and {len(other) - 3} more entries differ" if len(other) > 3 else ""
            raise RecipeError(
                f"The checkpoint {name} was made by another recipe: {told}{more}; set it back, or choose another work "
                "folder."
            )
        if self._length is not None and start > self._length:
            raise RecipeError(f"The checkpoint {name} has done {start} iterations, and the recipe asks for {self._length}.")

    def save(self, iteration: int, *, keep: bool = False) -> None:
        """Write the checkpoint; the one before stays beside it.

        Parameters
        ----------
        keep
            Whether it stays for good, under its number (``<name>-<iteration>.pt``).

        Raises
        ------
        RecipeError
            If a weight is not a finite number: such weights are never kept.
        """
        states = {name: part.state_dict() for name, part in self._parts.items()}
        for name, state in states.items():
            require_finite({f"the state of {name}": 0.0 if _all_finite(state) else float("nan")}, iteration)
        if self._newest_is_whole and self.file.is_file():  # a damaged one must not take the place of a good one
            os.replace(self.file, self.previous)
        recipe = json.dumps(self._recipe, default=str)
        save_checkpoint(self.file, states | {"iteration": iteration, "recipe": recipe})
        self._newest_is_whole = True
        if keep:
            copy = self.file.with_name(f"{self.file.stem}-{iteration:08d}.pt")
            copy.unlink(missing_ok=True)
            try:
                os.link(self.file, copy)  # the next checkpoint is a new file: this one stays as it is
            except OSError:  # of a disk that knows no links
                shutil.copyfile(self.file, copy)


def _all_finite(state: Any) -> bool:
    """Whether all tensors of a nested state are finite."""
    if isinstance(state, torch.Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(_all_finite(value) for value in state.values())
    if isinstance(state, (list, tuple)):
        return all(_all_finite(value) for value in state)
    return True


def _flat(content: Any, place: str = "") -> dict[str, Any]:
    """Entries of nested tables by their names with dots between."""
    if isinstance(content, Mapping):
        found: dict[str, Any] = {}
        for key, value in content.items():
            found |= _flat(value, f"{place}.{key}" if place else str(key))
        return found
    return {place: content}


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
