"""How long a search among the latents of a cohort takes at a million and ten million rows: exact, and by FAISS.

    pip install faiss-cpu
    python -m benchmarks index --rows 1000000 10000000

Latents of 512 numbers, half precision in a mapped file, drawn around a few thousand centres in 48 directions, as a mapping
network's lie; the query is a latent with noise. FAISS is optional: its rows are left out without it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from napari_medgen.progression.cohort.latent_index import LatentIndex

_WIDTH, _DIRECTIONS, _CENTRES, _BLOCK, _QUERIES, _NEAR = 512, 48, 4000, 50_000, 20, 8


def main(arguments: list[str]) -> None:
    """Print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    asked.add_argument("--work", type=Path, default=Path("work/index"))
    asked.add_argument("--lists", type=int, default=1024)
    given = asked.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    print("| rows | index | held in | made in | a search | of the 8 nearest found |\n| --- | --- | --- | --- | --- | --- |")
    for rows in given.rows:
        latents, queries = make(given.work / f"latents-{rows}.npy", rows)
        begun = time.monotonic()
        exact = LatentIndex(latents)
        made = time.monotonic() - begun
        truth, took = searched(lambda query, index=exact: index.nearest(query, _NEAR)[0], queries)
        report(rows, "exact", latents.nbytes, made, took, 1.0)
        for name, words in (("IVF, 8 bits a number", "IVF{},SQ8"), ("IVF, product codes of 64 bytes", "IVF{},PQ64")):
            approximate(name, words.format(given.lists), latents, queries, truth)


def make(path: Path, rows: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Latents on disk, and queries near some of them."""
    rng = np.random.default_rng(0)
    ways = rng.standard_normal((_DIRECTIONS, _WIDTH)).astype(np.float32) / np.sqrt(_DIRECTIONS)
    centres = rng.standard_normal((_CENTRES, _DIRECTIONS)).astype(np.float32)
    if not path.is_file():
        part = path.with_suffix(".part")
        latents = open_memmap(part, mode="w+", dtype=np.float16, shape=(rows, _WIDTH))
        for begin in range(0, rows, _BLOCK):
            count = min(_BLOCK, rows - begin)
            place = centres[rng.integers(_CENTRES, size=count)] + 0.5 * rng.standard_normal((count, _DIRECTIONS))
            noise = 0.1 * rng.standard_normal((count, _WIDTH), dtype=np.float32)
            latents[begin : begin + count] = place.astype(np.float32) @ ways + noise
        latents.flush()
        part.replace(path)
    found = np.load(path, mmap_mode="r")
    chosen = np.random.default_rng(1).integers(rows, size=_QUERIES)
    noise = 0.1 * np.random.default_rng(2).standard_normal((_QUERIES, _WIDTH))
    return found, (found[np.sort(chosen)].astype(np.float32) + noise).astype(np.float32)


def searched(search: Any, queries: NDArray[np.float32]) -> tuple[list[NDArray[np.intp]], float]:
    """What each query finds, and the median seconds of one."""
    found, took = [], []
    for query in queries:
        begun = time.monotonic()
        found.append(search(query))
        took.append(time.monotonic() - begun)
    return found, float(np.median(took))


def approximate(
    name: str, words: str, latents: NDArray[np.float16], queries: NDArray[np.float32], truth: list[NDArray[np.intp]]
) -> None:
    """FAISS on vectors of length one, whose inner product orders them as the angle does."""
    try:
        import faiss
    except ImportError:
        return

    def unit(block: NDArray[Any]) -> NDArray[np.float32]:
        block = np.ascontiguousarray(block, np.float32)
        faiss.normalize_L2(block)
        return block

    begun = time.monotonic()
    index = faiss.index_factory(_WIDTH, words, faiss.METRIC_INNER_PRODUCT)
    step = max(len(latents) // 100_000, 1)
    index.train(unit(latents[::step][:100_000]))
    for begin in range(0, len(latents), _BLOCK):
        index.add(unit(latents[begin : begin + _BLOCK]))
    made = time.monotonic() - begun
    faiss.extract_index_ivf(index).nprobe = 32
    found, took = searched(lambda query: index.search(unit(query[None]), _NEAR)[1][0], queries)
    share = float(np.mean([len(set(a) & set(b)) / _NEAR for a, b in zip(found, truth, strict=True)]))
    report(len(latents), name, _held(faiss.extract_index_ivf(index)), made, took, share)


def _held(index: Any) -> int:
    """Bytes: codes and row numbers of all, and the centres of the lists."""
    return int(index.ntotal * (index.code_size + 8) + index.nlist * index.d * 4)


def report(rows: int, name: str, count: int, made: float, took: float, share: float) -> None:
    """A line of the table."""
    print(f"| {rows:,} | {name} | {count / 1e9:.2f} GB | {made:.0f} s | {took * 1000:.0f} ms | {share:.0%} |", flush=True)
