"""A Swin block without gradients on a GPU: one Triton program a window, whose tokens stay in registers throughout.

Nothing of a block but its input and its output goes through the GPU's memory. Matrix products take 64 tokens at a time;
heads of 8 channels are filled up to 16, the least that the matrix units take, and 48 channels to 64, by zeros.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor, nn

from fusion.tsdm.kernels.layout import SHIFT, TOKENS, WINDOW
from fusion.tsdm.kernels.window import LOG2_E

CHANNELS, HEAD = 64, 16
"""Of a token and of a head, filled up."""
CHUNK = 32
"""Hidden units that are computed and used at once."""
WARPS = 4


class Packed(NamedTuple):
    """The weights of a block as the program reads them: matrices in the type of the products, the rest in float32."""

    norm1: Tensor  # 64
    norm1_bias: Tensor
    qkv: Tensor  # heads×3×64×16
    qkv_bias: Tensor  # heads×3×16
    bits: Tensor  # kinds×heads×64×64, biases of the logits in units of log 2
    proj: Tensor  # heads×16×64
    proj_bias: Tensor
    norm2: Tensor
    norm2_bias: Tensor
    fc1: Tensor  # 64×hidden
    fc1_bias: Tensor
    fc2: Tensor  # hidden×64
    fc2_bias: Tensor


_PACKED: WeakKeyDictionary[nn.Module, tuple[object, Packed]] = WeakKeyDictionary()


def apply_block(x: Tensor, block: nn.Module, shifted: bool, dtype: torch.dtype) -> None:
    """Apply ``block`` to the tokens N×H×W×C (float32, contiguous, H and W multiples of 8) in place.

    ``dtype`` is that of the operands of all products: bfloat16, or float32, which takes three TensorFloat32 products
    each and is as exact as one in float32.
    """
    count, height, width, channels = x.shape
    packed = packed_weights(block, shifted, dtype)
    windows = count * (height // WINDOW) * (width // WINDOW)
    _window[(windows,)](
        x, *packed, height, width,
        shift=SHIFT if shifted else 0, channels=channels, padded=CHANNELS, heads=packed.qkv.shape[0], head=HEAD,
        hidden=packed.fc1.shape[1], chunk=CHUNK, tokens=TOKENS, side=WINDOW, epsilon=block.norm1.eps,
        num_warps=WARPS,
    )  # fmt: skip


def packed_weights(block: nn.Module, shifted: bool, dtype: torch.dtype) -> Packed:
    """The weights of ``block``, packed again only when they have changed."""
    state = dtype, shifted, tuple((p.data_ptr(), 0 if p.is_inference() else p._version) for p in block.parameters())
    known, packed = _PACKED.get(block, (None, None))
    if known != state:
        packed = _pack(block, shifted, dtype)
        _PACKED[block] = state, packed
    return packed


@torch.no_grad()
def _pack(block: nn.Module, shifted: bool, dtype: torch.dtype) -> Packed:
    bits = block.attn.biases(shifted) * LOG2_E
    heads = bits.shape[1]
    channels = block.attn.qkv.in_features
    size = channels // heads
    scale = torch.ones(3, 1, 1, 1, device=bits.device)
    scale[0] = LOG2_E * size**-0.5
    qkv = (block.attn.qkv.weight.float().view(3, heads, size, channels) * scale).permute(1, 0, 3, 2)
    qkv_bias = (block.attn.qkv.bias.float().view(3, heads, size) * scale[..., 0]).permute(1, 0, 2)
    proj = block.attn.proj.weight.float().view(channels, heads, size).permute(1, 2, 0)
    return Packed(
        _filled(block.norm1.weight, CHANNELS),
        _filled(block.norm1.bias, CHANNELS),
        _filled(qkv, CHANNELS, HEAD).to(dtype),
        _filled(qkv_bias, HEAD),
        bits.to(dtype).contiguous(),
        _filled(proj, HEAD, CHANNELS).to(dtype),
        _filled(block.attn.proj.bias, CHANNELS),
        _filled(block.norm2.weight, CHANNELS),
        _filled(block.norm2.bias, CHANNELS),
        _filled(block.mlp.fc1.weight.t(), CHANNELS, None).to(dtype),
        block.mlp.fc1.bias.float().contiguous(),
        _filled(block.mlp.fc2.weight.t(), CHANNELS).to(dtype),
        _filled(block.mlp.fc2.bias, CHANNELS),
    )


def _filled(x: Tensor, *sizes: int | None) -> Tensor:
    """``x`` in float32, its last dimensions filled up to ``sizes`` by zeros."""
    missing = [0 if size is None else size - have for size, have in zip(sizes, x.shape[-len(sizes) :], strict=True)]
    return F.pad(x.float(), [n for each in reversed(missing) for n in (0, each)]).contiguous()


@triton.jit
def _normalised(x, weight, bias, channel, channels: tl.constexpr, epsilon: tl.constexpr):
    real = (channel < channels)[None, :]
    centred = tl.where(real, x - tl.sum(x, 1)[:, None] / channels, 0.0)
    variance = tl.sum(centred * centred, 1)[:, None] / channels
    return (
        centred * tl.rsqrt(variance + epsilon) * tl.load(weight + channel)[None, :] + tl.load(bias + channel)[None, :]
    )


@triton.jit
def _matrix(start, rows: tl.constexpr, columns: tl.constexpr, stride: tl.constexpr):
    return tl.load(start + tl.arange(0, rows)[:, None] * stride + tl.arange(0, columns)[None, :])


@triton.jit
def _window(
    image, norm1, norm1_bias, qkv, qkv_bias, bits, proj, proj_bias, norm2, norm2_bias, fc1, fc1_bias, fc2, fc2_bias,
    height, width, shift: tl.constexpr, channels: tl.constexpr, padded: tl.constexpr, heads: tl.constexpr,
    head: tl.constexpr, hidden: tl.constexpr, chunk: tl.constexpr, tokens: tl.constexpr, side: tl.constexpr,
    epsilon: tl.constexpr,
):  # fmt: skip
    window = tl.program_id(0)
    rows, columns = height // side, width // side
    row, column = window // columns % rows, window % columns
    sample = (window // (rows * columns)).to(tl.int64)
    token = tl.arange(0, tokens)
    channel = tl.arange(0, padded)
    i = (row * side + token // side + shift) % height
    j = (column * side + token % side + shift) % width
    places = image + ((sample * height + i) * width + j)[:, None] * channels + channel[None, :]
    real = (channel < channels)[None, :] & (token >= 0)[:, None]
    x = tl.load(places, mask=real, other=0.0)
    kind = 0
    if shift > 0:
        kind = 2 * (row == rows - 1).to(tl.int32) + (column == columns - 1).to(tl.int32)

    dtype: tl.constexpr = qkv.dtype.element_ty
    normal = _normalised(x, norm1, norm1_bias, channel, channels, epsilon).to(dtype)
    x += tl.load(proj_bias + channel)[None, :]
    of_head = tl.arange(0, head)
    for h in range(heads):
        matrices = qkv + 3 * h * padded * head
        q = tl.dot(normal, _matrix(matrices, padded, head, head), input_precision="tf32x3")
        k = tl.dot(normal, _matrix(matrices + padded * head, padded, head, head), input_precision="tf32x3")
        v = tl.dot(normal, _matrix(matrices + 2 * padded * head, padded, head, head), input_precision="tf32x3")
        bias = qkv_bias + 3 * h * head + of_head
        q = (q + tl.load(bias)[None, :]).to(dtype)
        k = (k + tl.load(bias + head)[None, :]).to(dtype)
        v = (v + tl.load(bias + 2 * head)[None, :]).to(dtype)
        logits = tl.dot(q, tl.trans(k), input_precision="tf32x3")
        logits += _matrix(bits + (kind * heads + h) * tokens * tokens, tokens, tokens, tokens)
        weights = tl.exp2(logits - tl.max(logits, 1)[:, None])
        seen = tl.dot(weights.to(dtype), v, input_precision="tf32x3") / tl.sum(weights, 1)[:, None]
        x += tl.dot(seen.to(dtype), _matrix(proj + h * head * padded, head, padded, padded), input_precision="tf32x3")

    normal = _normalised(x, norm2, norm2_bias, channel, channels, epsilon).to(dtype)
    x += tl.load(fc2_bias + channel)[None, :]
    unit = tl.arange(0, chunk)
    for first in range(0, hidden, chunk):
        inner = tl.dot(normal, _matrix(fc1 + first, padded, chunk, hidden), input_precision="tf32x3")
        inner += tl.load(fc1_bias + first + unit)[None, :]
        inner *= 0.5 * (1 + tl.erf(inner * 0.7071067811865476))
        x += tl.dot(inner.to(dtype), _matrix(fc2 + first * padded, chunk, padded, padded), input_precision="tf32x3")
    tl.store(places, x, mask=real)
