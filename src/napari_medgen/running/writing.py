"""Files that appear whole or not at all, and cells of tables that no spreadsheet runs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from napari_medgen.errors import MedGenError

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file; it appears whole or not at all, and one that is there is replaced in one step.

    Raises
    ------
    MedGenError
        If the place cannot be written; the sentence says why.
    """
    part: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise MedGenError(f"{path} is a folder; name a file in it.")
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).chmod(0o666 & ~_umask())
        os.replace(part, path)
        part = None
    except OSError as error:
        raise MedGenError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def harmless(cell: Any) -> Any:
    """A cell of a CSV file that a spreadsheet shows and does not compute: a text that looks like a formula is quoted.

    Numbers are left as they are, the negative ones too.
    """
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell
