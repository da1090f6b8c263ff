"""What all classical methods share: a function of two grey images becomes a method on luma tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GreyFusion = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``core(ir, vis) -> fused``: float32 H×W in [0, 1]; the result may leave [0, 1] and the inputs are never written to.

The published code of these methods fuses each colour channel of the visible image with the infrared image; the
harness fuses the luma once and keeps Cb, Cr. Both protocols call the same core.
"""


def on_grey(core: GreyFusion, weights: dict[str, Path], device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """The ``load`` of a classical card, as ``partial(on_grey, core)``: a batch of pairs is fused one by one."""
    return partial(fuse_batch, core)


def fuse_batch(core: GreyFusion, ir: Tensor, luma: Tensor) -> Tensor:
    """Fuse ir and luma (both N×1×H×W) by ``core``; N×1×H×W on the device of ``ir``, clamped to [0, 1]."""
    pairs = zip(ir[:, 0].cpu().numpy(), luma[:, 0].cpu().numpy(), strict=True)
    fused = np.stack([np.clip(core(a, b), 0, 1, dtype=np.float32) for a, b in pairs])
    return torch.from_numpy(fused)[:, None].to(ir.device)
