"""The student: a SwinIR body that fuses and restores degraded pairs in one pass (TSDM-Fusion, Section III-C).

Every operation of a Swin block acts inside one window or on one token. In training and on a GPU the whole RSTB works
on *tokens in window order*, an (N·H·W)×48 matrix in which 64 consecutive rows are one 8×8 window: moving from plain to
shifted windows is one row permutation. Without gradients on a CPU, :mod:`fusion.tsdm.kernels.block` takes each window
out of the image and puts it back instead.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusion.tsdm.kernels.block import SHIFT, TOKENS, WINDOW, apply_block
from fusion.tsdm.networks.attention import Groups, window_attention

DIM = 48
HEADS = 6
STAGES = 4
BLOCKS_PER_STAGE = 6
MLP_RATIO = 2
DROP_PATH = 0.1
MASKED = -100.0
"""Added to the logits between regions that only meet because the image was rolled (Swin, Section 3.2)."""

Permutation = tuple[Tensor, Tensor]
"""Of rows: ``x.index_select(0, there)`` moves them, ``index_select(0, back)`` moves them back."""


class WindowOrders(NamedTuple):
    """Row permutations between the raster order of N×H×W tokens and the two window orders, for one size.

    Shifted windows that share an attention mask are consecutive: ``shifted_groups`` holds (windows, kind) with kinds 0
    interior, 1 right edge, 2 bottom edge, 3 corner; all plain windows are of kind 0.
    """

    raster_to_plain: Permutation
    plain_to_shifted: Permutation
    shifted_to_raster: Permutation
    plain_groups: Groups
    shifted_groups: Groups


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def window_orders(batch: int, height: int, width: int, device: torch.device) -> WindowOrders:
    """The orders of a batch×height×width raster whose sides are multiples of the window."""
    rows, columns = height // WINDOW, width // WINDOW
    raster = torch.arange(batch * height * width, dtype=torch.int32, device=device).view(batch, height, width)

    def tiles(index: Tensor) -> Tensor:
        return index.view(batch, rows, WINDOW, columns, WINDOW).transpose(2, 3).reshape(batch, rows, columns, TOKENS)

    plain = tiles(raster).flatten()
    rolled = tiles(raster.roll((-SHIFT, -SHIFT), (1, 2)))
    parts = [rolled[:, :-1, :-1], rolled[:, :-1, -1:], rolled[:, -1:, :-1], rolled[:, -1:, -1:]]
    shifted = torch.cat([part.flatten() for part in parts])
    groups = tuple((part.numel() // TOKENS, kind) for kind, part in enumerate(parts) if part.numel())
    plain_inverse, shifted_inverse = _inverse(plain), _inverse(shifted)
    return WindowOrders(
        raster_to_plain=(plain, plain_inverse),
        plain_to_shifted=(plain_inverse[shifted], shifted_inverse[plain]),
        shifted_to_raster=(shifted_inverse, shifted),
        plain_groups=((batch * rows * columns, 0),),
        shifted_groups=groups,
    )


def _inverse(permutation: Tensor) -> Tensor:
    inverse = torch.empty_like(permutation)
    inverse[permutation.long()] = torch.arange(len(permutation), dtype=permutation.dtype, device=permutation.device)
    return inverse


class _Permute(torch.autograd.Function):
    """``index_select`` whose gradient is a gather too, not a sum into rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return x.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad.index_select(0, *ctx.saved_tensors), None, None


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

    def biases(self) -> Tensor:
        """4×6×64×64: what is added to the logits, by kind of window."""
        table = self.relative_position_bias_table
        bias = table[_relative_position_index(table.device)].permute(2, 0, 1).contiguous()
        return bias + _shift_masks(table.device)

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
        """N×H×W×48 to N×H×W×48; H and W are multiples of the window."""
        if x.device.type == "cpu" and not (self.training or torch.is_grad_enabled()):
            x = x.clone(memory_format=torch.contiguous_format)
            for i, block in enumerate(self.blocks):
                apply_block(x, block, shifted=i % 2 == 1)
            return x
        shape = x.shape
        orders = window_orders(*shape[:3], x.device)
        x = _Permute.apply(x.reshape(-1, DIM), *orders.raster_to_plain)
        for i, (block, drop) in enumerate(zip(self.blocks, self.drop_path, strict=True)):
            if i:
                x = _Permute.apply(x, *orders.plain_to_shifted[:: 1 if i % 2 else -1])
            groups = orders.shifted_groups if i % 2 else orders.plain_groups
            x = _run(block, x.view(-1, TOKENS, DIM), groups, drop, shape[0]).view(-1, DIM)
        return _Permute.apply(x, *orders.shifted_to_raster).view(shape)


def _run(block: SwinBlock, x: Tensor, groups: Groups, drop: float, batch: int) -> Tensor:
    """Apply ``block`` to all windows of ``x`` (M×64×48); within a group, sample follows sample."""
    biases = block.attn.biases()
    keep = None
    if block.training and drop:
        keep = torch.rand(2, batch, 1, 1, device=x.device).ge(drop).to(x.dtype) / (1 - drop)
        keep = torch.cat([keep.repeat_interleave(count // batch, dim=1) for count, _ in groups], dim=1)
    return block(x, biases, groups, keep)


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
