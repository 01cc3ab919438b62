from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.imaging.windows import HOUNSFIELD, Window, automatic, modality_of, named, sigmoid


def test_a_window_is_black_and_white_half_its_width_from_its_level() -> None:
    assert Window(40, 400).limits == (-160.0, 240.0)
    assert Window.between(-160, 240) == Window(40, 400)


def test_an_empty_window_becomes_one_that_can_be_shown() -> None:
    low, high = Window.between(7, 7).limits
    assert low < high


@pytest.mark.parametrize(("level", "width"), [(0, 0), (0, -1), (np.nan, 1), (0, np.inf)])
def test_what_is_no_window_is_refused(level: float, width: float) -> None:
    with pytest.raises(ValueError, match="width above zero"):
        Window(level, width)


def test_a_drag_to_the_right_widens_and_upward_raises() -> None:
    window = Window(40, 400).dragged(0.5, 0.25, 4000)
    assert window == Window(40 + 0.25 * 1000, 400 + 0.5 * 1000)


def test_a_window_never_shuts() -> None:
    assert Window(40, 400).dragged(-100, 0, 4000).width > 0


def test_air_makes_a_ct_and_normalised_or_unsigned_values_do_not() -> None:
    assert modality_of(np.array([-1000, 0, 300], np.int16)) == "CT"
    assert modality_of(np.array([-1024.0, 0.5, 300.0], np.float32)) == "CT"
    assert modality_of(np.array([0, 300, 4000], np.uint16)) == ""
    assert modality_of(np.array([-1.0, 0.2, 1.0])) == ""
    assert modality_of(np.array([-3e6, 0.0])) == ""
    assert modality_of(np.array([-610, 13_505], np.int16)) == ""  # an MR that nibabel ships


def test_an_automatic_window_leaves_background_and_tails_out(rng: np.random.Generator) -> None:
    head = rng.normal(500, 50, 50_000)
    values = np.concatenate([np.zeros(50_000), head, [9000.0]])
    low, high = automatic(values).limits
    expected = np.percentile(head, (0.5, 99.5))
    np.testing.assert_allclose((low, high), expected, rtol=0.02)


def test_an_automatic_window_of_one_value_or_of_nothing_finite_can_be_shown() -> None:
    for values in (np.full(9, 3.0), np.full(9, np.nan), np.empty(0)):
        low, high = automatic(values).limits
        assert low < high


def test_the_sigmoid_is_that_of_the_standard() -> None:
    # PS3.3 C.11.2.1.3.1: y = 1 / (1 + exp(-4 (x - c) / w)), over twice the width w = 1 around c = 0.
    x = np.linspace(-1, 1, 256)
    np.testing.assert_allclose(sigmoid(256), 1 / (1 + np.exp(-4 * x)), atol=0.02)
    assert sigmoid()[0] == 0
    assert sigmoid()[-1] == 1


def test_a_known_window_has_its_name_and_another_has_none() -> None:
    assert named(Window(-600, 1500), HOUNSFIELD).name == "Lung"
    assert named(Window(-600, 1501, "Lung"), HOUNSFIELD).name == ""
