"""JPEG loss for a batch on any device: the lossy steps of the codec, without the lossless ones between them."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81, Annex K, tables K.1 and K.2: quantisation at quality 50, row by row.
LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMINANCE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)


def jpeg_batch(images: Tensor, quality: Tensor) -> Tensor:
    """Encode and decode N×3×H×W RGB, float32 holding whole levels 0…255, image n at ``quality[n]`` (1…100).

    Every step that loses something is done as libjpeg does it: whole-number YCbCr, chroma averaged 2×2, 8×8 DCT,
    division by the scaled tables and rounding, triangle interpolation of chroma, whole-number RGB. What differs is the
    arithmetic of the DCT (float here), so a few pixels differ from the real codec by a level or two. kornia's
    differentiable codec rounds softly and leaves out the steps between: up to 20 dB further from the real one.
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = padded.split(1, dim=1)
    luma = torch.round(0.299 * red + 0.587 * green + 0.114 * blue)
    blueness = _round_half_down(128 - 0.168735892 * red - 0.331264108 * green + 0.5 * blue)
    redness = _round_half_down(128 + 0.5 * red - 0.418687589 * green - 0.081312411 * blue)
    luma = _quantise(luma, _table(LUMINANCE, quality))
    table = _table(CHROMINANCE, quality)
    blueness, redness = (_enlarge(_quantise(_reduce(plane), table)) - 128 for plane in (blueness, redness))
    rgb = [luma + 1.402 * redness, luma - 0.344136286 * blueness - 0.714136286 * redness, luma + 1.772 * blueness]
    return torch.cat(rgb, dim=1).round().clamp(0, 255)[..., :height, :width]


def _table(text: str, quality: Tensor) -> Tensor:
    """The quantisation table of each quality (N×1×8×8), by the scaling rule of the Independent JPEG Group."""
    base = torch.tensor([float(word) for word in text.split()], device=quality.device).reshape(8, 8)
    quality = quality.reshape(-1, 1, 1, 1).float()
    percent = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)
    return torch.floor((base * percent + 50) / 100).clamp(1, 255)


@cache
def _cosines(device: torch.device) -> Tensor:
    """The orthonormal 8-point DCT as a matrix."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    matrix = torch.cos(math.pi * (2 * n + 1) * k / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(device)


def _quantise(plane: Tensor, table: Tensor) -> Tensor:
    """Round the DCT coefficients of N×1×H×W to the steps of ``table`` and transform back."""
    count, _, height, width = plane.shape
    cosines = _cosines(plane.device)
    blocks = (plane - 128).reshape(count, height // 8, 8, width // 8, 8).transpose(2, 3)
    step = table.reshape(count, 1, 1, 8, 8)
    eighths = torch.round(cosines @ blocks @ cosines.T * 8)  # the precision at which libjpeg's DCT ends
    coefficients = _round_half_away(eighths / (8 * step)) * step
    blocks = (cosines.T @ coefficients @ cosines).transpose(2, 3)
    return _round_half_up(blocks.reshape(count, 1, height, width) + 128).clamp(0, 255)


# Ties are common, in the chroma of nearly grey pixels and in the mean of a block. They are resolved as libjpeg does it,
# by a margin that is wider than the error of float32.


def _round_half_down(values: Tensor) -> Tensor:
    return torch.ceil(values - 0.5 - 1e-4)


def _round_half_up(values: Tensor) -> Tensor:
    return torch.floor(values + 0.5 + 1e-4)


def _round_half_away(values: Tensor) -> Tensor:
    return torch.trunc(values + torch.sign(values) * (0.5 + 1e-5))


def _reduce(plane: Tensor) -> Tensor:
    """Average 2×2; the half of a tie goes down and up in alternating columns, as in libjpeg."""
    bias = torch.tensor([1.0, 2.0], device=plane.device).repeat(plane.shape[-1] // 4)
    return torch.floor(F.avg_pool2d(plane, 2, divisor_override=1).add(bias) / 4)


def _enlarge(plane: Tensor) -> Tensor:
    """Double both sides with weights 3/4 and 1/4."""
    return _round_half_up(F.interpolate(plane, scale_factor=2, mode="bilinear", align_corners=False))
