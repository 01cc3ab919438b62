"""Names of letters and figures only, for files and for formats that know no others; distinct names stay distinct."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 40


def distinct(names: Iterable[str]) -> dict[str, str]:
    """A bare name for each: what is alike without its other characters gets a number."""
    out: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        stem = "".join(letter for letter in name if letter.isascii() and letter.isalnum())[:_LONGEST] or "x"
        bare, number = stem, 2
        while bare.lower() in taken:  # some disks know no capital letters
            bare, number = f"{stem}n{number}", number + 1
        taken.add(bare.lower())
        out[name] = bare
    return out
