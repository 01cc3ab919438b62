"""A small study in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from study_support import MakeStudy, maker


@pytest.fixture
def make_study(tmp_path: Path) -> MakeStudy:
    """Makes a study of six volumes, three of them synthetic, for two readers."""
    return maker(tmp_path)
