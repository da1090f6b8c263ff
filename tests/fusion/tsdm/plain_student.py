"""The student written plainly, after the equations of Swin and SwinIR: the oracle of the fast one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def plain_student(state: State, ir: Tensor, vis: Tensor) -> Tensor:
    """N×1×H×W and N×3×H×W to N×3×H×W; sides are multiples of 8; no stochastic depth."""
    shallow = conv(state, "conv_first_ir", ir) + conv(state, "conv_first_vi", vis)
    x = layer_norm(state, "patch_embed.norm", shallow.permute(0, 2, 3, 1))
    for stage in range(4):
        skip = x
        for block in range(6):
            x = swin_block(state, f"layers.{stage}.residual_group.blocks.{block}", x, shift=4 * (block % 2))
        x = skip + conv(state, f"layers.{stage}.conv", x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    x = layer_norm(state, "norm", x).permute(0, 3, 1, 2)
    return conv(state, "conv_last.1", conv(state, "conv_last.0", conv(state, "conv_after_body", x) + shallow))


def swin_block(state: State, key: str, x: Tensor, shift: int) -> Tensor:
    n, height, width, dim = x.shape
    rolled = torch.roll(layer_norm(state, f"{key}.norm1", x), (-shift, -shift), (1, 2))
    windows = rolled.view(n, height // 8, 8, width // 8, 8, dim).permute(0, 1, 3, 2, 4, 5).reshape(-1, 64, dim)
    mask = region_mask(height, width).repeat(n, 1, 1) if shift else None
    windows = attention(state, f"{key}.attn", windows, mask)
    rolled = windows.view(n, height // 8, width // 8, 8, 8, dim).permute(0, 1, 3, 2, 4, 5).reshape(x.shape)
    x = x + torch.roll(rolled, (shift, shift), (1, 2))
    hidden = F.gelu(linear(state, f"{key}.mlp.fc1", layer_norm(state, f"{key}.norm2", x)))
    return x + linear(state, f"{key}.mlp.fc2", hidden)


def attention(state: State, key: str, x: Tensor, mask: Tensor | None) -> Tensor:
    count, tokens, dim = x.shape
    q, k, v = linear(state, f"{key}.qkv", x).view(count, tokens, 3, 6, dim // 6).permute(2, 0, 3, 1, 4)
    logits = (q * (dim // 6) ** -0.5) @ k.transpose(-2, -1)
    logits = logits + state[f"{key}.relative_position_bias_table"][relative_position_index()].permute(2, 0, 1)
    if mask is not None:
        logits = logits + mask[:, None]
    return linear(state, f"{key}.proj", (logits.softmax(-1) @ v).transpose(1, 2).reshape(count, tokens, dim))


def relative_position_index() -> Tensor:
    """Row of the bias table for each pair of positions, by the definition: one step of 15 per row, one per column."""
    positions = [(y, x) for y in range(8) for x in range(8)]
    return torch.tensor([[(yq - yk + 7) * 15 + (xq - xk + 7) for yk, xk in positions] for yq, xq in positions])


def region_mask(height: int, width: int) -> Tensor:
    """windows×64×64: -100 between pixels whose regions were not neighbours before the roll."""
    region = torch.zeros(height, width)
    for i, rows in enumerate((slice(0, -8), slice(-8, -4), slice(-4, None))):
        for j, columns in enumerate((slice(0, -8), slice(-8, -4), slice(-4, None))):
            region[rows, columns] = 3 * i + j
    region = region.view(height // 8, 8, width // 8, 8).permute(0, 2, 1, 3).reshape(-1, 64)
    return (region[:, :, None] != region[:, None, :]) * -100.0


def layer_norm(state: State, key: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f"{key}.weight"], state[f"{key}.bias"])


def linear(state: State, key: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{key}.weight"], state[f"{key}.bias"])


def conv(state: State, key: str, x: Tensor) -> Tensor:
    weight = state[f"{key}.weight"]
    return F.conv2d(x, weight, state[f"{key}.bias"], padding=weight.shape[-1] // 2)
