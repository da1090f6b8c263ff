"""Multi-head attention inside windows with a bias on the logits: the fused kernel on a GPU, explicit products on a CPU.

The form of training, and of inference on a GPU. A head of the student has 8 channels, too few for the fused kernel of a
CPU. There a few windows at a time go through batched products with the tokens innermost, q, k, v and the output as d×T,
in float32 and in the processor's cache; the backward pass computes the weights anew instead of remembering them
(FlashAttention, Dao et al. 2022, Section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fusion.tsdm.kernels.layout import Groups

WINDOWS_AT_ONCE = 16
"""Windows per step on a CPU: their logits (1.5 MB at 6 heads and 64 tokens) stay in the cache."""

LOG2_E = 1 / math.log(2)
SAFE_LOW, SAFE_HIGH = 2.0**-60, 2.0**100
"""Sums of powers between which nothing overflowed and no weight that matters was lost."""


def window_attention(qkv: Tensor, biases: Tensor, groups: Groups) -> Tensor:
    """softmax(q kᵀ / √d + bias) v for each window and head: M×T×3C to M×T×C.

    The channels of ``qkv`` are q, k, v, each of them head by head; ``biases`` is kinds×heads×T×T. On a CPU the inner
    computation is float32 whatever the type of ``qkv``.
    """
    return _OnCpu.apply(qkv, biases, groups) if qkv.device.type == "cpu" else _fused(qkv, biases, groups)


def steps(groups: Groups, at_once: int) -> Iterator[tuple[slice, int]]:
    """The windows of ``groups`` in order, at most ``at_once`` at a time, with their kind."""
    start = 0
    for count, kind in groups:
        for first in range(start, start + count, at_once):
            yield slice(first, min(first + at_once, start + count)), kind
        start += count


def _fused(qkv: Tensor, biases: Tensor, groups: Groups) -> Tensor:
    heads, width = biases.shape[1], qkv.shape[-1] // 3
    q, k, v = qkv.unflatten(-1, (3, heads, width // heads)).permute(2, 0, 3, 1, 4).unbind(0)
    biases = biases.to(q.dtype)
    with torch.autocast(qkv.device.type, enabled=False):
        parts = [
            F.scaled_dot_product_attention(q[part], k[part], v[part], attn_mask=biases[kind, None])
            for part, kind in steps(groups, len(qkv))
        ]
    return torch.cat(parts).transpose(1, 2).flatten(2)


class _OnCpu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, biases: Tensor, groups: Groups) -> Tensor:
        ctx.groups, heads, bits = groups, biases.shape[1], biases * LOG2_E
        out = qkv.new_empty(*qkv.shape[:2], qkv.shape[-1] // 3)
        for part, kind in steps(groups, WINDOWS_AT_ONCE):
            q, k, v = _by_head(qkv[part], 3, heads)
            weights, norm = _weights(q, k, bits[kind])
            out[part] = _by_token(torch.bmm(v, weights.transpose(1, 2)).mul_(norm), heads)
        ctx.save_for_backward(qkv, biases, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        qkv, biases, out = ctx.saved_tensors
        heads, width, bits = biases.shape[1], out.shape[-1], biases * LOG2_E
        grad_qkv, grad_biases = torch.empty_like(qkv), torch.zeros_like(biases)
        for part, kind in steps(ctx.groups, WINDOWS_AT_ONCE):
            q, k, v = _by_head(qkv[part], 3, heads)
            (o,) = _by_head(out[part], 1, heads)
            (g,) = _by_head(grad[part], 1, heads)
            weights, norm = _weights(q, k, bits[kind])
            g.mul_(norm)
            # The softmax's p (dp - Σ p dp), where p = weights · norm and the sum over keys is that of o · g over d.
            logits = torch.baddbmm((o * g).sum(1).neg_().unsqueeze(-1), g.transpose(1, 2), v).mul_(weights)
            grad_biases[kind] += logits.unflatten(0, (-1, heads)).sum(0)
            scale = q.shape[1] ** -0.5
            grad_q = torch.bmm(k, logits.transpose(1, 2)).mul_(scale)
            grad_k = torch.bmm(q, logits).mul_(scale)
            for i, x in enumerate((grad_q, grad_k, torch.bmm(g, weights))):
                grad_qkv[part, :, i * width : (i + 1) * width] = _by_token(x, heads)
        return grad_qkv, grad_biases, None


def _by_head(x: Tensor, parts: int, heads: int) -> Tensor:
    """m×T×(parts·heads·d) of any type to parts×(m·heads)×d×T in float32."""
    m, tokens, width = x.shape
    x = x.float().view(m, tokens, parts, width // parts).permute(2, 0, 3, 1)
    return x.contiguous().view(parts, m * heads, -1, tokens)


def _by_token(x: Tensor, heads: int) -> Tensor:
    """(m·heads)×d×T to m×T×(heads·d)."""
    return x.view(-1, heads * x.shape[1], x.shape[2]).transpose(1, 2).contiguous()


def _weights(q: Tensor, k: Tensor, bits: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (m·heads)×T×T of the keys (m·heads)×d×T for each query, and the factors that make them sum to one.

    Powers of two, which PyTorch computes three times faster than those of e, are taken without looking for the largest
    logit first; ``bits`` is the bias in these units. Where their sums show that this was not safe, the softmax does it.
    """
    logits = _logits(q, k, bits)
    weights = torch.exp2(logits, out=logits)
    sums = weights.sum(-1)
    low, high = sums.aminmax()
    if low > SAFE_LOW and high < SAFE_HIGH:
        return weights, sums.reciprocal_().unsqueeze(1)
    return torch.softmax(_logits(q, k, bits).div_(LOG2_E), -1), sums.new_ones(())


def _logits(q: Tensor, k: Tensor, bits: Tensor) -> Tensor:
    logits = torch.bmm(q.transpose(1, 2), k)
    by_window = logits.unflatten(0, (-1, len(bits)))
    torch.add(bits, by_window, alpha=LOG2_E * q.shape[1] ** -0.5, out=by_window)
    return logits
