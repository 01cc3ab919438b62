"""Cohort folders from elsewhere: one schema, asked when they are opened."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

from napari_medgen.errors import CohortError, ModelError
from napari_medgen.progression.architecture import COHORT_LATENTS, COHORT_TABLE
from napari_medgen.progression.cohort.folder import ABOUT, open_cohort, save_cohort
from napari_medgen.progression.cohort.origin import require_model
from progression_support import three_visit_cohort, write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_cohort(three_visit_cohort(), tmp_path / "cohort")
    return tmp_path / "cohort"


def set_column(folder: Path, name: str, values: list[Any]) -> None:
    table = parquet.read_table(folder / COHORT_TABLE)
    values = (values * len(table))[: len(table)]
    table = table.set_column(table.column_names.index(name), name, pa.array(values))
    parquet.write_table(table, folder / COHORT_TABLE)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("months", [None]), ("months", [math.nan]), ("months", [math.inf]), ("months", ["soon"]), ("months", [-3.0]),
        ("grade", [9]), ("grade", [-1]), ("grade", ["<script>alert(1)</script>"]), ("grade", [1.5]),
        ("side", ["<script>"]), ("side", [7]),
        ("patient", [None]), ("patient", [""]), ("patient", [3]), ("patient", ["a\nb"]), ("patient", ["x" * 5000]),
        ("trajectory", [None]), ("split", ["elsewhere"]),
        ("image", ["../../../etc/passwd"]), ("image", ["/etc/passwd"]), ("image", ["C:\\x.png"]), ("image", [None]),
        ("error", [math.nan]), ("error", ["x"]), ("error", [None]), ("error", [-1.0]),
    ],
)  # fmt: skip
def test_what_no_table_of_ours_says_is_refused_with_its_place(folder: Path, column: str, values: list[Any]) -> None:
    set_column(folder, column, values)
    with pytest.raises(CohortError, match=r"cohort|cohort\.parquet: the side"):
        open_cohort(folder)


@pytest.mark.parametrize(
    "latents",
    [
        np.zeros((3, 16), np.float32) * np.nan,
        np.zeros((2, 16), np.float32),
        np.zeros((3, 0), np.float32),
        np.zeros(3, np.float32),
        np.zeros((3, 4, 4), np.float32),
    ],
)
def test_latents_that_are_none(folder: Path, latents: np.ndarray) -> None:
    save_file({"w": latents}, folder / COHORT_LATENTS)
    with pytest.raises(CohortError):
        open_cohort(folder)


@pytest.mark.parametrize(
    "about", ["[]", "1", "[" * 5000, '{"model": 3}', '{"projection": [1]}', '{"surrogate": {"a": 1}}', "{"]
)
def test_what_a_cohort_says_of_itself_is_checked(folder: Path, about: str) -> None:
    (folder / ABOUT).write_text(about)
    with pytest.raises(CohortError):
        open_cohort(folder)


def test_an_empty_table_and_a_damaged_one(folder: Path) -> None:
    table = parquet.read_table(folder / COHORT_TABLE)
    parquet.write_table(table.slice(0, 0), folder / COHORT_TABLE)
    save_file({"w": np.zeros((0, 16), np.float32)}, folder / COHORT_LATENTS)
    with pytest.raises(CohortError, match="no visits"):
        open_cohort(folder)
    (folder / COHORT_TABLE).write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(CohortError, match="damaged"):
        open_cohort(folder)


def test_a_table_that_unpacks_to_more_than_is_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 400_000
    table = parquet.read_table(folder / COHORT_TABLE)
    long = pa.table({name: pa.array([table[name][0].as_py()] * rows, table[name].type) for name in table.column_names})
    parquet.write_table(long, folder / COHORT_TABLE)
    assert (folder / COHORT_TABLE).stat().st_size < 100_000
    monkeypatch.setenv("NAPARI_MEDGEN_LARGEST_MODEL", "0.1")
    with pytest.raises(CohortError, match=r"asks for .* are allowed \(largest_model"):
        open_cohort(folder)


def test_latents_of_another_width_belong_to_another_model(folder: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    cohort = open_cohort(folder)
    width = model.card.architecture["generator"]["w_dim"]
    save_file({"w": np.zeros((len(cohort.visits), width + 3), np.float32)}, folder / COHORT_LATENTS)
    about = json.loads((folder / ABOUT).read_text())
    about.pop("checksum", None)
    (folder / ABOUT).write_text(json.dumps(about))
    with pytest.raises(ModelError, match="numbers, those of"):
        require_model(open_cohort(folder), model)


def test_a_salt_is_hexadecimal(tmp_path: Path) -> None:
    save_cohort(three_visit_cohort(), tmp_path / "cohort")
    about = json.loads((tmp_path / "cohort" / ABOUT).read_text())
    (tmp_path / "cohort" / ABOUT).write_text(json.dumps(about | {"salt": "zz"}))
    with pytest.raises(CohortError, match="says of itself"):
        open_cohort(tmp_path / "cohort")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("grade", pa.array(["4"]).dictionary_encode()),
        ("months", pa.array(["12"])),
        ("error", pa.array([b"0"])),
        ("date", pa.array(["2020-01-01"])),
        ("patient", pa.array([9001])),
        ("image", pa.array([["a.png"]])),
    ],
)
def test_columns_of_another_kind_are_refused_before_they_are_unpacked(folder: Path, name: str, column: Any) -> None:
    table = parquet.read_table(folder / COHORT_TABLE)
    place = table.column_names.index(name)
    many = pa.chunked_array([column] * len(table))
    parquet.write_table(table.set_column(place, name, many), folder / COHORT_TABLE)
    with pytest.raises(CohortError, match=f"in the column {name}, which cannot be"):
        open_cohort(folder)


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_numbers_of_another_width_are_numbers(folder: Path, kind: Any) -> None:
    table = parquet.read_table(folder / COHORT_TABLE)
    place = table.column_names.index("months")
    parquet.write_table(table.set_column(place, "months", table["months"].cast(kind, safe=False)), folder / COHORT_TABLE)
    assert len(open_cohort(folder).visits) == len(table)
