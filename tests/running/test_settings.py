from __future__ import annotations

from pathlib import Path

import pytest

from napari_medgen.errors import MedGenError
from napari_medgen.running.settings import load_settings, settings_file


def test_the_environment_goes_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text('{"device": "cuda", "model_folders": ["/a"]}')
    assert load_settings().device == "cuda"
    monkeypatch.setenv("NAPARI_MEDGEN_DEVICE", "cpu")
    monkeypatch.setenv("NAPARI_MEDGEN_MODELS", "/b:/c")
    assert load_settings().device == "cpu"
    assert load_settings().model_folders == (Path("/b"), Path("/c"))


@pytest.mark.parametrize("text", ["{", '{"colour": 1}', "[]"])
def test_a_bad_file_is_named(text: str) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text(text)
    with pytest.raises(MedGenError, match="settings file"):
        load_settings()
