from __future__ import annotations

import numpy as np
import pytest

from napari_medgen.volumes.evaluation.similarity import _WEIGHTS, _constants, _halve, _terms, ms_ssim, psnr, ssim


def pair(noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    smooth = np.sin(np.indices((32, 40, 32)).sum(0) / 5)
    return smooth, np.clip(smooth + noise * rng.standard_normal(smooth.shape), -1, 1)


def test_equal_volumes_are_one(rng: np.random.Generator) -> None:
    a, _ = pair(0, rng)
    assert ssim(a, a) == pytest.approx(1)
    for variant in ("standard", "published"):
        assert ms_ssim(a, a, variant=variant) == pytest.approx(1)  # type: ignore[arg-type]
    assert psnr(a, a) == float("inf")


def test_more_noise_is_less_alike(rng: np.random.Generator) -> None:
    values = [ms_ssim(*pair(noise, rng)) for noise in (0.05, 0.2, 0.6)]
    assert values == sorted(values, reverse=True)


def test_psnr_of_a_known_error() -> None:
    a = np.zeros((4, 4, 4))
    assert psnr(a, a + 0.2) == pytest.approx(20)


def test_the_published_variant_has_its_two_quirks(rng: np.random.Generator) -> None:
    a, b = pair(0.3, rng)
    fine, whole = 1.0, 1.0
    x, y = a, b
    for scale, weight in enumerate(_WEIGHTS):
        if scale:
            x, y = _halve(x), _halve(y)
        whole, structure = _terms(x, y, 0.01**2, 0.03**2)
        if scale < 4:
            fine *= structure**weight
    assert ms_ssim(a, b, variant="published") == pytest.approx(fine * (whole ** _WEIGHTS[-1]) ** 4)
    assert ms_ssim(a, b, variant="published") < ms_ssim(a, b)


def test_ssim_of_constants_is_the_luminance_term() -> None:
    c1, _ = _constants(2.0)
    a, b = np.full((16, 16, 16), 0.5), np.full((16, 16, 16), -0.25)
    assert ssim(a, b) == pytest.approx((2 * 0.5 * -0.25 + c1) / (0.25 + 0.0625 + c1))


def test_small_or_unequal_volumes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        ms_ssim(np.zeros((8, 32, 32)), np.zeros((8, 32, 32)))
    with pytest.raises(ValueError, match="one shape"):
        ms_ssim(np.zeros((16, 32, 32)), np.zeros((32, 32, 32)))
