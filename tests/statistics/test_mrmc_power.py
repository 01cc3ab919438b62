"""Power and number of cases against RJafroc 2.1.3, from the published components of Van Dyke's study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_medgen.statistics.mrmc import Components
from napari_medgen.statistics.mrmc_power import cases_needed, power

# RJafroc's Obuchowski-Rockette analysis of its dataset 02 (jackknife), 114 cases.
VAN_DYKE = Components(
    error=0.000802288265572,
    cov1=0.000346613709441,
    cov2=0.000344074828861,
    cov3=0.000239028370892,
    reader=0.00153499934513,
    treatment_reader=0.000200402523581,
)


def test_power_and_cases_agree_with_rjafroc() -> None:
    found = power(VAN_DYKE, 114, readers=6, cases=251, effect=0.05)
    assert (found.power, found.noncentrality, found.df2) == pytest.approx(
        (0.892281989392, 11.6114529279, 16.1270372073), rel=1e-6
    )
    assert cases_needed(VAN_DYKE, 114, readers=6, effect=0.05) == 170
    assert power(VAN_DYKE, 114, readers=6, cases=170, effect=0.05).power == pytest.approx(0.801618639846, rel=1e-6)
    assert power(VAN_DYKE, 114, readers=6, cases=169, effect=0.05).power < 0.8


def test_more_readers_cases_and_effect_find_more() -> None:
    least = power(VAN_DYKE, 114, 4, 100, 0.04).power
    assert power(VAN_DYKE, 114, 8, 100, 0.04).power > least
    assert power(VAN_DYKE, 114, 4, 200, 0.04).power > least
    assert power(VAN_DYKE, 114, 4, 100, 0.06).power > least
    assert power(VAN_DYKE, 114, 4, 100, 0.0).power == pytest.approx(0.05)


def test_what_no_number_of_cases_can_find_is_said() -> None:
    assert cases_needed(VAN_DYKE, 114, readers=2, effect=0.001) is None
    nothing = replace(VAN_DYKE, error=0.0, cov1=0.0, cov2=0.0, cov3=0.0, treatment_reader=-1.0)
    with pytest.raises(ValueError, match="nothing varies"):
        power(nothing, 114, 6, 100, 0.05)
    with pytest.raises(ValueError, match="two readers or more"):
        power(VAN_DYKE, 114, 1, 100, 0.05)
