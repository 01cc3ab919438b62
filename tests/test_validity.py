"""What a valid number is, asked in one place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_medgen import validity


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, None, "a", [], "1e999", 10**400])
def test_what_is_no_finite_number(value: object) -> None:
    assert validity.finite(value) is None


@pytest.mark.parametrize("value", [0, -1.5, "2.5", np.float32(3), np.int16(4)])
def test_what_is_one(value: object) -> None:
    assert validity.finite(value) == float(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values", [(0.0, 1.0), (1.0,), (1.0, 1.0, 1.0), (math.nan, 1.0), (1e300, 1.0), "11", None, (-1.0, 1.0)]
)
def test_spacings_that_no_image_has(values: object) -> None:
    assert validity.spacing(values, 2) is None


def test_a_spacing_and_a_window() -> None:
    assert validity.spacing(["0.2", 0.3], 2) == (0.2, 0.3)
    assert validity.window((0, 255)) == (0.0, 255.0)


@pytest.mark.parametrize(
    "values", [(1, 1), (2, 1), (0, math.inf), (0, 1e31), (1e20, 1e20 + 1), (0,), (0, 1, 2), ("a", "b"), None]
)
def test_windows_that_show_nothing(values: object) -> None:
    assert validity.window(values) is None


@pytest.mark.parametrize(
    ("affine", "fault"),
    [
        (np.full((4, 4), np.nan), "not finite"),
        (np.eye(3), "not finite"),
        (np.diag([0.0, 1, 1, 1]), "apart"),
        (np.diag([1e6, 1, 1, 1]), "apart"),
        (np.array([[1, 1, 0, 0], [0, 1e-9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "span"),
        (np.eye(4) + np.array([[0, 0, 0, 1e12]] * 4), "kilometres"),
        (np.diag([0.001, 0.001, 0.001, 1]), ""),
        (np.eye(4), ""),
    ],
)
def test_faults_of_an_affine(affine: np.ndarray, fault: str) -> None:
    found = validity.affine_fault(affine)
    assert (fault in found) if fault else not found


def test_what_is_no_measurement_becomes_background_and_is_counted() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 1e31, 3.0], np.float32)
    filled, note = validity.without_gaps(values)
    np.testing.assert_array_equal(filled, np.array([1, 1, 1, 1, 1, 3], np.float32))
    assert note == "4 points are no finite numbers and are shown as background (67 % of the image)."
    same, nothing = validity.without_gaps(filled)
    assert same is filled
    assert not nothing
    with pytest.raises(ValueError, match="no finite"):
        validity.without_gaps(np.full(3, np.nan))


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 50 + "]" * 50, '{"a":' * 60 + "1" + "}" * 60, "no json", "9" * 5000])
def test_texts_that_are_no_record(text: str) -> None:
    with pytest.raises(ValueError):
        validity.parse_json(text)
