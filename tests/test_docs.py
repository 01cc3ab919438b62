"""What the docs say is so: commands as the program has them, names of buttons and menus as the window has them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))


def test_the_page_of_commands_is_the_programs() -> None:
    from command_page import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run python scripts/command_page.py"


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda path: path.name)
def test_every_picture_and_page_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def test_lists_of_the_tutorials_go_on_after_a_picture() -> None:
    for page in (ROOT / "docs" / "tutorials").glob("*.md"):
        numbers = [int(found) for found in re.findall(r"^(\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1)), page.name


@pytest.mark.parametrize(
    ("page", "view"),
    [
        ("first-volume", "napari_medgen.viewer.sample.view:SampleView"),
        ("first-map", "napari_medgen.viewer.explain.view:OverlayView"),
        ("first-future", "napari_medgen.viewer.future.view:ExtrapolateView"),
    ],
)
def test_the_words_of_a_tutorial_are_those_of_the_window(page: str, view: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("pytestqt")
    request.getfixturevalue("qtbot")
    from importlib import import_module

    from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget

    module, name = view.split(":")
    widget = getattr(import_module(module), name)()
    said = {one.text() for kind in (QLabel, QPushButton) for one in widget.findChildren(kind)}
    for table in widget.findChildren(QTableWidget):
        said |= {item.text() for place in range(table.columnCount()) if (item := table.horizontalHeaderItem(place))}
    said |= {"Sample volumes", "Overlay saliency", "Extrapolate radiograph", "SYNTHETIC", "B", "H", "Page Down", "Page Up"}
    text = (ROOT / "docs" / "tutorials" / f"{page}.md").read_text(encoding="utf-8")
    bold = {word.rstrip(".,") if not word.endswith("...") else word for word in re.findall(r"\*\*([^*]+)\*\*", text)}
    sentences = {word for word in bold if len(word.split()) > 6}
    assert bold - said - sentences == set()
