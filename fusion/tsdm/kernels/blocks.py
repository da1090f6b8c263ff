"""The Swin blocks of a residual group, one after the other, on plain and shifted windows by turns."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fusion.tsdm.kernels.layout import SHIFT, TOKENS, WINDOW, Permute, WindowOrders, window_orders
from fusion.tsdm.kernels.product import PAIRS, pairs
from fusion.tsdm.kernels.window import LOG2_E, Weights, apply_windows
from tsdm_bench.compiled import compiled_form, over_rows


def plain_swin_blocks(x: Tensor, blocks: nn.ModuleList, drop_path: list[float]) -> Tensor:
    """The definition, of which :func:`swin_blocks` tells, and the form of training, with stochastic depth.

    The whole group works on *tokens in window order*, an (N·H·W)×C matrix in which 64 consecutive rows are one 8×8
    window: moving from plain to shifted windows is one row permutation.
    """
    shape = x.shape
    orders = window_orders(*shape[:3], x.device)
    x = Permute.apply(x.reshape(-1, shape[-1]), *orders.raster_to_plain)
    for i, (block, drop) in enumerate(zip(blocks, drop_path, strict=True)):
        if i:
            x = Permute.apply(x, *orders.plain_to_shifted[:: 1 if i % 2 else -1])
        x = _run(block, x.view(-1, TOKENS, shape[-1]), orders, i % 2 == 1, drop, shape[0]).view(-1, shape[-1])
    back = orders.raster_to_plain[::-1] if len(blocks) % 2 else orders.shifted_to_raster
    return Permute.apply(x, *back).view(shape)


def _run(block: nn.Module, x: Tensor, orders: WindowOrders, shifted: bool, drop: float, batch: int) -> Tensor:
    """Apply ``block`` to all windows of ``x`` (M×64×C); within a group, sample follows sample."""
    groups = orders.shifted_groups if shifted else orders.plain_groups
    keep = None
    if block.training and drop:
        keep = torch.rand(2, batch, 1, 1, device=x.device).ge(drop).to(x.dtype) / (1 - drop)
        keep = torch.cat([keep.repeat_interleave(count // batch, dim=1) for count, _ in groups], dim=1)
    return block(x, block.attn.biases(shifted), groups, keep)


@compiled_form(of=plain_swin_blocks)
def swin_blocks(x: Tensor, blocks: nn.ModuleList, drop_path: list[float]) -> Tensor:
    """Tokens N×H×W×C (H, W multiples of 8) after all ``blocks``; float32.

    ``drop_path`` holds the rates of stochastic depth, which the blocks heed in training only. Compiled, the windows
    are taken out of the image and put back one by one: 4.1 times as fast as the plain form on 768×1024 and one thread
    with AVX-512, 3.9 times with AVX2 (2.7 and 1.9 times on 128×256, which fits into the cache either way).

    Under bfloat16 autocast the compiled form rounds the operands of the linear layers where the processor multiplies
    pairs of such numbers; elsewhere it stays in float32. The student is 1.3 times as fast so.
    """
    x = x.float().clone(memory_format=torch.contiguous_format)
    bfloat16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    windows = x.shape[0] * (x.shape[1] // WINDOW) * (x.shape[2] // WINDOW)
    for i, block in enumerate(blocks):
        shifted = i % 2 == 1
        bits = block.attn.biases(shifted).detach().transpose(-1, -2) * LOG2_E
        weights = _weights(block, paired=bfloat16 and PAIRS)
        over_rows(apply_windows, windows, x, weights, bits.contiguous(), SHIFT if shifted else 0)
    return x


@swin_blocks.gpu_form
def swin_blocks_on_gpu(x: Tensor, blocks: nn.ModuleList, drop_path: list[float]) -> Tensor:
    """As :func:`swin_blocks`, by one Triton program a window, with products in the type of autocast, or in float32."""
    from fusion.tsdm.kernels.window_gpu import apply_block  # Triton comes with torch for GPUs alone

    x = x.float().clone(memory_format=torch.contiguous_format)
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else torch.float32
    with torch.cuda.device(x.device):
        for i, block in enumerate(blocks):
            apply_block(x, block, i % 2 == 1, dtype)
    return x


def _weights(block: nn.Module, paired: bool) -> Weights:
    width, heads = block.attn.qkv.in_features, block.attn.relative_position_bias_table.shape[1]
    scale = np.ones(3 * width, np.float32)
    scale[:width] = LOG2_E * (width // heads) ** -0.5
    arrays = []
    for layer in (block.norm1, block.attn.qkv, block.attn.proj, block.norm2, block.mlp.fc1, block.mlp.fc2):
        weight, bias = (parameter.detach().float().numpy() for parameter in (layer.weight, layer.bias))
        if layer is block.attn.qkv:
            weight, bias = weight * scale[:, None], bias * scale
        arrays += [pairs(weight) if paired and weight.ndim == 2 else weight, bias]
    return Weights(*arrays)
