"""The window that says what a study found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from napari_medgen.study.protocol_file import with_entry
from napari_medgen.study.study import PROTOCOL, Study
from napari_medgen.study.unblinding import unblind
from napari_medgen.viewer.study.results import Results
from study_support import MakeStudy, read_with_skill


def over(make_study: MakeStudy, *, own: bool = False) -> Study:
    study = make_study(count=10)
    if own:
        path = study.folder / PROTOCOL
        path.write_text(with_entry(path.read_text(), "own_results", True))
        study = Study.open(study.folder)
    for code in study.codes:
        read_with_skill(study, code, 0.8)
    unblind(study)
    return study


def shown(window: Results, qtbot: object) -> None:
    window.show()
    qtbot.waitUntil(lambda: window.sections.count() > 0, timeout=30_000)  # type: ignore[attr-defined]


def test_the_manager_sees_sections_tables_and_figures_and_saves_them(
    make_study: MakeStudy, qtbot: object, tmp_path: Path
) -> None:
    window = Results(over(make_study))
    shown(window, qtbot)
    titles = [window.sections.item(i).text() for i in range(window.sections.count())]
    assert titles[0] == "What was read"
    window.sections.setCurrentRow(next(i for i, title in enumerate(titles) if title.startswith("Accuracy")))
    text = window.text.toPlainText()
    assert "Sensitivity" in text
    assert "ROC curves and operating points by reader" in text
    assert window.text.toHtml().count("<img") >= 2
    window.save(tmp_path / "out")
    qtbot.waitUntil(window.open_button.isVisible, timeout=30_000)  # type: ignore[attr-defined]
    assert (tmp_path / "out" / "report.html").is_file()
    window.close()


def test_a_reader_sees_their_own_where_the_protocol_allows_it(make_study: MakeStudy, qtbot: object) -> None:
    window = Results(over(make_study, own=True), "R1")
    shown(window, qtbot)
    for row in range(window.sections.count()):
        window.sections.setCurrentRow(row)
        assert "R2" not in window.text.toPlainText()
    assert not window.save_button.isVisible()
    window.close()


@pytest.mark.parametrize("blind", [True, False])
def test_what_may_not_be_seen_is_a_sentence(make_study: MakeStudy, qtbot: object, blind: bool) -> None:
    study = make_study() if blind else over(make_study)
    window = Results(study, "" if blind else "R1")
    says = "blind of this study is closed" if blind else "may see their own results"
    qtbot.waitUntil(lambda: says in window.said.text(), timeout=30_000)  # type: ignore[attr-defined]
    assert window.sections.count() == 0
    window.close()


def test_protocols_without_the_entry_keep_their_checksums(make_study: MakeStudy) -> None:
    study = make_study()
    assert "own_results" not in (study.folder / PROTOCOL).read_text()
    allowed = study.protocol.model_copy(update={"own_results": True})
    assert allowed.checksum != study.protocol.checksum
    assert dataclasses.replace(study, protocol=study.protocol).protocol.checksum == study.protocol.checksum
