"""Slabs that flow through several layers give what the whole gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_medgen.errors import WritingError
from napari_medgen.volumes.decoding import decode_bytes
from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes
from napari_medgen.volumes.slices import Stored
from napari_medgen.volumes.streaming import decode_streamed, encode_bytes, encode_in_slabs, scratch_bytes, streamed_bytes


def network(padding: str, downsample: tuple[int, int, int]) -> VQGAN:
    torch.manual_seed(0)
    sizes = VQGANSizes(n_hiddens=4, num_groups=4, downsample=downsample, n_codes=16, padding_type=padding)  # type: ignore[arg-type]
    return VQGAN(sizes).eval()


@pytest.mark.parametrize("padding", ["replicate", "constant"])
@pytest.mark.parametrize("downsample", [(4, 4, 4), (2, 4, 4), (1, 2, 4), (8, 8, 8)])
@pytest.mark.parametrize("slab", [1, 3, 8, 0])
@torch.no_grad()
def test_streams_give_what_the_whole_gives(
    padding: str, downsample: tuple[int, int, int], slab: int, tmp_path: Path
) -> None:
    net = network(padding, downsample)
    latent = torch.randn(1, 8, 5, 3, 4)
    for quantise in (True, False):
        whole = net.decode(latent, quantise=quantise)
        for folder in (None, tmp_path):
            made = decode_streamed(net, latent, quantise=quantise, slab=slab, scratch=folder)
            torch.testing.assert_close(made, whole, atol=1e-4, rtol=1e-3)
    image = torch.randn(1, 1, *(n * factor for n, factor in zip((5, 3, 4), downsample, strict=True)))
    torch.testing.assert_close(encode_in_slabs(net, image, slab=slab), net.encode(image), atol=1e-4, rtol=1e-3)


def test_a_ct_of_512_fits_into_six_gib() -> None:
    sizes, shape = VQGANSizes(num_groups=32), (300, 512, 512)
    assert streamed_bytes(sizes, shape) < 6 * 2**30 < decode_bytes(sizes, shape, slabs=True)
    assert encode_bytes(sizes, shape, slabs=True) < 5 * 2**30 < encode_bytes(sizes, shape)


@torch.no_grad()
def test_with_a_disk_nothing_is_made_twice_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, most = network("constant", (4, 4, 4)), 0
    latent = torch.randn(1, 8, 8, 4, 4)
    slices = 0
    ordinary = torch.nn.functional.conv3d

    def counted(x: torch.Tensor, *arguments: object) -> torch.Tensor:
        nonlocal slices
        made: torch.Tensor = ordinary(x, *arguments)  # type: ignore[arg-type]
        slices += made.shape[2]
        return made

    monkeypatch.setattr("napari_medgen.volumes.streaming.F.conv3d", counted)
    written = Stored._write

    def weighed(self: Stored, made: torch.Tensor) -> None:
        nonlocal most
        written(self, made)
        assert self._file is not None
        most = max(most, self._file.tell())

    monkeypatch.setattr(Stored, "_write", weighed)
    decode_streamed(net, latent, slab=4, scratch=tmp_path)
    assert slices == 4 * (16 + 32) + 32  # four convolutions a level, and the last one
    assert most * 3 == scratch_bytes(net.sizes, (32, 16, 16))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_after_all_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**arguments: object) -> object:
        return Path("/dev/full").open("w+b", buffering=0)

    monkeypatch.setattr("napari_medgen.volumes.slices.tempfile.TemporaryFile", full)
    with pytest.raises(WritingError, match="no room"):
        decode_streamed(network("constant", (4, 4, 4)), torch.randn(1, 8, 4, 4, 4), scratch=tmp_path)
