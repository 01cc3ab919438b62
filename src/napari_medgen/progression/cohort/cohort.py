"""A cohort as a value: visits, and the latent of each visit's image."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import ModelError
from napari_medgen.progression.cohort.latent_index import LatentIndex
from napari_medgen.progression.cohort.latent_reference import LatentReference
from napari_medgen.progression.cohort.pseudonyms import pseudonym
from napari_medgen.progression.cohort.visits import Visit
from napari_medgen.progression.request import ProjectionRequest


@dataclass(frozen=True, eq=False)
class Cohort:
    """Visits and their latents.

    Attributes
    ----------
    visits
        In the order of the rows.
    latents
        (N, w_dim) float32.
    errors
        (N,) perceptual error of each projection.
    about
        Model and checksum that made the latents, with which grader and how (``origin.projection_of``), ``surrogate`` (what
        the visits really are; empty for real ones), and ``left_out`` (images that could not be projected, and why).
    images
        Folder of the visits' images; None where they did not travel with the cohort.
    """

    visits: tuple[Visit, ...]
    latents: NDArray[np.float32]
    errors: NDArray[np.float32]
    about: dict[str, Any]
    images: Path | None = None

    @functools.cached_property
    def index(self) -> LatentIndex:
        """For the search of neighbours."""
        return LatentIndex(self.latents)

    @functools.cached_property
    def reference(self) -> LatentReference:
        """What is usual among these latents."""
        return LatentReference.of(self.latents, self.errors)

    @functools.cached_property
    def trajectories(self) -> dict[str, tuple[int, ...]]:
        """Rows of each trajectory, in time."""
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, visit in enumerate(self.visits):
            rows[visit.trajectory].append(row)
        return {name: tuple(sorted(own, key=lambda row: self.visits[row].months)) for name, own in rows.items()}

    @property
    def surrogate(self) -> str:
        """What the visits really are; empty for visits of one knee."""
        return str(self.about.get("surrogate", ""))

    @property
    def projection(self) -> ProjectionRequest | None:
        """How its images were projected; None where nobody knows."""
        try:
            return ProjectionRequest(**self.about.get("projection", {})) if self.about.get("projection") else None
        except (ModelError, TypeError):
            return None

    @property
    def method(self) -> str:
        """The method of its projections; empty where nobody knows."""
        return self.projection.method if self.projection else ""

    def key_of(self, patient: str) -> str:
        """What a patient is called in this cohort: a pseudonym where it travels in a model."""
        salt = str(self.about.get("salt", ""))
        return pseudonym(patient, salt) if salt and patient else patient

    def image_path(self, row: int) -> Path | None:
        """File of a visit's image, if it is there."""
        path = self.images / self.visits[row].image if self.images else None
        return path if path is not None and path.is_file() else None
