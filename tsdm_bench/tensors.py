"""Between 8-bit images and tensors: N×1×H×W or N×3×H×W RGB, uint8 levels or float32 in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch

from tsdm_bench.device import to_device


def as_batch(*images: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
    """H×W or H×W×3 uint8 images of one size as an N×1×H×W or N×3×H×W uint8 tensor on ``device``.

    >>> as_batch(np.zeros((12, 20, 3), np.uint8)).shape
    torch.Size([1, 3, 12, 20])
    """
    levels = [torch.from_numpy(image).reshape(1, *image.shape[:2], -1) for image in images]
    batch = levels[0] if len(levels) == 1 else torch.cat(levels)
    return to_device(batch, device).permute(0, 3, 1, 2).contiguous()


def as_float(levels: torch.Tensor) -> torch.Tensor:
    """8-bit levels as float32 in [0, 1], the form in which images go from room to room.

    >>> as_float(torch.tensor([255], dtype=torch.uint8))
    tensor([1.])
    """
    return levels.float() / 255


def to_levels(fused: torch.Tensor) -> torch.Tensor:
    """The 8-bit images that would be saved, N×3×H×W uint8, of N×3×H×W results in [0, 1].

    Raises ``ValueError`` where one holds values that are not finite.
    """
    if not torch.isfinite(fused).all():
        raise ValueError("the fused image holds values that are not finite; check the method and its weights")
    return (fused * 255).round().to(torch.uint8)


def as_pixels(levels: torch.Tensor) -> np.ndarray:
    """The image of a 3×H×W uint8 tensor, on whatever device, as an H×W×3 uint8 array."""
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()


def quantise(fused: torch.Tensor) -> np.ndarray:
    """The 8-bit image that would be saved, H×W×3 uint8 RGB, of a 1×3×H×W result in [0, 1].

    >>> quantise(torch.full((1, 3, 1, 1), 0.5)).tolist()
    [[[128, 128, 128]]]
    """
    return as_pixels(to_levels(fused)[0])
