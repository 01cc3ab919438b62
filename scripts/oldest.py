"""Print the oldest versions that pyproject.toml admits, a requirement a line: what ``make oldest`` installs and tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

# What a window needs and what only tests use is not held to its oldest version.
_EXTRAS = ("dicom", "explain", "train")
_BOUND = re.compile(r"^([A-Za-z0-9._-]+)\s*>=\s*([0-9.]+)")


def main() -> None:
    """Read the bounds and print them as pins."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in _EXTRAS:
        wanted += project["optional-dependencies"][extra]
    for requirement in wanted:
        found = _BOUND.match(requirement)
        if found is None:
            raise SystemExit(f"{requirement} has no lower bound")
        print(f"{found.group(1)}=={found.group(2)}")


if __name__ == "__main__":
    main()
