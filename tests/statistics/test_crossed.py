"""The equations of crossed effects against a dense solution."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.statistics.crossed import Crossed


@pytest.mark.parametrize("count", [1, 2, 3])
def test_factors_solve_what_a_dense_matrix_does(count: int) -> None:
    rng = np.random.default_rng(count)
    groups = [rng.integers(0, size, 200) for size in (40, 6, 4)[:count]]
    crossed = Crossed(groups)
    weights, scale = rng.uniform(0.1, 2, 200), rng.uniform(0.2, 1.5, crossed.count)
    z = np.zeros((200, crossed.count))
    for index in crossed.index:
        z[np.arange(200), index] = 1
    dense = np.eye(crossed.count) + (z * scale).T @ (weights[:, None] * z * scale)
    factor = crossed.matrix(weights, scale)
    right = rng.normal(size=(crossed.count, 2))
    assert factor.solve(right) == pytest.approx(np.linalg.solve(dense, right))
    assert factor.solve(right[:, 0]) == pytest.approx(np.linalg.solve(dense, right[:, 0]))
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(dense)[1])
    assert crossed.gather(weights) == pytest.approx(z.T @ weights)
    assert crossed.spread(scale) == pytest.approx(z @ scale)
