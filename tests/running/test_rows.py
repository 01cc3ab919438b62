"""Rows that are made once, survive a kill, and follow their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_medgen.running.progress import drive
from napari_medgen.running.rows import RowPlan, Rows, fill_rows
from napari_medgen.running.stamps import file_stamp


class Files:
    """Files of one number each; counts how often each is read."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.read = folder, []
        folder.mkdir()
        for number in range(count):
            self.write(f"f{number:02}", str(number))

    read: list[str]

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def plan(self, how: str = "a", threads: int = 1, tolerated: tuple[type[Exception], ...] = ()) -> RowPlan:
        paths = sorted(self.folder.iterdir())

        def make(index: int) -> np.ndarray:
            self.read.append(paths[index].name)
            return np.full((2,), float(paths[index].read_text()), np.float32)

        stamps = [[path.name, file_stamp(path)] for path in paths]
        return RowPlan({"how": how}, stamps, (2,), np.float32, range(len(paths)), make, tolerated, threads, noted=4)

    def fill(self, store: Path, **more: object) -> Rows:
        self.read.clear()
        return drive(fill_rows(store, self.plan(**more), lambda index: ""))  # type: ignore[arg-type]


def test_rows_are_made_once_and_again_where_their_file_changed(tmp_path: Path) -> None:
    files, store = Files(tmp_path / "f", 10), tmp_path / "rows.npy"
    first = files.fill(store)
    assert first.array[:, 0].tolist() == list(range(10))
    assert files.fill(store).contents == first.contents
    assert files.read == []
    files.write("f03", "333")
    second = files.fill(store)
    assert files.read == ["f03"]
    assert second.array[3, 0] == 333
    assert second.contents != first.contents
    files.fill(store, how="b")
    assert len(files.read) == 10


def test_rows_of_files_that_stay_move_with_them(tmp_path: Path) -> None:
    files, store = Files(tmp_path / "f", 6), tmp_path / "rows.npy"
    files.fill(store)
    (tmp_path / "f" / "f02").unlink()
    files.write("e99", "99")
    found = files.fill(store)
    assert files.read == ["e99"]
    assert found.array[:, 0].tolist() == [99, 0, 1, 3, 4, 5]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_made_before_a_stop_is_not_made_again(tmp_path: Path, threads: int) -> None:
    files, store = Files(tmp_path / "f", 12), tmp_path / "rows.npy"
    steps = fill_rows(store, files.plan(threads=threads), lambda index: "")
    for _ in range(6):
        next(steps)
    steps.close()
    found = files.fill(store, threads=threads)
    assert sorted(files.read) == [f"f{number:02}" for number in range(6, 12)]
    assert found.array[:, 0].tolist() == list(range(12))


def test_a_bad_file_costs_its_own_row_alone(tmp_path: Path) -> None:
    files, store = Files(tmp_path / "f", 9), tmp_path / "rows.npy"
    files.write("f05", "no number")
    with pytest.raises(ValueError, match="no number"):
        files.fill(store)
    found = files.fill(store, tolerated=(ValueError,))
    assert "f01" not in files.read  # it was made before the bad one ended the work
    assert list(found.failed) == [5]
    assert "no number" in found.failed[5]
    assert files.fill(store, tolerated=(ValueError,)).failed == found.failed
    assert files.read == ["f05"]  # and nothing else: what failed may succeed another time
    files.write("f05", "5")
    assert files.fill(store).array[:, 0].tolist() == list(range(9))


def test_a_store_that_is_not_whole_is_made_anew(tmp_path: Path) -> None:
    files, store = Files(tmp_path / "f", 4), tmp_path / "rows.npy"
    files.fill(store)
    store.with_suffix(".json").write_text("{")
    assert files.fill(store).array[:, 0].tolist() == [0, 1, 2, 3]
    assert len(files.read) == 4
    store.write_bytes(b"")
    assert files.fill(store).array[:, 0].tolist() == [0, 1, 2, 3]


def test_no_rows_at_all_is_an_empty_array(tmp_path: Path) -> None:
    files = Files(tmp_path / "f", 0)
    assert files.fill(tmp_path / "rows.npy").array.shape == (0, 2)


def test_rows_of_which_only_a_name_is_known_are_made(tmp_path: Path) -> None:
    plan = RowPlan({}, [["a"], ["b"]], (2,), np.float32, [1.0, 2.0], lambda value: np.full(2, value, np.float32))
    for _ in range(2):
        assert drive(fill_rows(tmp_path / "rows.npy", plan, lambda index: "")).array[:, 0].tolist() == [1, 2]
