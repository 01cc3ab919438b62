"""Many samples: the same files wherever they are made, and none made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import WritingError
from napari_medgen.running.cluster import Placement, spread
from napari_medgen.running.progress import drive
from napari_medgen.volumes.many import SampleWriter, shards_of
from napari_medgen.volumes.request import SampleRequest

REQUESTS = [SampleRequest(seed, steps=2) for seed in (3, 4)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_workers_make_the_same_files_and_what_is_there_is_not_made_again(tiny_model: Path, tmp_path: Path) -> None:
    here, there = (SampleWriter(tiny_model, tmp_path / name, "cpu") for name in ("here", "there"))
    drive(spread(here, shards_of(REQUESTS), Placement(threads=1)))
    first = here.out / "tiny_seed-3.nii.gz"
    before = first.stat().st_mtime_ns
    (here.out / "tiny_seed-4.nii.gz").write_bytes(b"half a volume")
    found = drive(spread(here, shards_of(REQUESTS), Placement(threads=1)))
    assert first.stat().st_mtime_ns == before
    assert [made.seconds > 0 for made in found.done.values()] == [False, True]
    drive(spread(there, shards_of(REQUESTS), Placement("local:1", threads=1)))
    assert files(there.out) == files(here.out)


def test_another_request_is_made_anew(tiny_model: Path, tmp_path: Path) -> None:
    writer = SampleWriter(tiny_model, tmp_path / "out", "cpu")
    drive(spread(writer, shards_of(REQUESTS[:1])))
    before = files(writer.out)
    drive(spread(writer, shards_of([SampleRequest(3, steps=3)])))
    assert files(writer.out) != before


def test_no_room_ends_all(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WritingError):
        drive(spread(SampleWriter(tiny_model, tmp_path / "file", "cpu"), shards_of(REQUESTS)))
