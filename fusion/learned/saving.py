"""What authors' test scripts do to a fused image when they save it, where it differs from clamping."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import torch
from torch import Tensor

Load = Callable[[dict[str, Path], torch.device], Callable[..., Tensor]]
"""A card's ``load``: weight files and device to ``fuse(ir, y)``."""


def stretched(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """Each image of N×C×H×W stretched from its own minimum and maximum to [0, 1] (scipy.misc.imsave does it)."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low + epsilon)


def truncated(x: Tensor) -> Tensor:
    """An image in [0, 1] as a cast of 255·x to uint8 keeps it: rounded down to a multiple of 1/255."""
    return torch.floor(x * 255) / 255


def saved_by(load: Load, *steps: Callable[[Tensor], Tensor]) -> Load:
    """``load`` of the variant whose fused image goes through ``steps``, as the authors' script saves it.

    >>> load = saved_by(lambda weights, device: lambda ir, y: (ir + y) / 4, stretched)
    >>> fuse = load({}, torch.device("cpu"))
    >>> fuse(torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[0.0, 1.0]]]])).tolist()
    [[[[0.0, 1.0]]]]
    """

    def load_variant(weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
        fuse = load(weights, device)
        return lambda ir, y: reduce(lambda image, step: step(image), steps, fuse(ir, y))

    return load_variant
