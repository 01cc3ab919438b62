"""The clocks of a study."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """The clocks of events: nanoseconds that never go back, and date and time. Tests have their own."""

    monotonic: Callable[[], int] = time.monotonic_ns
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
