"""Writes docs/commands.md from the program itself.

python scripts/command_page.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer

from napari_medgen.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
_HEAD = """# Commands

`napari-medgen` does without a window what the widgets do. This page is made from the program
(`python scripts/command_page.py`); `napari-medgen COMMAND --help` says the same. In a clone, activate the environment first:
`source .venv/bin/activate`.

Where standard error is no terminal, long commands write a plain line every half minute in the place of a progress bar.
Ctrl+C ends a command and leaves nothing half-made.
"""


def page() -> str:
    """The page's text."""
    root = typer.main.get_command(app)
    return _HEAD + "".join(_sections(root, "napari-medgen"))


def _sections(command: Any, name: str) -> Iterator[str]:
    # typer brings a click of its own, so what a command is is asked by what it has.
    if hasattr(command, "commands"):
        for key, found in command.commands.items():
            if not found.hidden:
                yield from _sections(found, f"{name} {key}")
        return
    yield f"\n## `{name.removeprefix('napari-medgen ')}`\n\n{_plain(command.help or '')}\n"
    rows = [_row(one) for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    if rows:
        yield "\n| what | meaning | default |\n| --- | --- | --- |\n" + "".join(rows)


def _row(one: Any) -> str:
    if one.param_type_name == "argument":
        what = f"`{(one.name or '').upper()}`" + (" ..." if one.nargs == -1 else "")
    else:
        what = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    kind = [choice for choice in get_args(one.bare_type) if isinstance(choice, str)]
    meaning = _plain(getattr(one, "help", "") or "")
    if kind:
        meaning += (" " if meaning else "") + "One of: " + ", ".join(f"`{choice}`" for choice in kind if choice) + "."
    empty = one.default is None or one.default == "" or one.default is False or callable(one.default) or one.required
    default = "needed" if one.required else "" if empty or str(one.default).startswith("<") else f"`{one.default}`"
    return f"| {what} | {meaning} | {default} |\n"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
