"""Whatever stops the work, a journal loses the line in hand alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import WritingError
from napari_medgen.running.journal import Journal, header_of


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "work.unfinished"
    with Journal(path, {"plan": 1}) as journal:
        journal.add({"file": "a"})
    with Journal(path, {"plan": 2}) as journal:
        assert journal.header == {"plan": 1}  # whoever has another plan asks before
        journal.add({"file": "b"})
    with Journal(path, {}) as journal:
        assert journal.entries == [{"file": "a"}, {"file": "b"}]
        journal.remove()
    assert not path.exists()
    assert header_of(path) == {}


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_line_that_a_kill_cut_off_is_as_if_it_were_not_there(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "work.unfinished"
    with Journal(path, {"plan": 1}) as journal:
        journal.add({"file": "a"})
        journal.add({"file": "b"})
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, {}) as journal:
        assert journal.entries in ([{"file": "a"}], [{"file": "a"}, {"file": "b"}])
        journal.add({"file": "c"})
    with Journal(path, {}) as journal:
        assert journal.entries[-1] == {"file": "c"}
        assert journal.entries[0] == {"file": "a"}


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WritingError, match="cannot be written"):
        Journal(tmp_path / "file" / "work.unfinished", {})
