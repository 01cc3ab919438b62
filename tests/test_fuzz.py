"""The fuzzer repeats itself, and a few files of each kind are opened or end in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import fuzz, mutations


@pytest.mark.parametrize("kind", mutations.KINDS)
def test_a_few_changed_files_of_each_kind(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    fuzz.work(kind, seed=0, begin=0, end={"model": 8, "compressed": 8, "bomb": 0}.get(kind, 40))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["outcome"] for row in rows} <= {"opened", "sentence"}, [r for r in rows if r["outcome"] == "traceback"]
    assert kind == "bomb" or any(row["outcome"] == "sentence" for row in rows)


@pytest.mark.parametrize("kind", ["nifti", "png", "checkpoint"])
def test_a_file_follows_from_its_seed_and_number_alone(kind: str, tmp_path: Path) -> None:
    make = mutations.maker(kind, tmp_path)
    first = make(3, 17).read_bytes()
    make(3, 18)
    assert make(3, 17).read_bytes() == first
    assert any(make(4, number).read_bytes() != make(3, number).read_bytes() for number in range(17, 22))
