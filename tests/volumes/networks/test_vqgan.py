from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from golden import GOLDEN, assert_golden
from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes
from tests_support import fill, sines


@pytest.mark.parametrize("downsample", [(2, 2, 2), (4, 4, 4), (2, 4, 4)])
@torch.no_grad()
def test_codes_and_decodings_are_the_official_ones(downsample: tuple[int, int, int]) -> None:
    expected = GOLDEN["vqgan_ds{}x{}x{}".format(*downsample)]
    net = VQGAN(VQGANSizes(downsample=downsample, n_codes=64)).eval()
    fill(net)
    latent = net.encode(sines(1, 1, 8, 16, 16))
    assert_golden(latent, expected["latent"])
    assert net.codebook.encode(latent).flatten()[:16].tolist() == expected["codes"]
    assert_golden(net.decode(latent), expected["decoded_from_codes"])
    assert_golden(net.decode(latent, quantise=False), expected["decoded_unquantised"])


@pytest.mark.parametrize("downsample", [(2, 1, 4), (8, 8, 8), (1, 2, 2)])
@pytest.mark.parametrize("padding", ["replicate", "constant"])
def test_any_factor_divides_the_size_and_comes_back(downsample: tuple[int, int, int], padding: str) -> None:
    net = VQGAN(VQGANSizes(n_hiddens=4, num_groups=4, downsample=downsample, n_codes=8, padding_type=padding))  # type: ignore[arg-type]
    image = torch.randn(2, 1, 8, 16, 24)
    latent = net.encode(image)
    assert latent.shape[2:] == tuple(n // f for n, f in zip(image.shape[2:], downsample, strict=True))
    assert net.decode(latent).shape == image.shape


def test_bypass_leaves_the_codebook_alone() -> None:
    net = VQGAN(VQGANSizes(n_hiddens=4, num_groups=4, downsample=(2, 2, 2), n_codes=8))
    before = net.codebook.embeddings.clone()
    net(torch.randn(2, 1, 8, 8, 8), bypass=1.0)
    torch.testing.assert_close(net.codebook.embeddings, before)
    assert not bool(net.codebook.initialised)


@pytest.mark.parametrize("entries", [{"downsample": (3, 2, 2)}, {"downsample": (1, 1, 1)}, {"n_hiddens": 5}])
def test_impossible_sizes_are_refused(entries: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VQGANSizes(**entries)  # type: ignore[arg-type]
