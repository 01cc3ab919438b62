"""A model is opened once in a process, and other weights are refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from napari_medgen.errors import ModelError
from napari_medgen.models.folder import open_folder
from napari_medgen.models.kept import Kept
from napari_medgen.saliency.model import open_classifier
from saliency_support import write_classifier


def test_a_model_is_opened_once_wherever_its_opener_comes_from(tmp_path: Path) -> None:
    write_classifier(tmp_path / "tiny")
    opens = Kept.of(open_classifier, open_folder(tmp_path / "tiny"), device="cpu")
    again = pickle.loads(pickle.dumps(opens))
    assert again == opens
    assert again() is opens()
    assert again.key == opens.key


def test_other_weights_are_refused(tmp_path: Path) -> None:
    write_classifier(tmp_path / "tiny")
    opens = Kept.of(open_classifier, open_folder(tmp_path / "tiny"), device="cpu")
    with pytest.raises(ModelError, match="has other weights than the one that was asked for"):
        replace(opens, checksums=("other",))()
