"""What the latents of a cohort were made by, and whether a model's would be comparable."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_medgen.errors import ModelError
from napari_medgen.models.folder import ModelFolder
from napari_medgen.progression.architecture import ENCODER_FILE, GENERATOR_FILE
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.request import ProjectionRequest

if TYPE_CHECKING:
    from napari_medgen.progression.grader import Grader


def networks_checksum(folder: ModelFolder) -> str:
    """Checksum of what makes latents: the networks, whatever cohort the model was shipped with."""
    return "-".join(folder.card.checksums.get(name, "")[:16] for name in (GENERATOR_FILE, ENCODER_FILE))


def projection_of(folder: ModelFolder, grader: Grader, request: ProjectionRequest) -> dict[str, Any]:
    """Everything that a latent and its error depend on beside the image and its side."""
    own = folder.card.architecture
    return {
        "model": folder.name,
        "checksum": networks_checksum(folder),
        "mirror": own.get("mirror", ""),
        "crop": list(own.get("crop", (1.0, 1.0))),
        "grader": grader.checksum,
        "projection": asdict(request),
    }


def require_model(cohort: Cohort, folder: ModelFolder, grader: Grader | None = None) -> None:
    """Refuse a cohort whose latents were made in another way.

    Raises
    ------
    ModelError
        If another generator made them, of images that were mirrored or cut otherwise, or by the features of another
        classifier: latents and errors mean nothing then.
    """
    about, own, name = cohort.about, folder.card.architecture, cohort.about.get("model", "another model")
    width = own.get("generator", {}).get("w_dim", 512)
    if cohort.latents.shape[1] != width:
        raise ModelError(f"The cohort's latents have {cohort.latents.shape[1]} numbers, those of {folder.name} {width}.")
    if about.get("checksum", networks_checksum(folder)) != networks_checksum(folder):
        raise ModelError(f"The cohort's latents were made by {name}, not by {folder.name} as it is now; build it anew.")
    for entry, default in (("mirror", ""), ("crop", [1.0, 1.0])):
        now = own.get(entry, default)
        if entry in about and about[entry] != (list(now) if entry == "crop" else now):
            raise ModelError(f"The cohort's images were not mirrored and cut as {folder.name} does now; build it anew.")
    if grader is not None and about.get("grader") and about["grader"] != grader.checksum:
        raise ModelError(f"The cohort was built with another classifier than {grader.name} as it is now; build it anew.")
