"""Weights as files hold them come back as they were, up to the last digits that a file has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_medgen.errors import RecipeError
from napari_medgen.models.stored import eight_bits, half_precision, read_weights, widened


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    convolution = torch.randn(48, 32, 3, 3, 3) * torch.logspace(-3, 1, 48).view(-1, 1, 1, 1, 1)  # rows of many sizes
    convolution[7] = 0
    return {"conv.weight": convolution, "conv.bias": torch.randn(48), "small": torch.randn(4, 4), "count": torch.tensor(3)}


def test_half_precision_comes_back_to_three_digits() -> None:
    for name, value in widened(half_precision(weights())).items():
        torch.testing.assert_close(value, weights()[name], atol=1e-5, rtol=1e-3)


def test_eight_bits_are_off_by_half_a_step_of_each_row() -> None:
    stored, known = eight_bits(weights()), weights()
    assert stored["conv.weight"].dtype == torch.int8
    assert stored["small"].dtype == stored["conv.bias"].dtype == torch.float16
    found = widened(stored)
    assert found.keys() == known.keys()
    assert found["count"].dtype == torch.int64
    step = known["conv.weight"].abs().amax((1, 2, 3, 4)) / 127
    error = (found["conv.weight"] - known["conv.weight"]).abs().amax((1, 2, 3, 4))
    assert (error <= 0.51 * step + 1e-7).all()
    assert (found["conv.weight"][7] == 0).all()
    size = sum(value.numel() * value.element_size() for value in stored.values())
    assert size < 0.52 * sum(value.numel() * value.element_size() for value in half_precision(known).values())


def test_a_scale_that_fits_nothing_is_refused() -> None:
    stored = eight_bits(weights())
    with pytest.raises(ValueError, match="does not fit"):
        widened({name: value for name, value in stored.items() if name != "conv.weight"})
    stored["conv.weight.int8_scale"] = stored["conv.weight.int8_scale"][:5]
    with pytest.raises(ValueError, match="does not fit"):
        widened(stored)


def test_a_training_starts_from_either(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(eight_bits(weights()), tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a.safetensors")["conv.weight"].dtype == torch.float32
    (tmp_path / "b.safetensors").write_bytes(b"no weights")
    for name in ("b", "c"):
        with pytest.raises(RecipeError, match="no weights to start from"):
            read_weights(tmp_path / f"{name}.safetensors")
