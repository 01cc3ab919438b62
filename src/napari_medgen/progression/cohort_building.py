"""Build a cohort: project the image of every visit, in an order and in steps that survive a kill.

What is finished lies in numbered shards in the cohort's folder; each appears whole or not at all. A visit in a shard is
known by what its latent depends on (the image's content, its side, and how it is projected), so that a build which is
resumed makes only what is missing, whatever became of the other visits. An image that cannot be read or projected costs its
own visit and is recorded. Shards may be made on the workers of a cluster, which write them themselves: whoever makes them,
they hold the same visits, and the cohort is the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.errors import CohortError
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.folder import ABOUT, open_cohort, save_cohort
from napari_medgen.progression.cohort.origin import projection_of
from napari_medgen.progression.cohort.visits import Visit
from napari_medgen.progression.cohort_shards import (
    SHARDS,
    Count,
    Made,
    Part,
    ShardMaker,
    finished,
    how_made,
    next_number,
)
from napari_medgen.progression.model import Extrapolator
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.cluster import spread
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.shards import Placement, Shard, Spread
from napari_medgen.running.stamps import combined, content_key, fingerprint

_SHARD = 16
_PLAN = "plan.json"


@dataclass(frozen=True)
class BuildRequest:
    """What is built of which images.

    Attributes
    ----------
    visits
        As :mod:`napari_medgen.progression.cohort.visits` read them.
    root
        Folder of their images.
    projection
        How each is projected; always in W.
    surrogate
        What the visits really are; empty for visits of one knee.
    """

    visits: tuple[Visit, ...]
    root: Path
    projection: ProjectionRequest = field(default_factory=ProjectionRequest)
    surrogate: str = ""


def build_cohort(
    request: BuildRequest, extrapolator: Extrapolator, out: Path, spreading: Spreading | None = None
) -> Steps[Cohort]:
    """Project every visit, or go on where an earlier build was stopped.

    Parameters
    ----------
    extrapolator
        Whose latents they are; it projects, unless ``spreading`` says who does.
    out
        Folder of the cohort, which all workers see.

    Yields
    ------
    Progress
        A step a visit; the message says how many were left out.

    Returns
    -------
    Cohort
        Of all visits whose image could be projected; the others are in ``about["left_out"]``, with the reason.

    Raises
    ------
    CohortError
        If ``out`` holds a cohort of other visits or unfinished work of another model, grader or projection, the request
        asks for more than one latent an image, no image could be projected, or a shard was lost with its workers.
    ClusterError
        See :func:`~napari_medgen.running.cluster.spread`.
    """
    if request.projection.space != "W":
        raise CohortError("A cohort holds one latent for each image (W).")
    how = how_made(request.projection, extrapolator)
    keys = [content_key(request.root / visit.image, visit.side, how) for visit in request.visits]
    plan = fingerprint([combined(keys), [asdict(visit) for visit in request.visits], request.surrogate])
    if (out / ABOUT).is_file():
        found = open_cohort(out)
        if found.about.get("plan") != plan:
            raise CohortError(f"{out} holds a cohort of other visits or of another model; choose another folder.")
        return found  # what it left out is named in it; another folder tries those images again
    _claim(out, how)
    made = finished(out)
    order, first = _order(keys, made), next_number(out)
    shards = [
        Shard(f"Shard {number}", Part(number, tuple(request.visits[i] for i in chunk), tuple(keys[i] for i in chunk)))
        for number, chunk in enumerate(_chunks(order), first)
    ]
    before, told, shown = len(keys) - len(order), _Told(), 0
    away = spreading is not None and not spreading.placement.here
    opens = spreading.opens if spreading else lambda: extrapolator
    maker = ShardMaker(request.root.resolve(), request.projection, out.resolve(), opens, away)
    steps = spread(maker, shards, spreading.placement if spreading else None, on_done=told)
    with contextlib.closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                spread_out: Spread[Count] = stop.value
                break
            if spreading is None and told.visits == shown:
                continue  # within a shard
            shown = told.visits
            text = "Projecting the cohort" if told.visits else progress.message
            yield Progress(before + told.visits, len(keys), text + (f", {told.left_out} left out" if told.left_out else ""))
    if spread_out.failed:
        name, why = next(iter(spread_out.failed.items()))
        raise CohortError(
            f"{len(spread_out.failed)} of {len(shards)} shards failed ({name}: {why}); the same command goes on."
        )
    made = finished(out)
    if any(key not in made for key in keys):
        raise CohortError(f"Not all shards of {out} can be seen here yet; the same command goes on.")
    cohort = _gathered(request, extrapolator, [made[key] for key in keys], plan)
    save_cohort(cohort, out)
    shutil.rmtree(out / SHARDS)
    (out / _PLAN).unlink()
    return cohort


@dataclass(frozen=True)
class Spreading:
    """Who projects, where it is not this process.

    Attributes
    ----------
    placement
        Of the shards.
    opens
        Makes the extrapolator on a worker, which calls it for each shard: it should keep what it made. Pickle must be able
        to name it.
    """

    placement: Placement
    opens: Callable[[], Extrapolator]


@dataclass
class _Told:
    """Counts what ended."""

    visits: int = 0
    left_out: int = 0

    def __call__(self, name: str, count: Count) -> None:
        self.visits, self.left_out = self.visits + count.visits, self.left_out + count.left_out


def _claim(out: Path, how: str) -> None:
    """Make the folder, or see that it holds unfinished work that was made alike."""
    file = out / _PLAN
    part = file.with_suffix(".part")
    if file.is_file():
        if file.read_text(encoding="utf-8") != how:
            raise CohortError(
                f"{out} holds an unfinished cohort of another model, grader or projection; choose another folder, or remove "
                "it."
            )
    elif out.is_dir() and any(path.name != part.name for path in out.iterdir()):
        raise CohortError(f"{out} is not empty and holds no cohort; choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    part.write_text(how, encoding="utf-8")
    os.replace(part, file)
    (out / SHARDS).mkdir(exist_ok=True)


def _order(keys: Sequence[str], made: dict[str, Made]) -> list[int]:
    """Visits that are still to be made: new ones in their order, then those that failed before, to be tried again.

    The new ones are cut into shards as an uninterrupted build would cut them, so that both end alike.
    """
    new = [index for index, key in enumerate(keys) if key not in made]
    again = [index for index, key in enumerate(keys) if key in made and made[key].failure]
    return new + again


def _chunks(order: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(order), _SHARD):
        yield order[start : start + _SHARD]


def _gathered(request: BuildRequest, extrapolator: Extrapolator, made: Sequence[Made], plan: str) -> Cohort:
    kept = [index for index, one in enumerate(made) if one.latent is not None]
    left_out = {request.visits[index].image: one.failure for index, one in enumerate(made) if one.failure}
    if not kept:
        raise CohortError(f"No image could be projected, for example: {next(iter(left_out.values()), 'there is none')}")
    about: dict[str, Any] = projection_of(extrapolator.folder, extrapolator.grader, request.projection) | {
        "surrogate": request.surrogate,
        "plan": plan,
        "left_out": left_out,
    }
    return Cohort(
        tuple(request.visits[index] for index in kept),
        np.stack([latent for one in made if (latent := one.latent) is not None]),
        np.array([made[index].error for index in kept], np.float32),
        about,
        request.root.resolve(),
    )
