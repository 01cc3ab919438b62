"""Writes docs/studies/golden.md: what programs of R and Java print, and what this package computes, one row a number.

python scripts/golden_table.py

Rows whose data may not travel (packages under the GPL) need ../shared beside the clone.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import golden_statistics as golden  # noqa: E402

HEAD = """# Numbers of other programs, and ours

One row a number: the program that printed it, its value, ours. All of them are tests (`tests/statistics/test_golden.py`).
Versions of the programs: MRMCaov 0.3.0, RJafroc 2.1.3, iMRMC 2.1.2 (R) and 4.0.3 (Java), pROC 1.18.0, irr 0.84.1,
irrCAC 1.0, psych 2.2.9, vcd 1.4-11, ordinal 2022.11-16, survey 4.1-1, binom 1.1-1.1, clust.bin.pair 0.1.2, krippendorff
0.9.0, R 4.2.2. The values of `ordinal` differ in the fifth digit where its optimiser stopped a little before the maximum:
our log-likelihood is the higher one, or the same.

Made by `python scripts/golden_table.py`.

| program | data | what | its value | ours |
| --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Write the page."""
    if golden.where("vandyke.csv") is None:
        sys.exit("The data of R packages lie in ../shared/reference/reader-study, which is not here.")
    rows = [row for group in golden.GROUPS.values() for row in group()]
    if apart := [row for row in rows if not row.agrees]:
        sys.exit(f"{len(apart)} numbers differ, first {apart[0]}.")
    lines = [f"| {row.program} | {row.data} | {row.what} | {row.theirs:.10g} | {row.ours:.10g} |" for row in rows]
    path = ROOT / "docs" / "studies" / "golden.md"
    path.write_text(HEAD + "\n".join(lines) + "\n")
    print(f"{path}: {len(rows)} numbers")


if __name__ == "__main__":
    main()
