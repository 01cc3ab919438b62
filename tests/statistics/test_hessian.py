"""Second derivatives against those that are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.hessian import hessian


def test_a_function_whose_derivatives_are_known() -> None:
    at = np.array([0.3, -0.2, 1.0])
    found = hessian(lambda x: float(np.exp(x[0]) * x[1] ** 2 + np.sin(x[2]) * x[0]), at, np.array([0, 1, 2]))
    grown = np.exp(0.3)
    wanted = [[grown * 0.04, -0.4 * grown, np.cos(1.0)], [-0.4 * grown, 2 * grown, 0], [np.cos(1.0), 0, -np.sin(1.0) * 0.3]]
    assert found == pytest.approx(np.array(wanted), abs=1e-7)
    held = hessian(lambda x: float(x @ x), at, np.array([1]))
    assert held == pytest.approx(np.array([[2.0]]), abs=1e-6)
