"""The shards of a cohort that is being built: sixteen visits each, projected and written by whoever makes them.

A shard appears whole or not at all, and says of each visit what its latent depends on.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import CohortError, ImageError, WritingError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.cohort.origin import projection_of
from napari_medgen.progression.cohort.visits import Visit
from napari_medgen.progression.frames import frame_of
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.projection import project
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.progress import Progress, Steps, drive
from napari_medgen.running.stamps import content_key, fingerprint

SHARDS = "shards"


@dataclass(frozen=True)
class Made:
    """What became of a visit's image: its latent and error, or why it has none."""

    latent: NDArray[np.float32] | None
    error: float
    failure: str


@dataclass(frozen=True)
class Part:
    """Visits of a shard, their keys, and the number of its file."""

    number: int
    visits: tuple[Visit, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """Visits of a shard, and how many of them were left out."""

    visits: int
    left_out: int


@dataclass(frozen=True)
class ShardMaker:
    """Projects the visits of a shard and writes it.

    Attributes
    ----------
    root, projection
        Folder of the images, and how each is projected.
    out, opens
        The cohort's folder, and what makes the extrapolator.
    elsewhere
        Whether another process made the keys: this one may see other images, or have another model.
    """

    root: Path
    projection: ProjectionRequest
    out: Path
    opens: Callable[[], Extrapolator]
    elsewhere: bool = False

    def __call__(self, part: Part) -> Steps[Count]:
        yield Progress(0, 1)
        extrapolator = self.opens()
        if self.elsewhere:
            self._require_the_same(part, extrapolator)
        made = _project(part.visits, self.root, self.projection, extrapolator)
        try:
            _write_shard(self.out, part.number, part.keys, made)
        except OSError as error:
            raise WritingError(f"A shard of the cohort cannot be written: {error.strerror or error}.") from None
        return Count(len(made), sum(bool(one.failure) for one in made))

    def _require_the_same(self, part: Part, extrapolator: Extrapolator) -> None:
        how = how_made(self.projection, extrapolator)
        keys = tuple(content_key(self.root / visit.image, visit.side, how) for visit in part.visits)
        if keys != part.keys or not (self.out / SHARDS).is_dir():
            raise CohortError(
                f"{platform.node()} sees other images, another folder or another model than this command does."
            )


def how_made(projection: ProjectionRequest, extrapolator: Extrapolator) -> str:
    """Fingerprint of everything that a latent depends on beside its image and side."""
    return fingerprint(projection_of(extrapolator.folder, extrapolator.grader, projection))


def _project(visits: Sequence[Visit], root: Path, projection: ProjectionRequest, extrapolator: Extrapolator) -> list[Made]:
    frames: list[torch.Tensor] = []
    failures: list[str] = []
    for visit in visits:
        try:
            image = replace(read_radiograph(root / visit.image), laterality=visit.side)
            extrapolator.check(image)
            frames.append(frame_of(image, extrapolator.architecture)[1])
            failures.append("")
        except ImageError as error:
            failures.append(str(error))
    if not frames:
        return [Made(None, 0.0, failure) for failure in failures]
    found = drive(project(torch.cat(frames), extrapolator.generator, extrapolator.encoder, extrapolator.grader, projection))
    rows = iter(zip(found.w.numpy(), found.perceptual.numpy(), strict=True))
    return [Made(None, 0.0, failure) if failure else _made(*next(rows)) for failure in failures]


def _made(latent: NDArray[np.float32], distance: np.floating) -> Made:
    return Made(latent, float(distance), "")


def next_number(out: Path) -> int:
    """Of the shard that comes after those that are there."""
    return 1 + max((int(path.stem.partition("-")[0]) for path in (out / SHARDS).glob("*.npz")), default=-1)


def _write_shard(out: Path, number: int, keys: Sequence[str], made: Sequence[Made]) -> None:
    # What is in it is in its name: a worker of a command that was killed may still write one of the same number.
    name = f"{number:06d}-{fingerprint(list(keys))[:8]}"
    part = out / SHARDS / f"{name}.{secrets.token_hex(4)}.part"
    kept = [one for one in made if not one.failure]
    latents = [one.latent for one in kept if one.latent is not None]
    with part.open("wb") as file:
        np.savez(
            file,
            w=np.stack(latents) if latents else np.zeros((0, 0), np.float32),
            error=np.array([one.error for one in kept], np.float32),
            about=np.array(json.dumps([[key, one.failure] for key, one in zip(keys, made, strict=True)])),
        )
    os.replace(part, out / SHARDS / f"{name}.npz")


def finished(out: Path) -> dict[str, Made]:
    """What earlier runs made, by key; a later shard's word counts."""
    made: dict[str, Made] = {}
    for shard in sorted((out / SHARDS).glob("*.npz")):
        with np.load(shard, allow_pickle=False) as content:
            rows = iter(zip(content["w"], content["error"], strict=True))
            for key, failure in json.loads(str(content["about"])):
                made[key] = Made(None, 0.0, failure) if failure else _made(*next(rows))
    return made
