"""Maps: against analytic gradients, against captum, and their axioms."""

from __future__ import annotations

import captum.attr
import pytest
import torch

from napari_medgen.saliency.architecture import ResNetSizes
from napari_medgen.saliency.attribution import attribute, clip_to_spread, input_gradient, published_normalisation
from napari_medgen.saliency.network import ResNet
from napari_medgen.saliency.request import METHODS, ExplainRequest, Method


@pytest.fixture
def network() -> ResNet:
    torch.manual_seed(0)
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 16, 16), channels=1, classes=3, max_pool=False)).eval()
    torch.nn.init.normal_(net.fc.weight)
    return net


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))


def test_the_gradient_is_the_slope_of_the_logit(network: ResNet, x: torch.Tensor) -> None:
    network = network.double()
    x = x.double()
    classes = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    gradient = input_gradient(network, x, classes)
    direction = torch.randn_like(x) * 1e-5
    moved = (network(x + direction) - network(x - direction)) * classes / 2
    assert torch.allclose((gradient * direction).sum((1, 2, 3)), moved.sum(1).detach(), rtol=1e-3)


def test_it_equals_captums(network: ResNet, x: torch.Tensor) -> None:
    ours = attribute(network, x, 1, ExplainRequest(domain=1))
    theirs = captum.attr.Saliency(lambda images: network(images, 1)).attribute(
        x.clone().requires_grad_(), target=1, abs=False
    )
    assert torch.allclose(ours, theirs.sum(1).detach(), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", [True, False])
def test_every_method_gives_a_map_and_leaves_the_network_alone(
    network: ResNet, x: torch.Tensor, method: Method, mode: bool
) -> None:
    network.train(mode)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    found = attribute(network, x, 2, ExplainRequest(method=method, samples=4))
    assert found.shape == (2, 32, 32)
    assert found.isfinite().all()
    assert not found.requires_grad
    assert network.training is mode
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_integrated_gradients_add_up_to_the_change_of_the_logit(network: ResNet, x: torch.Tensor) -> None:
    found = attribute(network, x, 0, ExplainRequest(method="integrated", samples=200))
    change = (network(x) - network(torch.zeros_like(x)))[:, 0].detach()
    assert torch.allclose(found.sum((1, 2)), change, atol=0.05 * float(change.abs().max()))


def test_smoothgrad_is_the_same_for_a_seed(network: ResNet, x: torch.Tensor) -> None:
    request = ExplainRequest(method="smoothgrad", samples=4, seed=3)
    assert torch.equal(attribute(network, x, 0, request), attribute(network, x, 0, request))


def test_gradcam_is_not_negative(network: ResNet, x: torch.Tensor) -> None:
    assert attribute(network, x, 0, ExplainRequest(method="gradcam")).min() >= 0


def test_occlusion_finds_what_the_logit_reads() -> None:
    class Corner(torch.nn.Module):
        sizes = ResNetSizes(depth=18, classes=1, channels=1)

        def forward(self, images: torch.Tensor, domain: int = 0) -> torch.Tensor:
            return images[:, :, :8, :8].mean((2, 3))

    image = torch.zeros(1, 1, 32, 32)
    image[:, :, :8, :8] = 1
    found = attribute(Corner(), image, 0, ExplainRequest(method="occlusion"))[0]  # type: ignore[arg-type]
    assert found[:8, :8].mean() > 0
    assert found[16:, 16:].abs().max() == 0


def test_values_are_clipped_at_the_spread_and_zero_stays_in_the_middle() -> None:
    values = torch.randn(1, 1, 50, 50, generator=torch.Generator().manual_seed(0))
    values[0, 0, 0, 0] = 100
    clipped = clip_to_spread(values, 3)
    assert float(clipped.max()) == pytest.approx(float(values.mean() + 3 * values.std()), rel=1e-5)
    assert torch.equal(clipped[0, 0, 1:], values[0, 0, 1:])


def test_a_flat_gradient_is_mid_grey() -> None:
    assert torch.equal(published_normalisation(torch.zeros(1, 3, 4, 4)), torch.full((1, 3, 4, 4), 0.5))
