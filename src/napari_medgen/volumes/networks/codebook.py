"""The vector-quantisation codebook: nearest codes without the full distance matrix, and its moving-average training."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import distributed, nn
from torch.nn import functional as F

_CHUNK_ELEMENTS = 2**24  # 64 MiB of single-precision distances at a time
_DECAY = 0.99
TRAINING_ONLY = ("N", "z_avg", "initialised")  # buffers that a trained codebook is shipped without
_LAPLACE = 1e-7


def nearest_codes(latents: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """Index of the nearest code (Euclidean) of every latent vector.

    The squared norm of the latent does not change which code is nearest, so it is left out; distances are computed a
    chunk of vectors at a time.

    Parameters
    ----------
    latents
        (N, C) vectors.
    embeddings
        (K, C) codes.

    Returns
    -------
    torch.Tensor
        (N,) int64 indices in [0, K).

    Notes
    -----
    Always in single precision, whatever autocast says: in bfloat16 a third of the vectors would get another code.
    """
    with torch.autocast(latents.device.type, enabled=False):
        return _nearest(latents.float(), embeddings.float())


def _nearest(latents: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    half_norms = 0.5 * codes.square().sum(1)
    rows = max(1, _CHUNK_ELEMENTS // len(codes))
    transposed = codes.t().contiguous()
    # argmin |z - e|^2 = argmin (|e|^2 / 2 - z.e)
    nearest = [torch.addmm(half_norms, part, transposed, alpha=-1).argmin(1) for part in latents.split(rows)]
    return torch.cat(nearest) if nearest else latents.new_zeros(0, dtype=torch.int64)


class Quantised(NamedTuple):
    """What quantisation gives: straight-through vectors (B, C, D, H, W), code indices (B, D, H, W), commitment loss."""

    vectors: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor


class Codebook(nn.Module):
    """K codes of C numbers, updated by exponential moving averages (van den Oord 2017, appendix A.1).

    Unlike the published code, whether the codes were initialised is saved with them: the published flag is true after
    every load, so resuming there replaces a trained codebook by the first batch.

    Parameters
    ----------
    n_codes, dim
        K and C.
    restart_below
        Codes whose moving-average count is lower are drawn anew from the batch; 1 in the paper.
    """

    embeddings: torch.Tensor
    N: torch.Tensor
    z_avg: torch.Tensor
    initialised: torch.Tensor

    def __init__(self, n_codes: int, dim: int, restart_below: float = 1.0) -> None:
        super().__init__()
        self.restart_below = restart_below
        codes = torch.randn(n_codes, dim)
        self.register_buffer("embeddings", codes)
        self.register_buffer("N", torch.zeros(n_codes))
        self.register_buffer("z_avg", codes.clone())
        self.register_buffer("initialised", torch.tensor(False))

    def encode(self, latents: torch.Tensor) -> torch.Tensor:
        """Nearest code of each position: (B, C, D, H, W) -> (B, D, H, W) int64."""
        batch, channels, *grid = latents.shape
        flat = latents.movedim(1, -1).reshape(-1, channels)
        return nearest_codes(flat, self.embeddings).view(batch, *grid)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Vectors of the codes: (B, D, H, W) int64 -> (B, C, D, H, W)."""
        return F.embedding(codes, self.embeddings).movedim(-1, 1)

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest number in the whole codebook: the scale of the diffusion's latents."""
        return float(self.embeddings.min()), float(self.embeddings.max())

    def forward(self, latents: torch.Tensor) -> Quantised:
        """Quantise with straight-through gradients; in training mode, also move the codes."""
        latents = latents.float()
        if self.training and not bool(self.initialised):
            self._initialise(latents)
        codes = self.encode(latents.detach())
        vectors = self.decode(codes)
        commitment = 0.25 * F.mse_loss(latents, vectors.detach())
        if self.training:
            self._move(latents.detach(), codes)
        return Quantised(latents + (vectors - latents).detach(), codes, commitment)

    def _candidates(self, latents: torch.Tensor) -> torch.Tensor:
        """K vectors drawn from the batch, repeated with a little noise where the batch is too small."""
        n_codes, dim = self.embeddings.shape
        flat = latents.movedim(1, -1).reshape(-1, dim)
        if len(flat) < n_codes:
            repeated = flat.repeat(-(-n_codes // len(flat)), 1)
            flat = repeated + torch.randn_like(repeated) * 0.01 / dim**0.5
        drawn = flat[torch.randperm(len(flat), device=flat.device)[:n_codes]].clone()
        if distributed.is_available() and distributed.is_initialized():
            distributed.broadcast(drawn, 0)
        return drawn

    @torch.no_grad()
    def _initialise(self, latents: torch.Tensor) -> None:
        drawn = self._candidates(latents)
        self.embeddings.copy_(drawn)
        self.z_avg.copy_(drawn)
        self.N.fill_(1.0)
        self.initialised.fill_(True)

    @torch.no_grad()
    def _move(self, latents: torch.Tensor, codes: torch.Tensor) -> None:
        n_codes, dim = self.embeddings.shape
        flat, index = latents.movedim(1, -1).reshape(-1, dim), codes.reshape(-1)
        counts = torch.bincount(index, minlength=n_codes).to(flat.dtype)
        sums = torch.zeros_like(self.z_avg).index_add_(0, index, flat)
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
        self.N.mul_(_DECAY).add_(counts, alpha=1 - _DECAY)
        self.z_avg.mul_(_DECAY).add_(sums, alpha=1 - _DECAY)
        total = self.N.sum()
        weights = (self.N + _LAPLACE) / (total + n_codes * _LAPLACE) * total
        self.embeddings.copy_(self.z_avg / weights.unsqueeze(1))
        unused = self.restart_below > self.N
        if bool(unused.any()):
            drawn = self._candidates(latents)
            self.embeddings[unused] = drawn[unused]
            self.z_avg[unused] = drawn[unused]
            self.N[unused] = 1.0
