"""The student: a SwinIR body that fuses and restores degraded pairs in one pass (TSDM-Fusion, Section III-C).

Every operation of a Swin block acts inside one window or on one token: :mod:`fusion.tsdm.kernels.blocks` runs them.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusion.tsdm.kernels.blocks import swin_blocks
from fusion.tsdm.kernels.layout import SHIFT, TOKENS, WINDOW, Groups
from fusion.tsdm.networks.attention import window_attention

DIM = 48
HEADS = 6
STAGES = 4
BLOCKS_PER_STAGE = 6
MLP_RATIO = 2
DROP_PATH = 0.1
MASKED = -100.0
"""Added to the logits between regions that only meet because the image was rolled (Swin, Section 3.2)."""


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _relative_position_index(device: torch.device) -> Tensor:
    """64×64 row of the bias table for (query, key): (Δy + 7)·15 + Δx + 7 (Swin, Equation 4)."""
    axis = torch.arange(WINDOW, device=device)
    y, x = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing="ij"))
    difference = [side[:, None] - side[None, :] + WINDOW - 1 for side in (y, x)]
    return difference[0] * (2 * WINDOW - 1) + difference[1]


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _shift_masks(device: torch.device) -> Tensor:
    """4×1×64×64: 0 where query and key belong to one region of the unrolled image, else -100, by kind of window."""
    axis = torch.arange(TOKENS, device=device)
    below, right = (axis // WINDOW) >= WINDOW - SHIFT, (axis % WINDOW) >= WINDOW - SHIFT
    split = [torch.zeros_like(below, dtype=torch.long), right.long(), below.long(), 2 * below + right]
    return torch.stack([(region[:, None] != region[None, :]) * MASKED for region in split])[:, None]


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows: M×64×48 to M×64×48."""

    def __init__(self) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, HEADS))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.proj = nn.Linear(DIM, DIM)

    def biases(self, shifted: bool) -> Tensor:
        """K×6×64×64: what is added to the logits, by kind of window; K is 4 for shifted windows, else 1."""
        table = self.relative_position_bias_table
        index = _relative_position_index(table.device)
        bias = table.t().index_select(1, index.flatten()).view(1, HEADS, TOKENS, TOKENS)
        return bias + _shift_masks(table.device) if shifted else bias

    def forward(self, x: Tensor, biases: Tensor, groups: Groups) -> Tensor:
        """``biases`` are those of :meth:`biases`; ``groups`` says how many windows of each kind follow one another."""
        return self.proj(window_attention(self.qkv(x), biases, groups))


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them, on tokens …×48."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(DIM, MLP_RATIO * DIM)
        self.fc2 = nn.Linear(MLP_RATIO * DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens …×48 to …×48."""
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x)), on windows M×64×48 of the kinds that ``groups`` names."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(DIM)
        self.attn = WindowAttention()
        self.norm2 = nn.LayerNorm(DIM)
        self.mlp = Mlp()

    def forward(self, x: Tensor, biases: Tensor, groups: Groups, keep: Tensor | None = None) -> Tensor:
        """``keep`` (2×M×1×1) scales the two branches by 0 or 1/(1-p): the stochastic depth of training."""
        attention = self.attn(self.norm1(x), biases, groups)
        x = x + (attention if keep is None else attention * keep[0])
        mlp = self.mlp(self.norm2(x))
        return x + (mlp if keep is None else mlp * keep[1])


class ResidualGroup(nn.Module):
    """Swin blocks on plain and shifted windows by turns; N×H×W×48 to N×H×W×48."""

    def __init__(self, drop_path: list[float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SwinBlock() for _ in drop_path)
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """N×H×W×48 to N×H×W×48; H and W are multiples of the window. The compiled form knows no stochastic depth."""
        run = swin_blocks.plain if self.training else swin_blocks
        return run(x, self.blocks, self.drop_path)


class Rstb(nn.Module):
    """Residual Swin transformer block: x + conv(blocks(x)), on N×48×H×W (SwinIR, Section 3.1)."""

    def __init__(self, drop_path: list[float]) -> None:
        super().__init__()
        self.residual_group = ResidualGroup(drop_path)
        self.conv = nn.Conv2d(DIM, DIM, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """N×48×H×W to N×48×H×W."""
        return x + self.conv(self.residual_group(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


class PatchEmbed(nn.Module):
    """The LayerNorm at the entrance of the body (SwinIR calls it so; there are no patches here)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(DIM)


class Student(nn.Module):
    """``student(ir, vis) -> fused``: N×1×H×W and N×3×H×W RGB in [0, 1] to N×3×H×W RGB, not clamped.

    H and W are multiples of 8 (``ValueError`` otherwise; :func:`fusion.tsdm.inference.pad_to_windows` pads). 634,707
    parameters. State-dict keys are those of the authors' release less the buffers that follow from the size alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_first_ir = nn.Conv2d(1, DIM, 1)
        self.conv_first_vi = nn.Conv2d(3, DIM, 1)
        # The release never uses this layer; it is here so that its checkpoints load and ours load there.
        self.conv_first = nn.Conv2d(DIM, DIM, 3, padding=1).requires_grad_(False)
        self.patch_embed = PatchEmbed()
        rates = torch.linspace(0, DROP_PATH, STAGES * BLOCKS_PER_STAGE).view(STAGES, -1).tolist()
        self.layers = nn.ModuleList(Rstb(rate) for rate in rates)
        self.norm = nn.LayerNorm(DIM)
        self.conv_after_body = nn.Conv2d(DIM, DIM, 3, padding=1)
        self.conv_last = nn.Sequential(nn.Conv2d(DIM, DIM, 3, padding=1), nn.Conv2d(DIM, 3, 3, padding=1))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fused N×3×H×W RGB of N×1×H×W and N×3×H×W in [0, 1], not clamped."""
        if ir.shape[-2] % WINDOW or ir.shape[-1] % WINDOW:
            raise ValueError(f"the student takes sides that are multiples of {WINDOW}, got {tuple(ir.shape[-2:])}")
        shallow = (self.conv_first_ir(ir) + self.conv_first_vi(vis)).contiguous(memory_format=torch.channels_last)
        # In bfloat16 the gradients of the normalisation layers, sums over all tokens, would stop growing early.
        shallow = shallow.float()
        x = _layer_norm(self.patch_embed.norm, shallow)
        for layer in self.layers:
            x = layer(x)
        x = self.conv_after_body(_layer_norm(self.norm, x)) + shallow
        return self.conv_last(x)


def _layer_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """Normalise the channels of N×C×H×W, which lie together in memory (channels last)."""
    return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
