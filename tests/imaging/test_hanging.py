from __future__ import annotations

import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.hanging import Hanging, Subject, ViewState, hanging_for, read_rules, rules_file


def test_a_ct_of_the_chest_hangs_in_its_lung_window() -> None:
    assert hanging_for(Subject(kind="volume", modality="CT", body_part="chest")).window == "Lung"
    assert hanging_for(Subject(kind="volume", modality="CT")).window == "Soft tissue"
    assert hanging_for(Subject(kind="volume", modality="MR")).window == "file"


def test_a_radiograph_has_the_screen_for_itself() -> None:
    assert hanging_for(Subject(kind="radiograph", body_part="KNEE")).views == ("picture",)


def test_a_volume_has_three_planes_and_the_whole() -> None:
    assert set(hanging_for(Subject(kind="volume")).views) == {"axial", "coronal", "sagittal", "3d"}


def test_rules_of_ones_own_go_first() -> None:
    file = rules_file()
    file.parent.mkdir(parents=True)
    file.write_text(
        '[[rule]]\nwhen = { model = "brain-t1" }\nhang = { layout = "1x3", slice = [0.6, 0.5, 0.5], zoom = 1.5 }\n'
    )
    assert hanging_for(Subject(kind="volume", model="brain-t1")).layout == "1x3"
    assert hanging_for(Subject(kind="volume", model="another")).layout == "2x2"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[[rule]]\nhang = { layout = "9x9" }', "rule.0.hang.layout"),
        ("[[rule]]\nwhen = { moddality = 'CT' }", "rule.0.when.moddality"),
        ("[[rule]]\nhang = { zoom = -1 }", "rule.0.hang.zoom"),
        ("this is no TOML", "line 1"),
    ],
)
def test_a_file_of_hangings_that_is_wrong_says_where(text: str, what: str) -> None:
    file = rules_file()
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(MedGenError, match=what):
        hanging_for(Subject(kind="volume"))


def test_a_view_is_a_value_that_can_be_kept_as_text() -> None:
    state = ViewState(hanging=Hanging(layout="1x2", slab=5), place=(1.0, 2.0, 3.0), windows=((0, 4),), active=1)
    assert ViewState.model_validate_json(state.model_dump_json()) == state


def test_shipped_rules_are_valid() -> None:
    assert read_rules("") == ()
    assert hanging_for(Subject()) == Hanging()
