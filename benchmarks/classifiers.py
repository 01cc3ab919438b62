"""Cases of system 3: a map, and a step of dual-batch-norm training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
_STEPS = 10  # of the attack, as published


def saliency(ours: bool) -> Work:
    """The input gradient of knee-kl on one image: captum's Saliency on the same network as PyTorch loads it."""
    import torch

    from napari_medgen.models.catalogue import find_model
    from napari_medgen.saliency.attribution import attribute
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.saliency.request import ExplainRequest

    model = Classifier(find_model("knee-kl"))
    x = torch.rand(1, 1, *model.architecture.view.size)
    if ours:
        return lambda: attribute(model.network, x, 3, ExplainRequest("KL 3"))
    import captum.attr

    plain = model.network.to(memory_format=torch.contiguous_format).requires_grad_(True)
    method = captum.attr.Saliency(lambda images: plain(images, 0))

    def work() -> Any:
        with torch.enable_grad():
            return method.attribute(x.clone().requires_grad_(), target=3, abs=False)

    return work


def explain(ours: bool) -> Work:
    """Answer, doubts and map of one image: five runs of the network, each asked for by itself, and one look."""
    import numpy as np

    from napari_medgen.imaging.network_view import NetworkView, to_tensor
    from napari_medgen.imaging.radiograph import Radiograph
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.saliency.attribution import attribute, clip_to_spread
    from napari_medgen.saliency.model import Classifier
    from napari_medgen.saliency.request import ExplainRequest
    from napari_medgen.saliency.suitability import stage_averages

    model = Classifier(find_model("knee-kl"))
    pixels = np.random.default_rng(0).integers(0, 255, (224, 224)).astype(np.uint8)
    image = Radiograph(pixels, (0, 255), laterality="L")

    def look() -> Any:
        found = model.look(image, explain=True)
        return found.answer(), found.doubts, found.map(ExplainRequest("KL 3"))

    def five_runs() -> Any:
        def see() -> Any:
            view = NetworkView.of(image.shape, model.architecture.view, image.laterality)
            return view.see(to_tensor(image.grey(), 1)).clamp(0, 1)

        assert model.reference is not None
        answer, doubts = model.logits(see()), model.reference.unlikeness(stage_averages(model.network, see()))
        seen = see()
        again, raw = model.logits(seen), attribute(model.network, seen, 3, ExplainRequest("KL 3"))
        view = NetworkView.of(image.shape, model.architecture.view, image.laterality)
        values = view.place(clip_to_spread(raw)[:, None]).numpy()
        return answer, doubts, again, values, model.reference.unlikeness(stage_averages(model.network, see()))

    return look if ours else five_runs


def _training(ours: bool, *, frozen: bool, layout: bool, half: bool, kept: bool) -> Work:
    """A dual training step of a half-width ResNet-18, 16 images of 128 x 128, PGD-10, with each measure on or off."""
    import torch

    from benchmarks.peers import straight_pgd
    from napari_medgen.running.allocator import keep_freed_memory
    from napari_medgen.running.devices import Device
    from napari_medgen.saliency.architecture import AttackSizes, ResNetSizes
    from napari_medgen.saliency.attacks.pgd import pgd
    from napari_medgen.saliency.losses import classification_loss
    from napari_medgen.saliency.network import ResNet, channels_last

    if ours and kept:
        keep_freed_memory()
    torch.manual_seed(0)
    net = ResNet(ResNetSizes(depth=18, widths=(32, 64, 128, 256), channels=1, classes=5, max_pool=False)).train()
    x, truth = torch.rand(16, 1, 128, 128), torch.eye(5)[torch.arange(16) % 5]
    if ours and layout:
        net, x = channels_last(net), x.contiguous(memory_format=torch.channels_last)
    sizes = AttackSizes(steps=_STEPS)
    attack = pgd if ours and frozen else straight_pgd
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    device = Device("cpu", "bfloat16" if ours and half else "float32", 0)

    def work() -> None:
        with torch.enable_grad(), device.autocast():
            adversarial = attack(net, x, truth, sizes, exclusive=True, domain=1)
            if ours and layout:
                adversarial = adversarial.contiguous(memory_format=torch.channels_last)
            clean = classification_loss(net(x, 0), truth, True)
            loss = clean + classification_loss(net(adversarial, 1), truth, True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work


def training_step(ours: bool) -> Work:
    """All measures against none: frozen weights, channels-last, bfloat16 where it is faster, the allocator."""
    from napari_medgen.running.devices import choose_device

    half = choose_device("cpu").precision == "bfloat16" if ours else False
    return _training(ours, frozen=True, layout=True, half=half, kept=True)


def frozen_weights(ours: bool) -> Work:
    """Of these, the frozen weights alone: the attack asks for the input's gradient only."""
    return _training(ours, frozen=True, layout=False, half=False, kept=False)


def layout(ours: bool) -> Work:
    """Of these, channels-last alone."""
    return _training(ours, frozen=False, layout=True, half=False, kept=False)


CASES: dict[str, Callable[[bool], Work]] = {
    case.__name__: case for case in (saliency, explain, training_step, frozen_weights, layout)
}
