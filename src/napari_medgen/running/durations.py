"""How long work really took on this machine, so that the next estimate is better than the last."""

from __future__ import annotations

import contextlib
import json
import math
import os
from statistics import median
from typing import Any

import platformdirs

_KEPT = 5  # runs; fewer would follow every hiccup, more would be slow to notice a busier machine


class Durations:
    """Ratios of measured to predicted seconds, by what was run; kept in the user's cache folder.

    Nothing but a number that is shown depends on them, so a file that cannot be read or written is passed over.
    """

    def __init__(self) -> None:
        self._file = platformdirs.user_cache_path("napari-medgen") / "durations.json"

    def record(self, key: str, predicted: float, seconds: float) -> None:
        """Note what a run took that was predicted to take ``predicted`` seconds (or units of work)."""
        if not predicted > 0 or not math.isfinite(predicted) or not seconds > 0:
            return
        known = self._read()
        known[key] = [*known.get(key, []), seconds / predicted][-_KEPT:]
        part = self._file.with_suffix(".part")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(known), encoding="utf-8")
            os.replace(part, self._file)

    def factor(self, key: str) -> float | None:
        """What a prediction has to be multiplied with: the median of the last runs; None where there was none."""
        ratios = self._read().get(key)
        return median(ratios) if ratios else None

    def _read(self) -> dict[str, list[float]]:
        try:
            content: Any = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(key): [float(one) for one in ratios] for key, ratios in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
