from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_medgen.errors import ModelError
from napari_medgen.models.checkpoints import plain, read_checkpoint
from napari_medgen.running.devices import choose_device
from napari_medgen.running.progress import drive
from napari_medgen.volumes.importing import import_official
from napari_medgen.volumes.model import VolumeGenerator
from napari_medgen.volumes.request import SampleRequest
from tests_support import write_official


def test_official_checkpoints_become_a_model_that_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, vqgan, denoiser = write_official(tmp_path, monkeypatch, timesteps=30)
    folder = import_official(
        first, second, tmp_path / "out", shape=(8, 32, 32), spacing=(3.0, 0.5, 0.5), axes=("L", "I", "P"), name="mrnet"
    )
    folder.verify()
    generator = VolumeGenerator(folder, choose_device("cpu", "float32"))
    architecture = generator.architecture
    assert architecture.autoencoder.downsample == (2, 4, 4)
    assert (architecture.timesteps, architecture.latent_shape) == (30, (8, 4, 8, 8))
    assert architecture.latent_range == vqgan.codebook.extent
    image, latent, t = torch.randn(1, 1, 8, 32, 32), torch.randn(1, 8, 4, 8, 8), torch.tensor([3])
    with torch.no_grad():
        torch.testing.assert_close(generator.autoencoder.encode(image), vqgan.encode(image))
        torch.testing.assert_close(generator.denoiser(latent, t), denoiser(latent, t))
    volume = drive(generator.sample(SampleRequest(steps=3))).volume
    # (L, I, P) of 8 x 32 x 32 is (S, P, L) of 32 x 32 x 8.
    assert volume.voxels.shape == (32, 32, 8)
    assert volume.spacing == pytest.approx((0.5, 0.5, 3.0))
    assert volume.source_codes == ("L", "I", "P")


def test_the_configuration_is_read_without_omegaconf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = write_official(tmp_path, monkeypatch)
    config = plain(read_checkpoint(first)["hyper_parameters"])["cfg"]
    assert config["model"]["downsample"] == [2, 4, 4]
    assert config["dataset"]["image_channels"] == 1


def test_the_default_shape_follows_the_official_convention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = write_official(tmp_path, monkeypatch)
    folder = import_official(first, second, tmp_path / "out")
    assert folder.card.architecture["shape"] == [32, 64, 64]


def test_the_wrong_way_round_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = write_official(tmp_path, monkeypatch)
    with pytest.raises(ModelError, match="is a diffusion checkpoint"):
        import_official(second, first, tmp_path / "out")
    with pytest.raises(ModelError, match="holds no denoiser"):
        import_official(first, first, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_schedule_and_a_missing_tensor_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = write_official(tmp_path, monkeypatch)
    content = torch.load(second, weights_only=True)
    content["ema"]["betas"] = torch.linspace(1e-4, 0.02, 300)
    torch.save(content, tmp_path / "linear.pt")
    with pytest.raises(ModelError, match="cosine schedule"):
        import_official(first, tmp_path / "linear.pt", tmp_path / "out")
    content = torch.load(second, weights_only=True)
    del content["ema"]["denoise_fn.init_conv.bias"]
    torch.save(content, tmp_path / "less.pt")
    with pytest.raises(ModelError, match=r"lacks the tensor init_conv\.bias"):
        import_official(first, tmp_path / "less.pt", tmp_path / "out")


def test_a_diffusion_file_with_another_vqgan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = write_official(tmp_path, monkeypatch)
    content = torch.load(second, weights_only=True)
    state = torch.load(first, weights_only=False)["state_dict"]
    own = {f"vqgan.{key}": value for key, value in state.items()}
    content["ema"] |= own
    torch.save(content, tmp_path / "same.pt")
    import_official(first, tmp_path / "same.pt", tmp_path / "same")
    content["ema"] = {key: value + 0.1 if key.startswith("vqgan.") else value for key, value in content["ema"].items()}
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"other\.pt was trained on another VQ-GAN than .*ckpt"):
        import_official(first, tmp_path / "other.pt", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    content["ema"] = {key: value.cfloat() if key in own else value for key, value in content["ema"].items()}
    torch.save(content, tmp_path / "complex.pt")
    with pytest.raises(ModelError, match="another VQ-GAN"):
        import_official(first, tmp_path / "complex.pt", tmp_path / "other")


def test_the_published_padding_stops_where_the_published_code_stops() -> None:
    from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes

    def kinds(reach: str) -> dict[str, str]:
        sizes = VQGANSizes(n_hiddens=4, num_groups=4, n_codes=16, padding_type="reflect", padding_reach=reach)  # type: ignore[arg-type]
        return {name: m.padding_type for name, m in VQGAN(sizes).named_modules() if hasattr(m, "padding_type")}  # type: ignore[misc]

    assert set(kinds("all").values()) == {"reflect"}
    published = kinds("encoder")
    reached = {name for name, kind in published.items() if kind == "reflect"}
    assert reached == {
        "encoder.conv_first",
        "encoder.conv_blocks.0.down",
        "encoder.conv_blocks.1.down",
        "pre_vq_conv",
        "post_vq_conv",
    }
