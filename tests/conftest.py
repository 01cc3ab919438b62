"""Fixtures for every room: a home of its own, small models, real files."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

# Before any test imports PyTorch: threads that spin while they wait make the suite ten times slower beside other work.
import napari_medgen  # noqa: F401

if TYPE_CHECKING:
    from pretended_gpu import PretendedGpu

SHARED = Path(__file__).parents[2] / "shared" / "data"


ABSENT = "the public data sets are not here: docs/data.md says where to get them and where to put them"
# Set by scripts/test.sh where no window can be opened.
NO_WINDOWS = bool(os.environ.get("NAPARI_MEDGEN_NO_WINDOWS"))
# Set by test_on_gpu.py in a process of its own.
ON_GPU = bool(os.environ.get("NAPARI_MEDGEN_PRETENDED_GPU"))
_LONG = ("test_on_gpu", "viewer/test_user_paths", "viewer/test_hostile", "running/training/test_processes", "test_cli_study")
collect_ignore = ["viewer"] * NO_WINDOWS + ["gpu"] * (not ON_GPU)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whoever asks for the public data is of that kind, whether its author marked it or not."""
    if "real_data" in getattr(item, "fixturenames", ()):
        item.add_marker("real_data")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: at the end one process would wait while the other follows a user through a window."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in _LONG))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip before any fixture is made: a window that was opened for a test which never runs cannot be torn down."""
    if item.get_closest_marker("real_data") and not SHARED.is_dir():
        pytest.skip(ABSENT)
    if NO_WINDOWS and item.get_closest_marker("window"):
        pytest.skip("no window can be opened here")


@pytest.fixture(scope="module", autouse=True)
def what_is_there_stays() -> None:
    """What was imported and what earlier modules left is not searched again and again: windows collect at every end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, models and caches of the person who runs the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name))
    for name in ("NAPARI_MEDGEN_MODELS", "NAPARI_MEDGEN_PRECISION", "NAPARI_MEDGEN_DEVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def real_data() -> Path:
    """Folder of the public data sets; a test that asks for it is skipped where it is absent."""
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A model folder of random weights: volumes of 16 x 16 x 32 voxels, conditioned on age and sex."""
    from tests_support import write_tiny_model

    return write_tiny_model(tmp_path / "models" / "tiny")


@pytest.fixture
def gpu() -> Iterator[PretendedGpu]:
    """A GPU that is not there (``pretended_gpu.py``); the test is skipped where it cannot be pretended."""
    from pretended_gpu import PretendedGpu, why_not

    if reason := why_not():
        pytest.skip(reason)
    with PretendedGpu(count=2) as there:
        yield there
