"""Build a cohort: project the image of every visit, in an order and in steps that survive a kill.

What is finished lies in numbered shards in the cohort's folder; each appears whole or not at all, and a resumed build
makes only those that are missing. A shard always holds the same visits, so that the outcome does not depend on where a
build was stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import CohortError, ImageError
from napari_medgen.imaging.files import read_radiograph
from napari_medgen.progression.cohort import ABOUT, Cohort, networks_checksum, open_cohort, save_cohort
from napari_medgen.progression.extrapolator import Extrapolator
from napari_medgen.progression.frame import frame_of
from napari_medgen.progression.projection import project
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.visits import Visit
from napari_medgen.running.progress import Progress, Steps, drive

_SHARD = 16
_PLAN = "plan.json"
_SHARDS = "shards"


@dataclass(frozen=True)
class BuildRequest:
    """What is built of which images.

    Attributes
    ----------
    visits
        As :mod:`napari_medgen.progression.visits` read them.
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


def build_cohort(request: BuildRequest, extrapolator: Extrapolator, out: Path) -> Steps[Cohort]:
    """Project every visit, or go on where an earlier build was stopped.

    Yields
    ------
    Progress
        A step a visit.

    Raises
    ------
    CohortError
        If ``out`` holds another cohort, an image is missing, or the request asks for more than one latent an image.
    ImageError
        If an image cannot be projected; the message names it, and what was projected stays.
    """
    if request.projection.space != "W":
        raise CohortError("A cohort holds one latent for each image (W).")
    for visit in request.visits:
        if not (request.root / visit.image).is_file():
            raise CohortError(f"{visit.image} is not in {request.root}.")
    plan = _plan(request, extrapolator)
    if (out / ABOUT).is_file():
        found = open_cohort(out)
        if found.about.get("plan") != plan:
            raise CohortError(f"{out} holds a cohort of other visits or of another model; choose another folder.")
        return found
    _claim(out, plan)
    visits, total = request.visits, len(request.visits)
    for start in range(0, total, _SHARD):
        shard = out / _SHARDS / f"{start // _SHARD:06d}.npz"
        chunk = visits[start : start + _SHARD]
        if not shard.is_file():
            latents, errors = _project_shard(chunk, request, extrapolator)
            part = shard.with_suffix(".part")
            with part.open("wb") as file:
                np.savez(file, w=latents, error=errors)
            os.replace(part, shard)
        yield Progress(start + len(chunk), total, "Projecting the cohort")
    cohort = _gathered(request, extrapolator, out, plan)
    save_cohort(cohort, out)
    shutil.rmtree(out / _SHARDS)
    (out / _PLAN).unlink()
    return cohort


def _plan(request: BuildRequest, extrapolator: Extrapolator) -> str:
    """Fingerprint of everything that the outcome depends on."""
    content = [
        [asdict(visit) for visit in request.visits],
        asdict(request.projection),
        networks_checksum(extrapolator.folder),
    ]
    return hashlib.sha256(json.dumps([content, request.surrogate], default=str).encode()).hexdigest()


def _claim(out: Path, plan: str) -> None:
    """Make the folder, or see that it holds an unfinished build of the same cohort."""
    file = out / _PLAN
    part = file.with_suffix(".part")
    if file.is_file():
        if file.read_text(encoding="utf-8") != plan:
            raise CohortError(f"{out} holds an unfinished cohort of other visits; choose another folder or remove it.")
    elif out.is_dir() and any(path.name != part.name for path in out.iterdir()):
        raise CohortError(f"{out} is not empty and holds no cohort; choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    part.write_text(plan, encoding="utf-8")
    os.replace(part, file)
    (out / _SHARDS).mkdir(exist_ok=True)


def _project_shard(
    visits: Sequence[Visit], request: BuildRequest, extrapolator: Extrapolator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    frames = []
    for visit in visits:
        image = replace(read_radiograph(request.root / visit.image), laterality=visit.side)
        try:
            extrapolator.check(image)
        except ImageError as error:
            raise ImageError(f"{visit.image}: {error}") from None
        frames.append(frame_of(image, extrapolator.architecture)[1])
    found = drive(
        project(torch.cat(frames), extrapolator.generator, extrapolator.encoder, extrapolator.grader, request.projection)
    )
    return found.w.numpy(), found.perceptual.numpy()


def _gathered(request: BuildRequest, extrapolator: Extrapolator, out: Path, plan: str) -> Cohort:
    latents, errors = [], []
    for shard in sorted((out / _SHARDS).glob("*.npz")):
        with np.load(shard) as content:
            latents.append(content["w"])
            errors.append(content["error"])
    about = {
        "model": extrapolator.name,
        "checksum": networks_checksum(extrapolator.folder),
        "projection": asdict(request.projection),
        "surrogate": request.surrogate,
        "plan": plan,
    }
    return Cohort(request.visits, np.concatenate(latents), np.concatenate(errors), about, request.root.resolve())
