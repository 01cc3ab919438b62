from __future__ import annotations

import pytest
import torch

from napari_medgen.volumes.decoding import decode_bytes, decode_in_slabs
from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes


@pytest.mark.parametrize("padding", ["replicate", "constant"])
@pytest.mark.parametrize("downsample", [(4, 4, 4), (2, 4, 4), (1, 2, 4)])
@pytest.mark.parametrize("slab", [3, 8, 100])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@torch.no_grad()
def test_slabs_give_the_image_of_the_whole(
    padding: str, downsample: tuple[int, int, int], slab: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    sizes = VQGANSizes(n_hiddens=4, num_groups=4, downsample=downsample, n_codes=16, padding_type=padding)  # type: ignore[arg-type]
    net = VQGAN(sizes).eval().to(memory_format=layout)  # type: ignore[call-overload]
    latent = torch.randn(1, 8, 5, 3, 4)
    for quantise in (True, False):
        whole = net.decode(latent, quantise=quantise)
        torch.testing.assert_close(decode_in_slabs(net, latent, quantise=quantise, slab=slab), whole, atol=1e-4, rtol=1e-3)


def test_slabs_are_said_to_take_less_memory() -> None:
    sizes = VQGANSizes()
    assert decode_bytes(sizes, (128, 128, 128), slabs=True) < 0.6 * decode_bytes(sizes, (128, 128, 128))
