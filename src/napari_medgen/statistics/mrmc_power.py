"""How many readers and cases a study needs, from the variance components of a pilot or of a published study.

Hillis, Obuchowski and Berbaum 2011 (Acad Radiol 18:129), for random readers and cases and two treatments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from napari_medgen.statistics.mrmc import Components

_MOST_CASES = 100_000


@dataclass(frozen=True)
class Power:
    """What a study can find.

    Attributes
    ----------
    power
        Probability that a difference of this size is found.
    noncentrality, df2
        Of the F distribution that it follows from.
    """

    power: float
    noncentrality: float
    df2: float


def power(components: Components, pilot_cases: int, readers: int, cases: int, effect: float, level: float = 0.05) -> Power:
    """The power of a study.

    Parameters
    ----------
    components, pilot_cases
        Variance components of a study, and how many cases it had: what varies over cases shrinks with their number.
    readers, cases
        Of the study to come, with positive and negative cases in the pilot's proportion.
    effect
        Difference of the figure of merit between two treatments.
    level
        Of the test.

    Raises
    ------
    ValueError
        If there are fewer than two readers, no cases, or the components say that nothing varies.
    """
    if readers < 2 or cases < 1 or pilot_cases < 1:
        raise ValueError("a study of random readers has two readers or more, and cases")
    scale = pilot_cases / cases
    alone = scale * (components.error - components.cov1)
    between = scale * max(components.cov2 - components.cov3, 0.0)
    spread = max(components.treatment_reader, 0.0) + alone + (readers - 1) * between
    rest = max(components.treatment_reader, 0.0) + alone - between
    if not (spread > 0 and rest > 0):
        raise ValueError("these variance components say that nothing varies; power cannot be computed from them")
    noncentrality = readers * effect**2 / 2 / spread
    df2 = spread**2 / (rest**2 / (readers - 1))
    critical = float(stats.f.ppf(1 - level, 1, df2))
    # SciPy's noncentral F of noncentrality zero gives a negative probability.
    found = stats.ncf.sf(critical, 1, df2, noncentrality) if noncentrality > 0 else level
    return Power(float(found), noncentrality, df2)


def cases_needed(
    components: Components, pilot_cases: int, readers: int, effect: float, wanted: float = 0.8, level: float = 0.05
) -> int | None:
    """The least number of cases with which a study finds a difference so often; None where no number is enough.

    Parameters
    ----------
    wanted
        Power that is wanted, between 0 and 1. For the others see :func:`power`.

    Raises
    ------
    ValueError
        As :func:`power` does.
    """

    def found(cases: int) -> bool:
        return power(components, pilot_cases, readers, cases, effect, level).power >= wanted

    if not found(_MOST_CASES):
        return None
    low, high = 0, 1
    while not found(high):
        low, high = high, min(2 * high, _MOST_CASES)
    while high - low > 1:
        middle = math.ceil((low + high) / 2)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
