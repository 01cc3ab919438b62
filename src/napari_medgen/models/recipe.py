"""Recipes: TOML files from which models are trained; what all of them have in common."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_medgen.errors import RecipeError
from napari_medgen.models.card import ModelCard, Task
from napari_medgen.validity import first_fault


class RecipeTable(BaseModel):
    """A part of a recipe: fixed once read, and without entries that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class About(RecipeTable):
    """What the model card says that no measurement can tell."""

    title: str
    description: str
    data: str
    licence: str
    intended_use: str
    limits: str


AnyRecipe = TypeVar("AnyRecipe", bound=RecipeTable)


SHIPPED = Path(__file__).parents[1] / "recipes"


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: the one that is named, or the shipped one of that name.

    Raises
    ------
    RecipeError
        If there is neither; the message lists the shipped ones.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = SHIPPED / f"{path.name.removesuffix('.toml')}.toml"
    if path.name and path.parent == Path() and shipped.is_file():
        return shipped
    if path.is_dir():
        raise RecipeError(f"{str(name) or path} is a folder; name a recipe's file.")
    raise RecipeError(f"There is no recipe {name}. There come with this version: {', '.join(shipped_recipes())}.")


def read_toml(path: str | Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Content of a recipe, with changes made to it.

    Parameters
    ----------
    changes
        Entries that replace the file's: ``KEY=VALUE``, with dots between the names of nested entries. A value that is not
        JSON is taken as a text.

    Raises
    ------
    RecipeError
        If the file is missing or not TOML, or a change is not written so.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"There is no recipe {path.name}.") from None
    except OSError as error:
        raise RecipeError(f"The recipe {path.name} cannot be read: {error.strerror or error}.") from None
    except RecursionError:
        raise RecipeError(f"{path.name} is nested too deeply for a recipe.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name} is not a TOML file: {error}.") from None
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise RecipeError(f"A change of the recipe is written KEY=VALUE, not {change}.")
        *tables, last = key.split(".")
        place = content
        for name in tables:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise RecipeError(f"{change}: {name} is not a table of the recipe.")
        try:
            place[last] = json.loads(text)
        except ValueError:
            place[last] = text
    return content


def validate_recipe(kind: type[AnyRecipe], content: dict[str, Any], name: str) -> AnyRecipe:
    """The recipe that a file's content makes.

    Raises
    ------
    RecipeError
        If it says something that no recipe may; the message names the entry.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{name}: {first_fault(error, 'recipe')}.") from None


def card_from(
    recipe: RecipeTable, about: About, name: str, task: Task, architecture: BaseModel, title: str = "", description: str = ""
) -> ModelCard:
    """The card of a model that a recipe made.

    Parameters
    ----------
    title, description
        In the place of what the recipe says.
    """
    return ModelCard(
        name=name,
        title=title or about.title,
        description=description or about.description,
        task=task,
        architecture=architecture.model_dump(mode="json"),
        data=about.data,
        licence=about.licence,
        intended_use=about.intended_use,
        limits=about.limits,
        recipe=recipe.model_dump(mode="json"),
        checksums={},
    )
