from __future__ import annotations

from typing import Any

import pytest

from napari_medgen.imaging.windows import HOUNSFIELD, Window
from napari_medgen.running.settings import load_settings, prefer
from napari_medgen.viewer.work import preferences as page


class Page:
    """What napari keeps of a plugin's page."""

    def __init__(self) -> None:
        from types import SimpleNamespace

        self.models = SimpleNamespace(
            device="as in settings.json", precision="as in settings.json", folders="", training="", preview_rate=5
        )
        self.reading = SimpleNamespace(
            wheel="zooms", drag="lowers the level (brighter)", mark="lower left", presets="", lists=True
        )


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Page()
    monkeypatch.setattr(page, "_settings", lambda: made)
    yield made
    prefer({})


def test_what_is_set_is_what_the_window_uses(settings: Page) -> None:
    found = page.preferences()
    assert not found.wheel_scrolls
    assert found.up_lowers
    assert found.mark == "lower left"
    assert found.lists


def test_the_engine_hears_of_the_device_and_the_environment_goes_over_it(
    settings: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.hand_down()
    assert load_settings().device == "auto"
    settings.models.device, settings.models.folders = "cpu", "/a; /b"
    page.hand_down()
    assert load_settings().device == "cpu"
    assert [str(folder) for folder in load_settings().model_folders] == ["/a", "/b"]
    monkeypatch.setenv("NAPARI_MEDGEN_DEVICE", "cuda")
    assert load_settings().device == "cuda"


def test_windows_of_ones_own_stand_on_their_keys() -> None:
    found = page.presets_of("Abdomen 60/350;nonsense; Bone 500 / 2000;;Liver 90/-5")
    assert found[0] == Window(60, 350, "Abdomen")
    assert found[1] == HOUNSFIELD[1]
    assert found[2] == Window(500, 2000, "Bone")
    assert found[3:] == HOUNSFIELD[3:]


def test_without_napari_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_settings", lambda: None)
    assert page.preferences() == page.Preferences()
    page.hand_down()
    page.on_change(page.hand_down)()


def test_the_page_of_the_manifest_has_the_same_defaults() -> None:
    from pathlib import Path

    import yaml

    import napari_medgen

    manifest = yaml.safe_load((Path(napari_medgen.__file__).parent / "napari.yaml").read_text())
    said = manifest["contributions"]["configurations"]
    presets = said["reading"]["properties"]["presets"]["default"]
    assert page.presets_of(presets) == HOUNSFIELD
    assert presets.count(";") == len(HOUNSFIELD) - 1
    assert said["models"]["properties"]["preview_rate"]["default"] == page.Preferences().preview_rate
