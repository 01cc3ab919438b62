"""Change one entry of a YAML file and leave all else, remarks too, as somebody wrote it."""

from __future__ import annotations

from typing import Any

import yaml


def with_entry(text: str, name: str, value: Any) -> str:
    r"""The text with another value at one of its outermost entries, or with the entry at its end.

    Examples
    --------
    >>> print(with_entry("a: 1  # one\nb: 2\n", "b", [3]), end="")
    a: 1  # one
    b:
    - 3
    """
    written = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True, width=120)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, held in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == name:
            end = text.find("\n", _end(held) - 1)  # a remark behind the value goes with it
            rest = text[end + 1 :] if end >= 0 else ""
            return text[: key.start_mark.index] + written + rest
    return text + ("" if text.endswith("\n") or not text else "\n") + written


def _end(node: yaml.Node) -> int:
    """Where the last character of a value is, and one: PyYAML takes the remarks below a list for a part of it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    index: int = node.end_mark.index
    return index
