"""Slabs that flow through several layers give what the whole gives."""

from __future__ import annotations

import pytest
import torch

from napari_medgen.volumes.decoding import decode_bytes
from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes
from napari_medgen.volumes.streaming import decode_streamed, encode_bytes, encode_in_slabs, streamed_bytes


def network(padding: str, downsample: tuple[int, int, int]) -> VQGAN:
    torch.manual_seed(0)
    sizes = VQGANSizes(n_hiddens=4, num_groups=4, downsample=downsample, n_codes=16, padding_type=padding)  # type: ignore[arg-type]
    return VQGAN(sizes).eval()


@pytest.mark.parametrize("padding", ["replicate", "constant"])
@pytest.mark.parametrize("downsample", [(4, 4, 4), (2, 4, 4), (1, 2, 4), (8, 8, 8)])
@pytest.mark.parametrize("slab", [1, 3, 8, 0])
@torch.no_grad()
def test_streams_give_what_the_whole_gives(padding: str, downsample: tuple[int, int, int], slab: int) -> None:
    net = network(padding, downsample)
    latent = torch.randn(1, 8, 5, 3, 4)
    for quantise in (True, False):
        whole = net.decode(latent, quantise=quantise)
        torch.testing.assert_close(decode_streamed(net, latent, quantise=quantise, slab=slab), whole, atol=1e-4, rtol=1e-3)
    image = torch.randn(1, 1, *(n * factor for n, factor in zip((5, 3, 4), downsample, strict=True)))
    torch.testing.assert_close(encode_in_slabs(net, image, slab=slab), net.encode(image), atol=1e-4, rtol=1e-3)


def test_a_ct_of_512_fits_into_six_gib() -> None:
    sizes, shape = VQGANSizes(num_groups=32), (300, 512, 512)
    assert streamed_bytes(sizes, shape) < 6 * 2**30 < decode_bytes(sizes, shape, slabs=True)
    assert encode_bytes(sizes, shape, slabs=True) < 5 * 2**30 < encode_bytes(sizes, shape)
