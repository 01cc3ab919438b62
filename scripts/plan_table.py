"""Hours and money of large work, from what a piece costs here (docs/planning.md).

    python scripts/plan_table.py

What is measured and what is computed stands in the page. Change the figures to your own.
"""

from __future__ import annotations

from dataclasses import dataclass

OVERHEAD = 0.0095  # seconds that the scheduler needs for a shard, one after the other (measured)
START = 60.0  # seconds until the workers of a cluster have their model: processes, imports, weights
CORE_HOUR, GPU_HOUR = 0.05, 2.50  # euros


@dataclass(frozen=True)
class Work:
    """What a piece takes: core seconds on a CPU; seconds of a GPU, and of the core beside it that reads and writes."""

    name: str
    pieces: int
    a_shard: int
    core: float
    gpu: float
    beside: float


WORK = (
    Work("73,138 knees, encoder", 73_138, 16, 0.10, 0.002, 0.02),
    Work("73,138 knees, fast", 73_138, 16, 1.6, 0.010, 0.02),
    Work("73,138 knees, published", 73_138, 16, 54.0, 0.75, 0.02),
    Work("10,000 volumes of brain-t1", 10_000, 1, 7.1, 0.05, 0.06),
)


def main() -> None:
    """Print the table."""
    print("| work | 2 cores | 64 cores | 1 GPU | 8 GPUs | 64 GPUs | what then waits for what |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for work in WORK:
        serial = work.pieces / work.a_shard * OVERHEAD
        cells = [_cell(work.pieces * work.core / n, serial, n * CORE_HOUR) for n in (2, 64)]
        # One core a GPU: reading and writing overlap with nothing.
        cells += [_cell(work.pieces * (work.gpu + work.beside) / n, serial, n * GPU_HOUR) for n in (1, 8, 64)]
        print(f"| {work.name} | {' | '.join(cells)} | {_waits(work, serial)} |")


def _cell(computing: float, serial: float, price: float) -> str:
    seconds = max(computing, serial) + START
    time = f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"
    return f"{time}, {seconds / 3600 * price:.2f} €"


def _waits(work: Work, serial: float) -> str:
    on_64 = work.pieces * (work.gpu + work.beside) / 64
    if serial > on_64:
        return f"the scheduler: it deals out {1 / OVERHEAD:.0f} shards a second"
    return "the core beside each GPU, which reads and writes" if work.beside > work.gpu else "the GPUs"


if __name__ == "__main__":
    main()
