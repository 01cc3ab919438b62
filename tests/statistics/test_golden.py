"""Every number that other programs print of the same data is ours too, to its printed digits."""

from __future__ import annotations

import pytest

import golden_statistics as golden


@pytest.mark.parametrize("group", golden.GROUPS)
def test_what_other_programs_print_is_ours_too(group: str) -> None:
    rows = list(golden.GROUPS[group]())
    assert rows
    apart = [
        f"{one.program}, {one.data}, {one.what}: {one.theirs:.12g} against {one.ours:.12g}" for one in rows if not one.agrees
    ]
    assert not apart


def test_data_of_other_packages_stay_out_of_the_repository() -> None:
    """Van Dyke, Franken, Kundel, aSAH and wine are under the GPL."""
    held = {path.name for path in golden.DATA.iterdir()}
    assert held == {
        "delong1988.csv",
        "mrmc.json",
        "papers.json",
        "sim_paired.csv",
        "sim_ratings.csv",
        "sim_roemetz.csv",
        "stats.json",
    }
