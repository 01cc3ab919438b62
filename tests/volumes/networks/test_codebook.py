from __future__ import annotations

import torch
from torch.nn import functional as F

from napari_medgen.volumes.networks import codebook
from napari_medgen.volumes.networks.codebook import Codebook, nearest_codes


def test_chunks_find_what_the_full_matrix_finds(monkeypatch: object) -> None:
    torch.manual_seed(0)
    latents, codes = torch.randn(500, 8), torch.randn(300, 8)
    full = torch.cdist(latents, codes).argmin(1)
    assert torch.equal(nearest_codes(latents, codes), full)
    codebook_chunk = codebook._CHUNK_ELEMENTS
    try:
        codebook._CHUNK_ELEMENTS = 7 * 300
        assert torch.equal(nearest_codes(latents, codes), full)
    finally:
        codebook._CHUNK_ELEMENTS = codebook_chunk


def test_the_first_batch_initialises_and_a_loaded_codebook_stays() -> None:
    torch.manual_seed(0)
    book = Codebook(16, 4).train()
    batch = torch.randn(2, 4, 4, 4, 4)
    book(batch)
    assert bool(book.initialised)
    again = Codebook(16, 4).train()
    again.load_state_dict(book.state_dict())
    before = again.embeddings.clone()
    again(torch.randn(2, 4, 4, 4, 4) + 100)
    # The published code would have replaced every code by one near 100.
    assert (again.embeddings - before).abs().median() < 20


def test_gradients_pass_straight_through() -> None:
    book = Codebook(8, 4).eval()
    latents = torch.randn(1, 4, 2, 2, 2, requires_grad=True)
    quantised = book(latents)
    (quantised.vectors * 3).sum().backward()
    torch.testing.assert_close(latents.grad, torch.full_like(latents, 3.0))
    torch.testing.assert_close(quantised.commitment, 0.25 * F.mse_loss(latents, book.decode(quantised.codes)))


def test_unused_codes_are_drawn_anew() -> None:
    torch.manual_seed(0)
    book = Codebook(32, 4).train()
    book(torch.randn(1, 4, 4, 4, 4))
    book.embeddings[5] = book.z_avg[5] = 1e3
    for _ in range(3):
        book(torch.randn(1, 4, 4, 4, 4))
    assert book.embeddings.abs().max() < 10


def test_autocast_does_not_change_which_code_is_nearest() -> None:
    torch.manual_seed(0)
    latents, codes = torch.randn(4000, 8), torch.randn(512, 8)
    exact = nearest_codes(latents, codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest_codes(latents, codes), exact)
