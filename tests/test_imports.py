"""Who may import whom, seen from a fresh interpreter."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_medgen

ENGINE = ("imaging", "running", "statistics", "models", "volumes", "progression", "saliency", "cli")
HEAVY = ("torch", "monai")
WINDOW = ("napari", "qtpy", "superqt", "magicgui", "PyQt6", "PySide6")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import napari_medgen",
        "import napari_medgen.cli",
        pytest.param("import npe2; npe2.PluginManifest.from_distribution('napari-medgen')", marks=pytest.mark.window),
        *(
            pytest.param(f"import napari_medgen.viewer.{name}", marks=pytest.mark.window)
            for name in (
                "plugin.readers",
                "plugin.writers",
                "plugin.sample_data",
                "sample.coordinator",
                "explain.coordinator",
                "future.coordinator",
            )
        ),
    ],
)
def test_neither_torch_nor_monai_is_imported(code: str) -> None:
    loaded = run(f"import sys\n{code}\nprint(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)


def test_every_engine_module_imports_where_napari_and_qt_are_blocked() -> None:
    root = Path(napari_medgen.__file__).parent
    names = ["napari_medgen.errors"]
    for room in ENGINE:
        found = pkgutil.walk_packages([str(root / room)], f"napari_medgen.{room}.")
        names += [f"napari_medgen.{room}", *(module.name for module in found)]
    assert len(names) > 40
    block = f"import sys\nfor name in {WINDOW!r}: sys.modules[name] = None\n"
    run(block + "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in names))


def test_the_manifest_in_the_package_is_the_one_at_the_top() -> None:
    top = Path(__file__).parents[1] / "napari.yaml"
    inside = Path(napari_medgen.__file__).parent / "napari.yaml"
    assert inside.read_text() == top.read_text()
