"""Many samples: the same files wherever they are made, and none made twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_medgen.errors import WritingError
from napari_medgen.models.folder import open_folder
from napari_medgen.models.kept import Kept
from napari_medgen.running.cluster import spread
from napari_medgen.running.progress import drive
from napari_medgen.running.shards import Placement
from napari_medgen.volumes.many import SampleWriter, open_generator, shards_of
from napari_medgen.volumes.request import SampleRequest

REQUESTS = [SampleRequest(seed, steps=2) for seed in (3, 4)]


def writer_of(model: Path, out: Path) -> SampleWriter:
    out.mkdir()
    return SampleWriter(Kept.of(open_generator, open_folder(model), device="cpu"), out)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_workers_make_the_same_files_and_what_is_there_is_not_made_again(tiny_model: Path, tmp_path: Path) -> None:
    here, there = (writer_of(tiny_model, tmp_path / name) for name in ("here", "there"))
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
    writer = writer_of(tiny_model, tmp_path / "out")
    drive(spread(writer, shards_of(REQUESTS[:1])))
    before = files(writer.out)
    drive(spread(writer, shards_of([SampleRequest(3, steps=3)])))
    assert files(writer.out) != before


def test_a_worker_without_the_disk_or_with_other_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    writer = writer_of(tiny_model, tmp_path / "out")
    with pytest.raises(WritingError, match="workers must see the same disk"):
        drive(spread(replace(writer, out=tmp_path / "elsewhere", elsewhere=True), shards_of(REQUESTS)))
    found = drive(spread(replace(writer, opens=replace(writer.opens, checksums=("other",))), shards_of(REQUESTS)))
    assert all("has other weights" in why for why in found.failed.values())
