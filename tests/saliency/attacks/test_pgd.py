"""Attacks: the ball, the box, the seed, and that they leave no trace on the network."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_medgen.saliency.architecture import AttackSizes, ResNetSizes
from napari_medgen.saliency.attacks.apgd import apgd, checkpoints
from napari_medgen.saliency.attacks.pgd import fgsm, lengths, pgd, project
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.saliency.network import ResNet, frozen

Norm = Literal["linf", "l2", "published-l2"]
NORMS: tuple[Norm, ...] = ("linf", "l2", "published-l2")


class Linear(nn.Module):
    """A network whose gradient is known."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.linear = nn.Linear(64, classes, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_(torch.randn(classes, 64, generator=torch.Generator().manual_seed(5)))

    def forward(self, x: Tensor, domain: int = 0) -> Tensor:
        out: Tensor = self.linear(x.flatten(1))
        return out * (1 + domain)


def images(count: int = 4, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


TRUTH = torch.eye(3)[[0, 1, 2, 0]]


@settings(max_examples=30, deadline=None)
@given(
    norm=st.sampled_from(NORMS),
    epsilon=st.floats(0, 0.6),
    step=st.floats(0, 0.5),
    steps=st.integers(1, 4),
    start=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_stays_in_the_ball_and_in_the_box(
    norm: Norm, epsilon: float, step: float, steps: int, start: bool, seed: int
) -> None:
    sizes = AttackSizes(norm=norm, epsilon=epsilon, step=step, steps=steps, random_start=start)
    x = images(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    found = pgd(Linear(), x, TRUTH, sizes, exclusive=True, generator=generator)
    delta = found - x
    reach = delta.abs().max() if norm == "linf" else lengths(delta).max()
    assert reach <= epsilon + 1e-5
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.isfinite().all()


@pytest.mark.parametrize("norm", NORMS)
def test_no_perturbation_at_all_is_not_a_number_gone_wrong(norm: Norm) -> None:
    # The official L2 option divides zero by zero here.
    zero = torch.zeros(2, 1, 4, 4)
    assert torch.equal(project(zero, AttackSizes(norm=norm)), zero)


@pytest.mark.parametrize("norm", NORMS)
def test_the_seed_decides(norm: Norm) -> None:
    sizes = AttackSizes(norm=norm, epsilon=0.3, step=0.05, steps=2)

    def run(seed: int) -> Tensor:
        return pgd(Linear(), images(), TRUTH, sizes, exclusive=True, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize("norm", NORMS)
def test_it_raises_the_loss_and_a_targeted_one_lowers_it(norm: Norm) -> None:
    sizes = AttackSizes(norm=norm, epsilon=0.5, step=0.1, steps=5, random_start=False)
    net, x = Linear(), images()
    before = classification_loss(net(x), TRUTH, True, each=True)
    away = classification_loss(net(pgd(net, x, TRUTH, sizes, exclusive=True)), TRUTH, True, each=True)
    towards = classification_loss(net(pgd(net, x, TRUTH, sizes, exclusive=True, targeted=True)), TRUTH, True, each=True)
    assert (away > before).all()
    assert (towards < before).all()


def test_many_labels_are_attacked_through_binary_cross_entropy_and_unknown_ones_are_not() -> None:
    net, x = Linear(), images()
    truth = torch.tensor([[1.0, 0.0, torch.nan]] * 4)
    found = pgd(net, x, truth, AttackSizes(epsilon=0.1, step=0.1, steps=1, random_start=False), exclusive=False)
    weights = net.linear.weight.detach()
    probability = net(x).sigmoid().detach()
    expected = ((probability[:, :1] - 1) * weights[0] + probability[:, 1:2] * weights[1]).sign().view_as(x)
    assert torch.allclose(found, (x + 0.1 * expected).clamp(0, 1))


def test_fgsm_is_one_step_to_the_corner() -> None:
    net, x = Linear(2), images() * 0.5 + 0.25
    truth = torch.eye(2)[[0, 0, 1, 1]]
    found = fgsm(net, x, truth, 0.1, exclusive=True)
    assert torch.allclose((found - x).abs(), torch.full_like(x, 0.1), atol=1e-6)


def test_an_l2_step_follows_the_gradient_and_the_published_one_its_sign() -> None:
    net, x = Linear(2), torch.full((1, 1, 8, 8), 0.5)
    truth = torch.eye(2)[:1]
    direction = (net.linear.weight[1] - net.linear.weight[0]).detach().view(1, 1, 8, 8)

    def delta(norm: Norm) -> Tensor:
        sizes = AttackSizes(norm=norm, epsilon=0.2, step=0.2, steps=1, random_start=False)
        return pgd(net, x, truth, sizes, exclusive=True) - x

    assert torch.allclose(delta("l2"), 0.2 * direction / direction.norm(), atol=1e-6)
    assert torch.allclose(delta("published-l2"), 0.2 * direction.sign() / 8, atol=1e-6)


def test_the_network_is_left_as_it_was() -> None:
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 8, 8), channels=1, classes=2, max_pool=False)).train()
    net.layer1.eval()
    net.conv1.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    switches = [p.requires_grad for p in net.parameters()]
    x = torch.rand(2, 1, 16, 16)
    found = pgd(net, x, torch.eye(2), AttackSizes(steps=2), exclusive=True, domain=1)
    assert not found.requires_grad
    assert found.grad_fn is None
    assert [module.training for module in net.modules()] == modes
    assert [p.requires_grad for p in net.parameters()] == switches
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_the_mode_comes_back_when_the_attack_breaks() -> None:
    net = Linear().train()
    with pytest.raises(ValueError, match="broken"), frozen(net):
        assert not net.training
        raise ValueError("broken")
    assert net.training
    assert all(p.requires_grad for p in net.parameters())


def test_the_gradient_goes_through_the_chosen_batch_norm() -> None:
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 8, 8), channels=1, classes=2, max_pool=False)).eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if ".bns.1." in name and name.endswith("weight"):
                value.uniform_(-1, 1)
        net.fc.weight.normal_()
    x, sizes = torch.rand(2, 1, 16, 16), AttackSizes(epsilon=0.1, step=0.1, steps=1, random_start=False)
    found = [pgd(net, x, torch.eye(2), sizes, exclusive=True, domain=domain) for domain in (0, 1)]
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_stays_in_ball_and_box_and_is_no_weaker_than_pgd(norm: Literal["linf", "l2"]) -> None:
    net = ResNet(ResNetSizes(depth=18, widths=(8, 8, 8, 8), channels=1, classes=3, max_pool=False)).eval()
    torch.manual_seed(0)
    torch.nn.init.normal_(net.fc.weight)
    x = torch.rand(4, 1, 16, 16)
    epsilon = 0.05 if norm == "linf" else 0.5
    found = apgd(net, x, TRUTH, epsilon, exclusive=True, norm=norm, steps=20)
    delta = found - x
    assert (delta.abs().max() if norm == "linf" else lengths(delta).max()) <= epsilon + 1e-5
    assert 0 <= found.min() <= found.max() <= 1
    assert not found.requires_grad
    sizes = AttackSizes(norm=norm, epsilon=epsilon, step=epsilon / 2, steps=10, random_start=False)
    plain = pgd(net, x, TRUTH, sizes, exclusive=True)

    def loss(points: Tensor) -> float:
        return float(classification_loss(net(points), TRUTH, True).detach())

    assert loss(found) >= loss(plain) - 1e-3
    assert loss(found) > loss(x)


def test_apgd_without_a_radius_changes_nothing() -> None:
    x = images()
    assert torch.equal(apgd(Linear(), x, TRUTH, 0.0, exclusive=True), x)


def test_apgds_checkpoints_are_the_published_ones() -> None:
    # Croce 2020: p = 0, 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99 of 100 steps.
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
