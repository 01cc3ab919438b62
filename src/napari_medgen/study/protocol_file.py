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
            begin, end = key.start_mark.index, held.end_mark.index
            rest = text[end:]
            if held.end_mark.column and not isinstance(held, yaml.ScalarNode):
                rest = rest.lstrip("\n") if rest.startswith("\n") else rest
            elif isinstance(held, yaml.ScalarNode):
                rest = rest.removeprefix("\n")
            return text[:begin] + written + rest
    return text + ("" if text.endswith("\n") or not text else "\n") + written
