"""A small study in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.study.case_table import NewCase, import_cases
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.templating import protocol_text
from study_support import MakeStudy, a_volume, run


@pytest.fixture
def make_study(tmp_path: Path) -> MakeStudy:
    """Makes a study of six volumes, three of them synthetic, for two readers."""

    def make(
        template: str = "turing", cases: list[NewCase] | None = None, *, folder: str = "study", count: int = 6
    ) -> Study:
        place = tmp_path / folder
        place.mkdir()
        (place / PROTOCOL).write_text(protocol_text(template, "test", ["R1", "R2"], 5))
        study = Study.open(place)
        chosen = cases or [
            NewCase(
                a_volume(n, synthetic=n % 2 == 1), {"real": n % 2 == 0} if template == "turing" else {}, source=f"file-{n}"
            )
            for n in range(count)
        ]
        made: Study = run(import_cases(study, chosen))
        return made

    return make
