"""A cohort: a folder with a table of visits and the latent of each visit's image."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError, ModelError
from napari_medgen.models.folder import ModelFolder
from napari_medgen.progression.architecture import COHORT_LATENTS, COHORT_TABLE, ENCODER_FILE, GENERATOR_FILE
from napari_medgen.progression.neighbours import LatentIndex
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.unusualness import LatentReference
from napari_medgen.progression.visits import Visit, parse_side

if TYPE_CHECKING:
    import pyarrow as pa

    from napari_medgen.progression.grading import Grader

ABOUT = "cohort.json"
_ABOUT_KEY = b"napari_medgen"


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
        Model and checksum that made the latents, with which grader and how (:func:`projection_of`), ``surrogate`` (what the
        visits really are; empty for real ones), and ``left_out`` (images that could not be projected, and why).
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


def table_of(visits: Sequence[Visit], errors: NDArray[np.floating]) -> pa.Table:
    """Visits as a table: one row each, in order."""
    import pyarrow as pa

    return pa.table(
        {
            "patient": pa.array([v.patient for v in visits], pa.string()),
            "date": pa.array([v.date for v in visits], pa.date32()),
            "side": pa.array([v.side for v in visits], pa.string()),
            "grade": pa.array([v.grade for v in visits], pa.int8()),
            "image": pa.array([v.image for v in visits], pa.string()),
            "split": pa.array([v.split for v in visits], pa.string()),
            "trajectory": pa.array([v.trajectory for v in visits], pa.string()),
            "months": pa.array([v.months for v in visits], pa.float32()),
            "error": pa.array(np.asarray(errors, np.float32)),
        }
    )


def visits_in(table: pa.Table) -> tuple[tuple[Visit, ...], NDArray[np.float32]]:
    """Visits and errors that :func:`table_of` put into a table.

    Raises
    ------
    CohortError
        If a column is missing.
    """
    try:
        rows = table.to_pylist()
        visits = tuple(
            Visit(
                patient=row["patient"],
                side=parse_side(str(row["side"]), COHORT_TABLE) if row["side"] else "",
                trajectory=row["trajectory"],
                months=float(row["months"]),
                date=row["date"] if isinstance(row["date"], datetime.date) else None,
                grade=row["grade"],
                image=row["image"],
                split=row["split"],
            )
            for row in rows
        )
        return visits, np.array([row["error"] for row in rows], np.float32)
    except KeyError as error:
        raise CohortError(f"The cohort's table has no column {error.args[0]}.") from None


def pseudonym(patient: str, salt: str) -> str:
    """What a patient is called in a cohort that travels.

    Whoever knows the patient's number finds the patient's visits again, to leave them out. Nobody can list the patients:
    the function is slow (scrypt, RFC 7914), so that trying all numbers of a hospital takes days.
    """
    digest = hashlib.scrypt(patient.encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=6)
    return f"p-{digest.hex()}"


def without_identifiers(cohort: Cohort, salt: str) -> Cohort:
    """The cohort with pseudonyms for patients, months for dates, and no file names."""
    names = {patient: pseudonym(patient, salt) for patient in {visit.patient for visit in cohort.visits}}
    numbers: Counter[str] = Counter()
    ways: dict[str, str] = {}
    for visit in cohort.visits:
        if visit.trajectory not in ways:
            ways[visit.trajectory] = f"{names[visit.patient]}/{numbers[visit.patient]}"
            numbers[visit.patient] += 1
    visits = tuple(
        replace(visit, patient=names[visit.patient], trajectory=ways[visit.trajectory], date=None, image="")
        for visit in cohort.visits
    )
    return replace(cohort, visits=visits, about=cohort.about | {"salt": salt}, images=None)


def cohort_files(cohort: Cohort, salt: str = "") -> dict[str, bytes]:
    """The table and the latents (half precision) as files, to be shipped within a model folder; nobody can be told by them.

    Parameters
    ----------
    salt
        Hexadecimal digits that the pseudonyms are made with; drawn at random by default.
    """
    from pyarrow import parquet
    from safetensors.numpy import save

    travelling = without_identifiers(cohort, salt or secrets.token_hex(16))
    about = {"salt": travelling.about["salt"], "grader": cohort.about.get("grader", "")}
    table = table_of(travelling.visits, travelling.errors).replace_schema_metadata({_ABOUT_KEY: json.dumps(about)})
    buffer = BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return {COHORT_TABLE: buffer.getvalue(), COHORT_LATENTS: save({"w": cohort.latents.astype(np.float16)})}


def cohort_of_model(folder: ModelFolder) -> Cohort | None:
    """The cohort that a model was shipped with, if there is one.

    Raises
    ------
    ModelError
        If its files are damaged or do not fit each other.
    """
    if COHORT_TABLE not in folder.card.checksums:
        return None
    folder.verify()
    own = folder.card.architecture
    about = {"model": folder.name, "surrogate": own.get("surrogate", ""), "projection": {"method": own.get("cohort", "")}}
    return _read(folder.path, about)


def save_cohort(cohort: Cohort, path: Path) -> None:
    """Write a cohort's folder: the latents, then the table, then what it is; each file whole or not at all."""
    from pyarrow import parquet
    from safetensors.numpy import save_file

    path.mkdir(parents=True, exist_ok=True)
    save_file({"w": cohort.latents}, path / (COHORT_LATENTS + ".part"))
    os.replace(path / (COHORT_LATENTS + ".part"), path / COHORT_LATENTS)
    parquet.write_table(table_of(cohort.visits, cohort.errors), path / (COHORT_TABLE + ".part"), compression="zstd")
    os.replace(path / (COHORT_TABLE + ".part"), path / COHORT_TABLE)
    about = cohort.about | {"images": str(cohort.images) if cohort.images else ""}
    (path / (ABOUT + ".part")).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    os.replace(path / (ABOUT + ".part"), path / ABOUT)


def open_cohort(path: str | Path) -> Cohort:
    """Open a cohort's folder.

    Raises
    ------
    CohortError
        If it is none, is unfinished or damaged.
    """
    path = Path(path)
    try:
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CohortError(f"{path} is not a finished cohort: build it with napari-medgen cohort build.") from None
    return _read(path, about)


def _read(path: Path, about: dict[str, Any]) -> Cohort:
    from pyarrow import parquet
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        table = parquet.read_table(path / COHORT_TABLE)
        about = json.loads((table.schema.metadata or {}).get(_ABOUT_KEY, b"{}")) | about
        visits, errors = visits_in(table)
        latents = load_file(path / COHORT_LATENTS)["w"].astype(np.float32)
    except (OSError, SafetensorError, KeyError, ValueError):
        raise CohortError(f"The cohort {path.name} is damaged: its table or its latents cannot be read.") from None
    if len(latents) != len(visits):
        raise CohortError(f"The cohort {path.name} is damaged: it has {len(visits)} visits and {len(latents)} latents.")
    images = Path(about["images"]) if about.get("images") else None
    return Cohort(visits, latents, errors, about, images)


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
    if about.get("checksum", networks_checksum(folder)) != networks_checksum(folder):
        raise ModelError(f"The cohort's latents were made by {name}, not by {folder.name} as it is now; build it anew.")
    for entry, default in (("mirror", ""), ("crop", [1.0, 1.0])):
        now = own.get(entry, default)
        if entry in about and about[entry] != (list(now) if entry == "crop" else now):
            raise ModelError(f"The cohort's images were not mirrored and cut as {folder.name} does now; build it anew.")
    if grader is not None and about.get("grader") and about["grader"] != grader.checksum:
        raise ModelError(f"The cohort was built with another classifier than {grader.name} as it is now; build it anew.")
