"""What a user set on napari's page of preferences for this plugin.

napari keeps it in a file of its own and tells when it changes; what the engine needs of it is handed down
(:func:`napari_medgen.running.settings.prefer`), so that the command line knows nothing of napari.
"""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MethodType
from typing import Any

from napari_medgen.errors import MedGenError
from napari_medgen.imaging.windows import HOUNSFIELD, Window
from napari_medgen.running.settings import load_settings, prefer

_PLUGIN = "napari-medgen"
_FROM_FILE = "as in settings.json"
_PRESET = re.compile(r"^\s*(?P<name>.+?)\s+(?P<level>-?\d+(?:\.\d+)?)\s*/\s*(?P<width>\d+(?:\.\d+)?)\s*$")


@dataclass(frozen=True)
class Preferences:
    """What of it the window itself needs.

    Attributes
    ----------
    wheel_scrolls
        Plain wheel goes through slices, and zooms with Ctrl; otherwise the other way round.
    up_lowers
        Dragging a window up lowers its level.
    mark
        Where the mark stands: ``upper right``, ``upper left`` or ``lower left``.
    presets
        Windows of the Hounsfield scale on the keys 1 to 5.
    preview_rate
        Looks at a forming volume a second.
    lists
        Whether napari's lists stay when the reading room is entered.
    training_folders
        Where volumes that models were trained on lie.
    """

    wheel_scrolls: bool = True
    up_lowers: bool = False
    mark: str = "upper right"
    presets: tuple[Window, ...] = HOUNSFIELD
    preview_rate: int = 5
    lists: bool = False
    training_folders: tuple[Path, ...] = ()


def preferences() -> Preferences:
    """What is set now; the defaults where napari does not know this plugin's page."""
    settings = _settings()
    if settings is None:
        return Preferences()
    reading, models = settings.reading, settings.models
    return Preferences(
        wheel_scrolls=not str(reading.wheel).startswith("zoom"),
        up_lowers=str(reading.drag).startswith("lower"),
        mark=str(reading.mark),
        presets=presets_of(str(reading.presets)),
        preview_rate=int(models.preview_rate),
        lists=bool(reading.lists),
        training_folders=tuple(Path(part.strip()) for part in str(models.training).split(";") if part.strip()),
    )


def set_training_folder(folder: Path) -> None:
    """Remember where training volumes lie, for all sessions."""
    settings = _settings()
    if settings is not None:
        settings.models.training = str(folder)


@lru_cache(8)
def presets_of(text: str) -> tuple[Window, ...]:
    """Windows that a line names; what of it cannot be understood leaves the one that is there by default.

    Parameters
    ----------
    text
        ``name level/width``, with semicolons between them; at most five count.
    """
    found = list(HOUNSFIELD)
    for place, part in enumerate(text.split(";")[: len(found)]):
        said = _PRESET.match(part)
        if said is None:
            continue
        with contextlib.suppress(ValueError):  # a width of zero, or a number that no file holds
            found[place] = Window(float(said["level"]), float(said["width"]), said["name"])
    return tuple(found)


def on_change(slot: Callable[[], object]) -> Callable[[], None]:
    """Call a method, held weakly, whenever something is set; returns what ends that."""
    settings = _settings()
    if settings is None or not isinstance(slot, MethodType):
        return lambda: None
    weak = weakref.WeakMethod(slot)

    def changed(*event: object) -> None:
        if (there := weak()) is not None:
            there()

    settings.events.changed.connect(changed)
    return lambda: settings.events.changed.disconnect(changed)


def hand_down() -> None:
    """Tell the engine what is set for models."""
    settings = _settings()
    if settings is None:
        return
    models = settings.models
    values: dict[str, object] = {
        name: value for name in ("device", "precision") if (value := str(getattr(models, name))) != _FROM_FILE
    }
    if cluster := str(getattr(models, "cluster", "")).strip():
        values["cluster"] = cluster
    folders = [part.strip() for part in str(models.folders).split(";") if part.strip()]
    if folders:
        values["model_folders"] = folders
    prefer(values)


def cluster_in_force() -> str:
    """The cluster that long work may be sent to; empty for none."""
    try:
        return load_settings().cluster
    except MedGenError:  # whoever computes will say what is wrong with the settings
        return ""


def _settings() -> Any:
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(_PLUGIN)
    except (KeyError, ImportError, AttributeError):
        return None
