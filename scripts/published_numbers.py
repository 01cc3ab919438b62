"""Prints what docs/studies/published.md says of the designs of Khader 2023 and Han 2022: intervals and power.

python scripts/published_numbers.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import golden_statistics as golden  # noqa: E402
from napari_medgen.statistics.mrmc import analyse  # noqa: E402
from napari_medgen.statistics.mrmc_power import cases_needed, power  # noqa: E402
from napari_medgen.statistics.proportions import wilson  # noqa: E402
from napari_medgen.statistics.reader_covariance import auc_covariance, auc_table, proportion_covariance  # noqa: E402


def main() -> None:
    """Print the tables."""
    papers = json.loads((golden.DATA / "papers.json").read_text())
    print("| data | reader | appearance | consistency | anatomy |\n| --- | --- | --- | --- | --- |")
    for data, items in papers["khader2023"]["counts_reader_A_then_B"].items():
        for place, reader in enumerate("AB"):
            cells = []
            for counts in items.values():
                best = sum(counts[place][2:])
                low, high = wilson(best, sum(counts[place]))
                cells.append(f"{best / sum(counts[place]):.0%} ({low:.0%} to {high:.0%})")
            print(f"| {data} | {reader} | {' | '.join(cells)} |")
    print()
    answers, scores, truth, _ = golden.paired()
    right = (answers[..., ~truth] == 0).astype(float)
    for name, parts, pilot, effects in (
        ("area", analyse(auc_table(scores, truth), auc_covariance(scores, truth)).components, len(truth), (0.05, 0.1)),
        (
            "specificity",
            analyse(right.mean(-1), proportion_covariance(right)).components,
            int((~truth).sum()),
            (0.05, 0.1, 0.163),
        ),
    ):
        for effect in effects:
            found = {f"{k} cases": round(power(parts, pilot, 7, k, effect).power, 2) for k in (60, 120, 240)}
            print(name, effect, found, "cases for 80 %:", cases_needed(parts, pilot, 7, effect))
    han = papers["han2022"]
    for key in ("points_FPR_TPR_without", "points_with"):
        print(key, "mean", np.round(np.mean(han[key], axis=0), 3))


if __name__ == "__main__":
    main()
