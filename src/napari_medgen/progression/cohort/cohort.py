"""A cohort: a folder with a table of visits and the latent of each visit's image."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medgen.errors import CohortError, MedGenError, ModelError
from napari_medgen.models.folder import ModelFolder
from napari_medgen.progression.architecture import COHORT_LATENTS, COHORT_TABLE, ENCODER_FILE, GENERATOR_FILE
from napari_medgen.progression.cohort.latent_index import LatentIndex
from napari_medgen.progression.cohort.latent_reference import LatentReference
from napari_medgen.progression.cohort.visits import Visit, parse_side
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.running.limits import require_model_bytes
from napari_medgen.running.writing import json_bytes, write_all
from napari_medgen.validity import finite, parse_json

if TYPE_CHECKING:
    import pyarrow as pa

    from napari_medgen.progression.grader import Grader

ABOUT = "cohort.json"
_SPLITS, _HIGHEST_GRADE, _LATEST_MONTH, _LONGEST_TEXT = ("", "train", "val", "test"), 4, 1500.0, 1000
_ROW_BYTES = 2000
_TEXTS = ("patient", "side", "image", "split", "trajectory")
_COLUMNS = (*_TEXTS, "date", "grade", "months", "error")
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
        If a column is missing, or an entry is of the wrong kind, no finite number or out of range.
    """
    try:
        rows = table.to_pylist()
        visits = tuple(_visit(row, line) for line, row in enumerate(rows, 1))
        errors = np.array([row["error"] for row in rows], np.float32)
    except KeyError as error:
        raise CohortError(f"The cohort's table has no column {error.args[0]}.") from None
    except (TypeError, ValueError, OverflowError):
        raise CohortError("The cohort's table holds errors of projections that are no numbers.") from None
    if not np.isfinite(errors).all() or (errors < 0).any():
        raise CohortError("The cohort's table holds errors of projections that are no numbers.")
    return visits, errors


def _visit(row: dict[str, Any], line: int) -> Visit:
    """A row of a cohort's table, which may have come from anywhere.

    Raises
    ------
    CohortError
        If an entry is not what :func:`table_of` writes; the message names column and line.
    """

    def refuse(column: str) -> CohortError:
        return CohortError(f"The cohort's table says in line {line} of {column} what cannot be.")

    for column in ("patient", "trajectory", "image", "split"):
        if not isinstance(row[column], str) or len(row[column]) > _LONGEST_TEXT or not row[column].isprintable():
            raise refuse(column)
    if not row["patient"] or not row["trajectory"] or row["split"] not in _SPLITS:
        raise refuse("patient, trajectory or split")
    months, grade, side = finite(row["months"]), row["grade"], row["side"]
    if months is None or not 0 <= months <= _LATEST_MONTH:
        raise refuse("months")
    if grade is not None and (type(grade) is not int or not 0 <= grade <= _HIGHEST_GRADE):
        raise refuse("grade")
    if side is not None and not isinstance(side, str):
        raise refuse("side")
    image = PurePosixPath(row["image"].replace("\\", "/"))
    if image.is_absolute() or ".." in image.parts or ":" in row["image"]:
        raise refuse("image")  # it lies in the cohort's own folder
    return Visit(
        patient=row["patient"],
        side=parse_side(side, COHORT_TABLE) if side else "",
        trajectory=row["trajectory"],
        months=months,
        date=row["date"] if isinstance(row["date"], datetime.date) else None,
        grade=grade,
        image=row["image"],
        split=row["split"],
    )


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
    """Write a cohort's folder: the latents, the table, and what it is.

    Raises
    ------
    CohortError
        If it cannot be written; a cohort that was there is there still.
    """
    from pyarrow import parquet
    from safetensors.numpy import save

    table = BytesIO()
    parquet.write_table(table_of(cohort.visits, cohort.errors), table, compression="zstd")
    about = cohort.about | {"images": str(cohort.images) if cohort.images else ""}
    files = {
        path / COHORT_LATENTS: save({"w": cohort.latents}),
        path / COHORT_TABLE: table.getvalue(),
        path / ABOUT: json_bytes(about),
    }
    write_all(files, CohortError)


def open_cohort(path: str | Path) -> Cohort:
    """Open a cohort's folder.

    Raises
    ------
    CohortError
        If it is none, is unfinished or damaged.
    """
    path = Path(path)
    try:
        about = parse_json((path / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(about, dict):
            raise ValueError
    except (OSError, ValueError):
        raise CohortError(f"{path} is not a finished cohort: build it with napari-medgen cohort build.") from None
    return _read(path, about)


def _read(path: Path, about: dict[str, Any]) -> Cohort:
    from pyarrow import parquet
    from safetensors.numpy import load

    damaged = f"The cohort {path.name} is damaged: its table or its latents cannot be read."
    try:
        for name in (COHORT_TABLE, COHORT_LATENTS):
            require_model_bytes((path / name).stat().st_size, f"{name} of the cohort {path.name}")
        held = parquet.read_metadata(path / COHORT_TABLE)
        unpacked = sum(held.row_group(i).total_byte_size for i in range(held.num_row_groups))
        # A row takes far more as an object of Python than in the file.
        require_model_bytes(unpacked + held.num_rows * _ROW_BYTES, f"The cohort {path.name}")
        _require_kinds(parquet.read_schema(path / COHORT_TABLE))
        # Texts stay in dictionaries: one long value may stand in every row.
        table = parquet.read_table(path / COHORT_TABLE, columns=list(_COLUMNS), read_dictionary=list(_TEXTS))
        if any(len(str(value)) > _LONGEST_TEXT for name in _TEXTS for value in _distinct(table, name)):
            raise ValueError
        own = parse_json((table.schema.metadata or {}).get(_ABOUT_KEY, b"{}"))
        about = (own if isinstance(own, dict) else {}) | about
        latents = load((path / COHORT_LATENTS).read_bytes())["w"].astype(np.float32)
    except MedGenError as error:
        raise CohortError(str(error)) from None
    except Exception:
        # Arrow and safetensors raise whatever they stumble over.
        raise CohortError(damaged) from None
    try:
        visits, errors = visits_in(table)
    except CohortError as error:
        raise CohortError(f"The cohort {path.name} cannot be used: {error}") from None
    if not visits or latents.ndim != 2 or not latents.shape[1]:
        raise CohortError(f"The cohort {path.name} holds no visits or no latents.")
    if len(latents) != len(visits):
        raise CohortError(f"The cohort {path.name} is damaged: it has {len(visits)} visits and {len(latents)} latents.")
    if not np.isfinite(latents).all():
        raise CohortError(f"The cohort {path.name} is damaged: some latents hold what is no finite number.")
    texts = ("model", "checksum", "grader", "surrogate", "salt", "images", "mirror")
    if any(not isinstance(about.get(key, ""), str) for key in texts) or not _is_projection(about.get("projection")):
        raise CohortError(f"The cohort {path.name} says of itself what cannot be; build it anew.")
    if not re.fullmatch(r"(?:[0-9a-f]{2})*", about.get("salt", "")):
        raise CohortError(f"The cohort {path.name} says of itself what cannot be; build it anew.")
    images = Path(about["images"]) if about.get("images") else None
    return Cohort(visits, latents, errors, about, images)


def _require_kinds(schema: pa.Schema) -> None:
    """Refuse columns of other kinds: only texts are bounded in their length, numbers and dates by themselves.

    Raises
    ------
    CohortError
        The message names the column.
    """
    from pyarrow import types

    def is_text(kind: pa.DataType) -> bool:
        inner = kind.value_type if types.is_dictionary(kind) else kind
        return bool(types.is_string(inner) or types.is_large_string(inner) or types.is_null(inner))

    def is_number(kind: pa.DataType) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind))

    for name in set(_COLUMNS) & set(schema.names):
        kind = schema.field(name).type
        fits = is_text(kind) if name in _TEXTS else types.is_temporal(kind) or types.is_null(kind)
        if not (fits if name in (*_TEXTS, "date") else is_number(kind)):
            raise CohortError(f"The cohort's table holds {kind} in the column {name}, which cannot be.")


def _distinct(table: pa.Table, name: str) -> list[Any]:
    return table[name].unique().to_pylist() if name in table.column_names else []


def _is_projection(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(part, str | int) for part in value.values()))


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
