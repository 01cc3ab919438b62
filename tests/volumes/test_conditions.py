from __future__ import annotations

import pytest

from napari_medgen.errors import RecipeError
from napari_medgen.volumes.conditions import Condition, encode
from tests_support import CONDITIONS


def test_numbers_are_scaled_and_classes_one_hot() -> None:
    assert encode(CONDITIONS, {"sex": "M", "age": "50"}) == [0, 0, 1]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"age": 50}, "missing for sex"),
        ({"age": 50, "sex": "X"}, "one of F, M"),
        ({"age": "old", "sex": "F"}, "a number"),
        ({"age": 99, "sex": "F"}, "between 20 and 80"),
        ({"age": 50, "sex": "F", "height": 1}, "no condition height"),
    ],
)
def test_other_values_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        encode(CONDITIONS, values)


@pytest.mark.parametrize(
    "entries", [{"kind": "class", "values": ("F", "F")}, {"kind": "class"}, {"kind": "number", "low": 5, "high": 5}]
)
def test_a_condition_that_says_nothing_is_refused(entries: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the condition c"):
        Condition(name="c", label="C", **entries)  # type: ignore[arg-type]
