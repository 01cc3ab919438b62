"""A YAML file whose entries know their lines, so that a mistake is named by file, line and field.

Aliases are refused: nobody needs them in a protocol, and a few lines of them unfold to gigabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from napari_medgen.errors import StudyError

Model = TypeVar("Model", bound=BaseModel)
_LARGEST = 16 * 2**20  # bytes; a protocol of a hundred thousand cases is smaller


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that stands twice is a mistake, and not the last one's right."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*) has no place here", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Located:
    """What a YAML file holds, and where.

    Attributes
    ----------
    name
        Of the file.
    content
        Plain values.
    """

    name: str
    content: Any
    _root: yaml.Node | None

    def line(self, place: Sequence[str | int]) -> int:
        """The line, from 1, of an entry, or of the nearest one around it that is there."""
        node, line = self._root, 1
        for step in place:
            if node is None:
                break
            line = node.start_mark.line + 1
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
                if pair is None:
                    return line
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:  # the name of a variant in a union, which no file holds
                continue
        return line

    def fault(self, place: Sequence[str | int], what: str) -> StudyError:
        """The sentence on an entry: file, line, field and what is wrong."""
        field = ".".join(str(step) for step in place)
        return StudyError(f"{self.name}, line {self.line(place)}{f', {field}' if field else ''}: {what}.")


def read_located(path: Path) -> Located:
    """Read a YAML file.

    Raises
    ------
    StudyError
        If it is missing, too large, or no YAML; the line is named.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise StudyError(f"{path.name} is larger than any protocol.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path.name} is no text file (UTF-8).") from None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            content = loader.construct_document(root) if root is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise StudyError(f"{path.name}{where}: {error.problem or error.context}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], yaml.Mark) else None
        where = f", line {mark.line + 1}" if mark else ""
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error.args[0] if error.args else error)
        raise StudyError(f"{path.name}{where}: {said}.") from None
    return Located(path.name, content, root)


def validated(model: type[Model], located: Located) -> Model:
    """The content as a model.

    Raises
    ------
    StudyError
        If it is none: the first mistake, with its line and its field.
    """
    if not isinstance(located.content, dict):
        raise StudyError(f"{located.name}: it holds no entries (name: value).")
    try:
        return model.model_validate(located.content)
    except ValidationError as error:
        first = error.errors()[0]
        raise located.fault(_plain(first, located.content), _said(first)) from None


def clause(error: Exception) -> str:
    """A sentence as a part of another: small at its beginning, without its full stop."""
    sentence = str(error).rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _plain(error: Any, content: Any) -> list[str | int]:
    """The place as the file has it: without the names of variants that pydantic puts into it."""
    place, absent = error["loc"], error["type"] == "missing"
    kept: list[str | int] = []
    for index, step in enumerate(place):
        listed = isinstance(content, list) and isinstance(step, int) and step < len(content)
        if listed or (isinstance(content, dict) and step in content):
            content = content[step]
        elif not (absent and index == len(place) - 1):
            continue
        kept.append(step)
    return kept


def _said(error: Any) -> str:
    """What is wrong, and what would be right where pydantic knows it."""
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return "this entry is missing"
    if kind == "extra_forbidden":
        return "there is no such entry"
    given = error.get("input")
    shown = f"; it is {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"
