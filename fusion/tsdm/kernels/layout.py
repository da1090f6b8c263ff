"""The order of tokens: windows of an image, plain and shifted, as rows of a matrix."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

WINDOW = 8
TOKENS = WINDOW * WINDOW
SHIFT = WINDOW // 2

Groups = tuple[tuple[int, int], ...]
"""((windows, kind), …): so many consecutive windows take the bias of this kind."""

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


class Permute(torch.autograd.Function):
    """``index_select`` whose gradient is a gather too, not a sum into rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor) -> Tensor:
        """Gather the rows ``there``; ``back`` is the inverse permutation."""
        ctx.save_for_backward(back)
        return x.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Gather the gradient back."""
        return grad.index_select(0, *ctx.saved_tensors), None, None
