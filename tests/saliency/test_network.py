"""The network against the official code's outputs, keys and parameter counts."""

from __future__ import annotations

import pytest
import torch

from golden import GOLDEN, assert_golden
from napari_medgen.saliency.architecture import AttackSizes, ResNetSizes
from napari_medgen.saliency.attacks.pgd import pgd
from napari_medgen.saliency.attribution import input_gradient, published_normalisation
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.saliency.network import ResNet, channels_last
from tests_support import fill

EXPECTED = GOLDEN["resnet50dsbn_8"]


@pytest.fixture(scope="module")
def network() -> ResNet:
    net = ResNet(ResNetSizes(classes=8)).eval()
    with torch.no_grad():
        fill(net)
    return net


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    place = torch.arange(2 * 3 * 64 * 64, dtype=torch.float64)
    return ((torch.sin(0.05 * place) + 1) / 2).float().view(2, 3, 64, 64)


@pytest.fixture(scope="module")
def labels() -> torch.Tensor:
    truth = torch.zeros(2, 8)
    truth[0, 1] = truth[1, 2] = truth[1, 5] = 1
    return truth


@pytest.mark.parametrize("domain", [0, 1])
def test_logits_equal_the_official_ones(network: ResNet, images: torch.Tensor, domain: int) -> None:
    assert_golden(network(images, domain).detach(), EXPECTED[f"logits_bn{domain}"])


@pytest.mark.parametrize("domain", [0, 1])
def test_the_raw_gradient_equals_the_official_one(
    network: ResNet, images: torch.Tensor, labels: torch.Tensor, domain: int
) -> None:
    expected = EXPECTED[f"saliency_raw_bn{domain}"]
    gradient = input_gradient(network, images, labels, domain)
    # The file keeps six decimals, which is little of values of 1e-5.
    assert list(gradient.shape) == expected["shape"]
    assert float(gradient.std(correction=0)) == pytest.approx(expected["std"], abs=6e-7, rel=1e-3)
    for index, value in expected["picks"].items():
        assert float(gradient.flatten()[int(index)]) == pytest.approx(value, abs=6e-7, rel=2e-3)


def test_the_normalised_map_equals_the_official_one(network: ResNet, images: torch.Tensor, labels: torch.Tensor) -> None:
    shown = published_normalisation(input_gradient(network, images, labels, 1))
    assert_golden(shown[:1], EXPECTED["saliency_norm_img0_bn1"])


def test_the_attack_equals_the_official_one_in_size_and_effect(
    network: ResNet, images: torch.Tensor, labels: torch.Tensor
) -> None:
    sizes = AttackSizes(epsilon=0.005, step=0.0025, steps=10, random_start=False)
    adversarial = pgd(network, images, labels, sizes, exclusive=False, domain=1)
    delta = adversarial - images
    expected = EXPECTED["pgd_linf_eps005_a0025_k10_bn1_delta"]
    assert delta.abs().max() <= 0.005 + 1e-6
    # Signs of tiny gradients are chaotic, the spread is not.
    assert float(delta.std()) == pytest.approx(expected["std"], rel=0.02)
    gained = classification_loss(network(adversarial, 1), labels, False) - classification_loss(
        network(images, 1), labels, False
    )
    assert gained > 0
    said = network(adversarial, 1).detach().flatten()
    for index, value in EXPECTED["logits_adv_bn1"]["picks"].items():
        assert float(said[int(index)]) == pytest.approx(value, abs=2e-3)


def test_parameter_counts_are_the_published_ones() -> None:
    def count(**sizes: int) -> int:
        return sum(p.numel() for p in ResNet(ResNetSizes(**sizes)).parameters())

    assert count(classes=8) == 23_577_544
    assert count(classes=8, domains=1) == 23_524_424
    # The fact sheet counts the widened nets with ImageNet's 1000 classes.
    assert round(count(classes=1000, widen=2) / 1e6, 2) == 41.97
    assert round(count(classes=1000, widen=4) / 1e6, 2) == 74.70


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("domains", [1, 2, 3])
def test_every_depth_and_number_of_batch_norms_works(depth: int, domains: int) -> None:
    sizes = ResNetSizes(depth=depth, widths=(8, 8, 16, 16), channels=1, classes=3, domains=domains)
    net = ResNet(sizes)
    for domain in range(domains):
        assert net(torch.rand(2, 1, 32, 40), domain).shape == (2, 3)


def test_a_batch_moves_only_the_statistics_of_its_own_domain() -> None:
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 8, 8), channels=1, classes=2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.rand(4, 1, 32, 32), 1)
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(".bns.1.running" in name or ".bns.1.num_batches" in name for name in moved)


def test_the_memory_layout_changes_nothing_but_time(rng: object) -> None:
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 8, 8), channels=1, classes=2)).eval()
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    before = net(x)
    after = channels_last(net)(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(before, after, atol=1e-5)
