"""Turns pictures of the docs into WebP, which takes a fifth of a PNG.

python scripts/webp.py docs/images/*.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

_QUALITY = 82


def convert(path: Path) -> Path:
    """Put a WebP picture in the place of another."""
    target = path.with_suffix(".webp")
    with Image.open(path) as picture:
        picture.convert("RGB").save(target, quality=_QUALITY, method=6)
    path.unlink()
    return target


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(convert(Path(name)))
