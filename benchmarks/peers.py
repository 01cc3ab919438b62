"""Straight implementations to measure against: what the published code does, written from the fact sheets."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from napari_medgen.saliency.architecture import AttackSizes
from napari_medgen.saliency.losses import classification_loss
from napari_medgen.volumes.networks.unet3d import Unet3D, Unet3DSizes
from napari_medgen.volumes.networks.vqgan import VQGAN


def full_matrix_codes(latents: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """Nearest codes by the whole distance matrix and one-hot rows, as the published codebook."""
    distances = (
        latents.square().sum(1, keepdim=True) - 2 * latents @ embeddings.t() + embeddings.t().square().sum(0, keepdim=True)
    )
    codes = torch.argmin(distances, dim=1)
    F.one_hot(codes, len(embeddings)).type_as(latents)
    return codes


def straight_decode(net: VQGAN, latent: torch.Tensor) -> torch.Tensor:
    """The published decode: full matrix, then the decoder in one piece."""
    channels, grid = latent.shape[1], latent.shape[2:]
    codes = full_matrix_codes(latent.movedim(1, -1).reshape(-1, channels), net.codebook.embeddings)
    vectors = F.embedding(codes.view(1, *grid), net.codebook.embeddings).movedim(-1, 1)
    return net.decoder(net.post_vq_conv(vectors))


class StraightUnet3D(Unet3D):
    """The published forward pass on the same weights: (B, C, D, H, W) throughout, slice convolutions in 3D, attentions
    written out."""

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        bias = self.time_rel_pos_bias(x.shape[2])
        x = self.init_conv(x)
        first = x.clone()
        x = _depth(self.init_temporal_attn, x, bias)
        time = self.time_mlp(t)
        skips = []
        for one, two, slices, columns, shrink in self.downs:
            x = _block(two, _block(one, x, time), time)
            x = _depth(columns, _linear(slices, x), bias)
            skips.append(x)
            x = shrink(x)
        x = _block(self.mid_block1, x, time)
        x = _depth(self.mid_temporal_attn, _full(self.mid_spatial_attn, x), bias)
        x = _block(self.mid_block2, x, time)
        for one, two, slices, columns, grow in self.ups:
            x = _block(two, _block(one, torch.cat((x, skips.pop()), dim=1), time), time)
            x = grow(_depth(columns, _linear(slices, x), bias))
        return self.final_conv[1](_block(self.final_conv[0], torch.cat((x, first), dim=1), None))


def _norm(residual: nn.Module, x: torch.Tensor) -> torch.Tensor:
    mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * residual.fn.norm.gamma


def _block(block: nn.Module, x: torch.Tensor, time: torch.Tensor | None) -> torch.Tensor:
    h = block.block1.norm(block.block1.proj(x))
    if block.mlp is not None:
        scale, shift = block.mlp(time)[:, :, None, None, None].chunk(2, dim=1)
        h = h * (scale + 1) + shift
    h = F.silu(block.block2.norm(block.block2.proj(F.silu(h))))
    return h + block.res_conv(x)


def _attend(attention: nn.Module, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    q, k, v = (part.unflatten(-1, (attention.heads, -1)).transpose(-3, -2) for part in attention.to_qkv(x).chunk(3, dim=-1))
    q = q * q.shape[-1] ** -0.5
    if bias is not None:
        q, k = _rotate(q), _rotate(k)
    similarity = q @ k.transpose(-1, -2)
    if bias is not None:
        similarity = similarity + bias
    similarity = similarity - similarity.amax(dim=-1, keepdim=True).detach()
    out = similarity.softmax(dim=-1) @ v
    return attention.to_out(out.transpose(-3, -2).flatten(-2))


def _rotate(x: torch.Tensor) -> torch.Tensor:
    width = x.shape[-1]
    rates = 10_000 ** (-torch.arange(0, width, 2).float() / width)
    angles = (torch.arange(x.shape[-2]).float()[:, None] * rates).repeat_interleave(2, dim=1)
    pairs = x.unflatten(-1, (-1, 2))
    return x * angles.cos() + torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2) * angles.sin()


def _depth(residual: nn.Module, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    b, c, d, h, w = x.shape
    y = _norm(residual, x).permute(0, 3, 4, 2, 1).reshape(b, h * w, d, c)
    y = _attend(residual.fn.fn.fn, y, bias)
    return x + y.reshape(b, h, w, d, c).permute(0, 4, 3, 1, 2)


def _full(residual: nn.Module, x: torch.Tensor) -> torch.Tensor:
    b, c, d, h, w = x.shape
    y = _attend(residual.fn.fn.fn, _norm(residual, x).permute(0, 2, 3, 4, 1).reshape(b, d, h * w, c), None)
    return x + y.reshape(b, d, h, w, c).permute(0, 4, 1, 2, 3)


def _linear(residual: nn.Module, x: torch.Tensor) -> torch.Tensor:
    attention = residual.fn.fn
    b, c, d, h, w = x.shape
    y = _norm(residual, x).transpose(1, 2).reshape(b * d, c, h, w)
    q, k, v = (part.unflatten(1, (attention.heads, -1)).flatten(3) for part in attention.to_qkv(y).chunk(3, dim=1))
    q, k = q.softmax(dim=-2) * q.shape[2] ** -0.5, k.softmax(dim=-1)
    context = torch.einsum("bhdn,bhen->bhde", k, v)
    out = torch.einsum("bhde,bhdn->bhen", context, q).flatten(1, 2).unflatten(-1, (h, w))
    return x + attention.to_out(out).view(b, d, c, h, w).transpose(1, 2)


def same_denoisers(dim: int = 32) -> tuple[Unet3D, StraightUnet3D]:
    """Ours and the straight one with the same weights."""
    torch.manual_seed(0)
    ours, straight = Unet3D(Unet3DSizes(dim=dim)).eval(), StraightUnet3D(Unet3DSizes(dim=dim)).eval()
    straight.load_state_dict(ours.state_dict())
    return ours, straight


def straight_pgd(
    net: nn.Module, x: torch.Tensor, truth: torch.Tensor, sizes: AttackSizes, *, exclusive: bool, domain: int
) -> torch.Tensor:
    """The attack as it is usually written: ``backward`` through everything, the weights' gradients with it."""
    net.eval()
    adversarial = (x + (torch.rand_like(x) * 2 - 1) * sizes.epsilon).clamp(0, 1)
    for _ in range(sizes.steps):
        adversarial = adversarial.detach().requires_grad_(True)
        classification_loss(net(adversarial, domain), truth, exclusive).backward()
        assert adversarial.grad is not None
        moved = adversarial + sizes.step * adversarial.grad.sign()
        adversarial = (x + (moved - x).clamp(-sizes.epsilon, sizes.epsilon)).clamp(0, 1)
    net.train()
    return adversarial.detach()
