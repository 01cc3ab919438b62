from __future__ import annotations

import torch

from napari_medgen.volumes.preview import fit_preview, preview


def test_a_linear_decoder_is_found() -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(8, 3, 3, 3, 3) * 0.02, torch.randn(8) * 0.1
    factor = (2, 2, 2)
    latents = [torch.randn(1, 3, 8, 8, 8) for _ in range(4)]
    images = [preview(latent, weight, bias, factor) for latent in latents]
    found = fit_preview(zip(latents, images, strict=True), factor)
    torch.testing.assert_close(preview(latents[0], *found, factor), images[0], atol=0.02, rtol=0.05)
    assert images[0].shape == (1, 1, 16, 16, 16)


def test_blocks_go_where_they_belong() -> None:
    weight = torch.zeros(2 * 1 * 4, 1, 3, 3, 3)
    bias = torch.linspace(-1, 1, 8)
    image = preview(torch.zeros(1, 1, 2, 3, 4), weight, bias, (2, 1, 4))
    assert image.shape == (1, 1, 4, 3, 16)
    torch.testing.assert_close(image[0, 0, :2, 0, :4].flatten(), bias)
