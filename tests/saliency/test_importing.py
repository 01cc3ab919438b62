"""Official checkpoints become model folders; nothing in them is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.folder import open_folder
from napari_medgen.saliency.architecture import ResNetSizes
from napari_medgen.saliency.frame_grader import FrameGrader
from napari_medgen.saliency.importing import Expected, import_classifier
from napari_medgen.saliency.model import Classifier
from napari_medgen.saliency.network import ResNet

LABELS = [
    "No Finding",
    "Cardiomegaly",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
]


def checkpoint(path: Path, prefix: str = "", **sizes: object) -> tuple[Path, ResNet]:
    torch.manual_seed(0)
    net = ResNet(ResNetSizes(classes=8, **sizes)).eval()  # type: ignore[arg-type]
    torch.save({prefix + name: value for name, value in net.state_dict().items()}, path)
    return path, net


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_official_dual_checkpoint_says_what_it_said(tmp_path: Path, prefix: str) -> None:
    path, net = checkpoint(tmp_path / "checkpoint_best.pth", prefix, widths=(16, 16, 16, 16))
    folder = import_classifier(path, tmp_path / "chexpert", LABELS, Expected(size=64))
    model = Classifier(open_folder(folder.path))
    assert model.architecture.network.domains == 2
    assert model.architecture.domain_names == ("clean", "adversarial")
    assert model.architecture.view.size == (64, 64)
    assert model.architecture.labels == tuple(LABELS)
    x = torch.rand(1, 3, 64, 64)
    for domain in (0, 1):
        assert torch.allclose(model.logits(x, domain), net(x, domain).detach(), atol=1e-4)


@pytest.mark.parametrize(
    "sizes", [{"domains": 1}, {"widen": 2}, {"depth": 18}, {"depth": 34, "domains": 3}, {"channels": 1}]
)
def test_other_layouts_are_inferred_from_their_shapes(tmp_path: Path, sizes: dict[str, int]) -> None:
    path, net = checkpoint(tmp_path / "a.pth", widths=(8, 8, 8, 8), **sizes)
    folder = import_classifier(path, tmp_path / "a", LABELS)
    found = Classifier(folder).architecture.network
    momentum = 0.01 if net.sizes.domains > 1 else 0.1
    assert found == net.sizes.model_copy(update={"momentum": momentum})


def test_a_wrapped_state_dict_is_found(tmp_path: Path) -> None:
    path, net = checkpoint(tmp_path / "a.pth", widths=(8, 8, 8, 8))
    torch.save({"epoch": 3, "state_dict": net.state_dict()}, path)
    assert import_classifier(path, tmp_path / "a", LABELS).card.task == "saliency"


def test_a_hostile_pickle_does_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {proof}",)

    path = tmp_path / "a.pth"
    torch.save({"conv1.weight": torch.zeros(1), "fc.weight": Hostile()}, path)
    with pytest.raises(ModelError, match=r"has no conv1\.weight and fc\.weight"):
        import_classifier(path, tmp_path / "a", LABELS)
    assert not proof.exists()
    assert not (tmp_path / "a").exists()
    torch.load(path, weights_only=False)
    assert proof.exists()  # the file was dangerous indeed


def test_what_does_not_fit_is_said_in_one_sentence(tmp_path: Path) -> None:
    path, net = checkpoint(tmp_path / "a.pth", widths=(8, 8, 8, 8))
    with pytest.raises(ModelError, match="has 8 classes, but 2 labels"):
        import_classifier(path, tmp_path / "a", ["one", "two"])
    with pytest.raises(ModelError, match="each label may occur once"):
        import_classifier(path, tmp_path / "a", ["one"] * 8)
    state = net.state_dict()
    torch.save({"linear.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ModelError, match="not the checkpoint of a ResNet"):
        import_classifier(path, tmp_path / "a", LABELS)
    torch.save({name: value for name, value in state.items() if not name.startswith("layer4.1")}, path)
    with pytest.raises(ModelError, match="not a ResNet-18, 34 or 50"):
        import_classifier(path, tmp_path / "a", LABELS)
    torch.save({name: value for name, value in state.items() if name != "bn1.bns.1.bias"}, path)
    with pytest.raises(ModelError, match=r"lacks the tensor bn1\.bns\.1\.bias"):
        import_classifier(path, tmp_path / "a", LABELS)


def test_grades_may_be_said_to_be_in_order_and_can_then_grade(tmp_path: Path) -> None:
    path, _ = checkpoint(tmp_path / "a.pth", widths=(8, 8, 8, 8))
    folder = import_classifier(path, tmp_path / "a", LABELS, Expected(size=64, ordinal=True))
    model = Classifier(folder)
    assert (model.architecture.ordinal, model.architecture.exclusive) == (True, True)
    assert FrameGrader(model).labels == tuple(LABELS)


def test_images_may_be_brought_to_imagenets_mean_and_deviation(tmp_path: Path) -> None:
    path, net = checkpoint(tmp_path / "a.pth", widths=(8, 8, 8, 8))
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    model = Classifier(import_classifier(path, tmp_path / "a", LABELS, Expected(64, mean=mean, std=std)))
    x = torch.rand(2, 3, 64, 64)
    wanted = net((x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)).detach()
    assert torch.allclose(model.logits(x), wanted, atol=1e-4)
    with pytest.raises(ModelError, match="one number or one for each of the 3 channels, not 2"):
        import_classifier(path, tmp_path / "b", LABELS, Expected(mean=(0.1, 0.2)))
    with pytest.raises(ModelError, match="do not fit"):
        import_classifier(path, tmp_path / "b", LABELS, Expected(std=(0.0,)))
