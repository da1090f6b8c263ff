"""What authors' test scripts do to a fused image when they save it, where it differs from clamping."""

from __future__ import annotations

import torch
from torch import Tensor


def stretched(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """Each image of N×C×H×W stretched from its own minimum and maximum to [0, 1] (scipy.misc.imsave does it)."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low + epsilon)


def truncated(x: Tensor) -> Tensor:
    """An image in [0, 1] as a cast of 255·x to uint8 keeps it: rounded down to a multiple of 1/255."""
    return torch.floor(x * 255) / 255
