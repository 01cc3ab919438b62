"""StyleGAN2: equal to the official one, and what follows from its definition."""

from __future__ import annotations

import zlib

import pytest
import torch
from torch.nn import functional as F

from golden import GOLDEN, assert_golden
from napari_medgen.progression.architecture import EncoderSizes, StyleGANSizes
from napari_medgen.progression.networks.discriminator import Discriminator, Encoder, batch_spread
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.networks.stylegan_layers import _Scaled, binomial_filter, double, modulated_conv, smooth


def fill(network: torch.nn.Module) -> None:
    """The rule by which the official networks were filled (reference, 9.5)."""
    state = network.state_dict()
    for name, tensor in state.items():
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "resample_filter":
            continue
        place = torch.arange(tensor.numel(), dtype=torch.float64)
        b = torch.sin(0.37 * place + zlib.crc32(name.encode()) % 997).view(tensor.shape)
        if name.endswith("affine.bias"):
            b = 1 + 0.1 * b
        elif name.startswith("mapping.fc") and leaf == "weight":
            b = 100 * b
        elif leaf not in ("weight", "noise_const", "const", "w_avg"):
            b = 0.1 * b
        state[name] = b.float()
    network.load_state_dict(state)


def test_the_official_256_generator_is_matched() -> None:
    generator = Generator(StyleGANSizes()).eval()
    fill(generator)
    golden = GOLDEN["stylegan2ada_256_1ch_auto2"]
    z = torch.sin(0.3 * torch.arange(512.0))[None]
    with torch.no_grad():
        w = generator.mapping(z)
        assert_golden(w, golden["w_row0"])
        assert_golden(generator.synthesis(generator.spread(w)), golden["img_const"])
        assert_golden(generator.synthesis(generator.spread(w), "none"), golden["img_none"])


def test_names_and_counts_are_the_official_ones() -> None:
    sizes = StyleGANSizes()
    generator, discriminator = Generator(sizes), Discriminator(sizes)
    counts = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert sizes.num_ws == 14
    assert (len(generator.state_dict()), len(discriminator.state_dict())) == (132, 64)
    assert counts == [23_186_516, 24_000_961]
    names = generator.state_dict()
    assert names["synthesis.b256.conv0.weight"].shape == (64, 128, 3, 3)
    assert names["synthesis.b4.torgb.affine.bias"].shape == (512,)
    assert "synthesis.b4.conv0.weight" not in names
    assert discriminator.state_dict()["b4.conv.weight"].shape == (512, 513, 3, 3)
    assert "b256.skip.bias" not in discriminator.state_dict()


@pytest.mark.parametrize("up", [False, True])
def test_scaling_features_is_scaling_weights(up: bool) -> None:
    """Written out as the paper has it: for each image its own weights, demodulated (equations 1 and 3)."""
    torch.manual_seed(0)
    x, weight, styles, bias = torch.randn(3, 4, 8, 8), torch.randn(5, 4, 3, 3), torch.rand(3, 4) + 0.5, torch.randn(5)
    kernel = binomial_filter() if up else None
    found = modulated_conv(x, weight, styles, bias, kernel=kernel)
    for image, style, got in zip(x, styles, found, strict=True):
        own = weight * style[None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            expected = smooth(F.conv_transpose2d(image[None], own.transpose(0, 1), stride=2), binomial_filter(), 1, 4.0)
        else:
            expected = F.conv2d(image[None], own, padding=1)
        assert torch.allclose(got, (expected + bias[:, None, None])[0], atol=1e-4)


def test_doubling_keeps_the_mean_of_a_flat_image() -> None:
    flat = torch.full((1, 1, 8, 8), 0.7)
    large = double(flat, binomial_filter())
    assert large.shape == (1, 1, 16, 16)
    assert torch.allclose(large[..., 2:-2, 2:-2], torch.tensor(0.7))


@pytest.mark.parametrize(("resolution", "channels", "layers"), [(8, 1, 1), (32, 3, 2), (64, 1, 8)])
def test_any_resolution_channels_and_mapping_depth(resolution: int, channels: int, layers: int) -> None:
    sizes = StyleGANSizes(
        resolution=resolution, channels=channels, mapping_layers=layers, z_dim=12, w_dim=10, channel_base=256, channel_max=16
    )
    generator = Generator(sizes)
    images = generator(torch.randn(4, 12), truncation=0.7, noise="random")
    assert images.shape == (4, channels, resolution, resolution)
    assert Discriminator(sizes)(images).shape == (4, 1)
    assert Encoder(sizes, EncoderSizes(channel_base=128, channel_max=8))(images).shape == (4, 10)


def test_noise_is_the_networks_own_new_none_or_given() -> None:
    sizes = StyleGANSizes(resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=8)
    generator = Generator(sizes).eval()
    for module in generator.synthesis.modules():
        if hasattr(module, "noise_strength"):
            module.noise_strength.data.fill_(0.5)
    ws = generator.spread(generator.mapping(torch.randn(2, 8)))
    own = generator.synthesis(ws)
    assert torch.equal(own, generator.synthesis(ws, "const"))
    assert not torch.equal(generator.synthesis(ws, "random"), generator.synthesis(ws, "random"))
    assert not torch.equal(own, generator.synthesis(ws, "none"))
    buffers = generator.synthesis.noise_buffers()
    assert len(buffers) == 5
    given = {name: value.expand(2, 1, -1, -1) for name, value in buffers.items()}
    assert torch.allclose(own, generator.synthesis(ws, given), atol=1e-5)


def test_a_batch_of_equal_images_has_no_spread() -> None:
    x = torch.randn(1, 3, 4, 4).repeat(8, 1, 1, 1)
    assert torch.allclose(batch_spread(x)[:, 3], torch.tensor(1e-4), atol=1e-6)
    assert batch_spread(torch.randn(6, 3, 4, 4)).shape == (6, 4, 4, 4)


def test_a_resolution_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        StyleGANSizes(resolution=100)


def test_scaling_has_the_derivatives_of_plain_arithmetic_to_the_second_order() -> None:
    torch.manual_seed(0)
    x, factor = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    for bias in (torch.randn(3, 1, 1, dtype=torch.float64), torch.randn(1, 3, 4, 5, dtype=torch.float64)):
        inputs = tuple(value.clone().requires_grad_() for value in (x, factor, bias))
        assert torch.autograd.gradcheck(_Scaled.apply, inputs)
        assert torch.autograd.gradgradcheck(_Scaled.apply, inputs)
        torch.testing.assert_close(_Scaled.apply(*inputs), x * factor[:, :, None, None] + bias)


def test_noise_that_is_the_same_for_all_goes_with_the_bias() -> None:
    torch.manual_seed(0)
    generator = Generator(StyleGANSizes(resolution=16, z_dim=8, w_dim=8, mapping_layers=1, channel_base=64, channel_max=8))
    synthesis = generator.synthesis
    for layer in (module for module in synthesis.modules() if hasattr(module, "noise_strength")):
        torch.nn.init.constant_(layer.noise_strength, 0.3)
    ws = generator.spread(generator.mapping(torch.randn(2, 8)))
    own = synthesis.noise_buffers()
    each = {name: value[None, None].expand(2, 1, -1, -1) for name, value in own.items()}
    torch.testing.assert_close(synthesis(ws), synthesis(ws, each), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(synthesis(ws), synthesis(ws, own))
    assert not torch.allclose(synthesis(ws), synthesis(ws, "none"))
