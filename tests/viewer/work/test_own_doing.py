"""What the program changes itself is told from what somebody wishes, also after an error."""

from __future__ import annotations

import pytest

from napari_medgen.viewer.work.own_doing import OwnDoing


def test_it_is_true_within_and_false_after_also_where_one_stands_within_another() -> None:
    busy = OwnDoing()
    assert not busy
    with busy.working():
        with busy.working():
            assert busy
        assert busy
    assert not busy


def test_an_error_leaves_nothing_behind() -> None:
    busy = OwnDoing()
    with pytest.raises(ValueError, match="stop"), busy.working():
        raise ValueError("stop")
    assert not busy
