"""A cohort as a folder, and as the files that travel within a model."""

from __future__ import annotations

import json
import re
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from napari_medgen.errors import CohortError, MedGenError
from napari_medgen.models.folder import ModelFolder
from napari_medgen.progression.architecture import COHORT_LATENTS, COHORT_TABLE
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.pseudonyms import without_identifiers
from napari_medgen.progression.cohort.table import COLUMNS, LONGEST_TEXT, TEXTS, distinct, require_kinds, table_of, visits_in
from napari_medgen.running.limits import require_model_bytes
from napari_medgen.running.stamps import content_key, fingerprint
from napari_medgen.running.writing import json_bytes, write_all
from napari_medgen.validity import parse_json

ABOUT = "cohort.json"
_ROW_BYTES = 2000
_ABOUT_KEY = b"napari_medgen"


def cohort_files(cohort: Cohort, salt: str = "") -> dict[str, bytes]:
    """The table and the latents (half precision) as files, to be shipped within a model folder; nobody can be told by them.

    Parameters
    ----------
    salt
        Hexadecimal digits that the pseudonyms are made with; drawn at random by default.
    """
    from pyarrow import parquet
    from safetensors.numpy import save

    salt = salt or secrets.token_hex(16)
    about = {"salt": salt, "grader": cohort.about.get("grader", "")}
    table = table_of(without_identifiers(cohort.visits, salt), cohort.errors).replace_schema_metadata(
        {_ABOUT_KEY: json.dumps(about)}
    )
    buffer = BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return {COHORT_TABLE: buffer.getvalue(), COHORT_LATENTS: save({"w": cohort.latents.astype(np.float16)})}


def cohort_key(path: Path) -> str:
    """Fingerprint of a cohort's folder: of its visits, and of how their latents were made."""
    return fingerprint([content_key(path / ABOUT), content_key(path / COHORT_TABLE)])


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
        require_kinds(parquet.read_schema(path / COHORT_TABLE))
        # Texts stay in dictionaries: one long value may stand in every row.
        table = parquet.read_table(path / COHORT_TABLE, columns=list(COLUMNS), read_dictionary=list(TEXTS))
        if any(len(str(value)) > LONGEST_TEXT for name in TEXTS for value in distinct(table, name)):
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


def _is_projection(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(part, str | int) for part in value.values()))
