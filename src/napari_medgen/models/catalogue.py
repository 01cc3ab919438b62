"""Where models are found: those that ship inside, the user's folder, and folders named in the settings."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from napari_medgen.errors import ModelError
from napari_medgen.models.card import Task
from napari_medgen.models.folder import CARD, ModelFolder, open_folder
from napari_medgen.running.settings import load_settings

STARTER = Path(__file__).parent / "starter"


def user_folder() -> Path:
    """Where ``models import`` and ``train`` put models that should be found."""
    return platformdirs.user_data_path("napari-medgen") / "models"


def places() -> list[Path]:
    """Folders of model folders, in the order in which a name is looked up: what a user trained comes before what ships."""
    return [user_folder(), *load_settings().model_folders, STARTER]


def list_models(task: Task | None = None) -> list[ModelFolder]:
    """Every model with a readable card, the first of each name; those with a damaged one are left out."""
    found: dict[str, ModelFolder] = {}
    for place in places():
        for card in sorted(place.glob(f"*/{CARD}")):
            try:
                folder = open_folder(card.parent)
            except ModelError:
                continue
            if task in (None, folder.card.task):
                found.setdefault(folder.name, folder)
    return list(found.values())


def find_model(name: str | Path, beside: ModelFolder | None = None) -> ModelFolder:
    """The model of a name, or in a folder.

    Parameters
    ----------
    beside
        A model that needs the one that is looked for: where that lies beside it, it is taken before any other of its name.

    Raises
    ------
    ModelError
        If there is none; the message lists those there are.
    """
    if Path(name).is_dir() and (Path(name) / CARD).is_file():
        return open_folder(name)
    first = [beside.path.parent] if beside is not None else []
    for place in (*first, *places()):
        if (place / str(name) / CARD).is_file():
            return open_folder(place / str(name))
    models = {folder.name: folder for folder in list_models()}
    if str(name) in models:
        return models[str(name)]
    known = ", ".join(models) or "none"
    raise ModelError(f"There is no model {name}. There are: {known}.")
