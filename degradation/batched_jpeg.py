"""JPEG loss for a batch on any device: what the codec loses, pixel for pixel, without the lossless steps between.

Every step is the integer arithmetic of libjpeg (its accurate DCT), written as products and rounding shifts of whole
numbers, which float64 holds exactly. The result is therefore that of the real codec, on every device.
"""

from __future__ import annotations

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
HALF_COSINES = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
"""√8 times the 8-point DCT in units of 2⁻¹³, as the rounded constants of libjpeg's factored form add up; columns 4 to 7
mirror columns 3 to 0, with the opposite sign in odd rows."""
FROM_RGB = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
"""Y, Cb − 128 and Cr − 128 in units of 2⁻¹⁶."""


def jpeg_batch(images: Tensor, quality: Tensor) -> Tensor:
    """Encode and decode N×3×H×W RGB, float32 holding whole levels 0…255, image n at ``quality[n]`` (1…100).

    What libjpeg gives with colour subsampled 4:2:0: byte for byte :func:`degradation.jpeg.jpeg`. (kornia's
    differentiable codec rounds softly and leaves out steps: it is 41 to 54 dB from the real one.)
    """
    height, width = images.shape[-2:]
    luma, blueness, redness = _from_rgb(_extended(images.double(), 2, 16))
    luma = _quantise(luma, _table(LUMINANCE, quality))[..., :height, :width]
    table = _table(CHROMINANCE, quality)
    rows, columns = -(-height // 2), -(-width // 2)
    blueness, redness = (
        _enlarge(_quantise(_reduce(plane), table)[..., :rows, :columns])[..., :height, :width] - 128
        for plane in (blueness, redness)
    )
    green = _shift(-22554 * blueness - 46802 * redness, 16)
    rgb = [luma + _shift(91881 * redness, 16), luma + green, luma + _shift(116130 * blueness, 16)]
    return torch.cat(rgb, dim=1).clamp(0, 255).float()


def _shift(values: Tensor, bits: int, half: int | None = None) -> Tensor:
    """Whole numbers divided by 2^``bits`` and rounded: halves go up, or down where ``half`` is one less."""
    return torch.floor((values + (1 << bits - 1 if half is None else half)) / (1 << bits))


def _extended(images: Tensor, rows: int, columns: int) -> Tensor:
    """N×C×H×W with the last row and column repeated up to multiples of ``rows`` and ``columns``."""
    return F.pad(images, (0, -images.shape[-1] % columns, 0, -images.shape[-2] % rows), mode="replicate")


def _from_rgb(images: Tensor) -> tuple[Tensor, ...]:
    """Luma and the two colour differences, N×1×H×W whole numbers 0…255; halves of the differences go down."""
    weights = torch.tensor(FROM_RGB, dtype=torch.float64, device=images.device)
    y, cb, cr = torch.einsum("kc,nchw->nkhw", weights, images).split(1, dim=1)
    return _shift(y, 16), _shift(cb, 16, (1 << 15) - 1) + 128, _shift(cr, 16, (1 << 15) - 1) + 128


def _table(text: str, quality: Tensor) -> Tensor:
    """The quantisation table of each quality (N×1×1×1×8×8), by the scaling rule of the Independent JPEG Group."""
    base = torch.tensor([float(word) for word in text.split()], dtype=torch.float64, device=quality.device)
    quality = quality.reshape(-1, 1, 1, 1, 1, 1).double()
    percent = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)
    return torch.floor((base.reshape(8, 8) * percent + 50) / 100).clamp(1, 255)


@cache
def _cosines(device: torch.device) -> Tensor:
    half = torch.tensor(HALF_COSINES, dtype=torch.float64)
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(4)[:, None]
    return torch.cat([half, sign * half.flip(1)], dim=1).to(device)


def _quantise(plane: Tensor, table: Tensor) -> Tensor:
    """Round the DCT coefficients of N×1×H×W to the steps of ``table`` and transform back, 0…255, in whole blocks."""
    cosines = _cosines(plane.device)
    plane = _extended(plane, 8, 8)
    blocks = (plane - 128).reshape(len(plane), 1, plane.shape[2] // 8, 8, -1, 8).transpose(3, 4)
    rows = _shift(blocks @ cosines.T, 11)
    eighths = _shift(cosines @ rows, 15)
    steps = torch.floor((eighths.abs() + 4 * table) / (8 * table)) * eighths.sign()
    columns = _shift(cosines.T @ (steps * table), 11)
    blocks = _shift(columns @ cosines, 18)
    return (blocks.transpose(3, 4).reshape(plane.shape) + 128).clamp(0, 255)


def _reduce(plane: Tensor) -> Tensor:
    """Average 2×2; the half of a tie goes down and up in alternating columns."""
    bias = torch.tensor([1.0, 2.0], dtype=torch.float64, device=plane.device).repeat(plane.shape[-1] // 4)
    return torch.floor((F.avg_pool2d(plane, 2, divisor_override=1) + bias) / 4)


def _enlarge(plane: Tensor) -> Tensor:
    """Double both sides with weights 3/4 and 1/4, ties go down in odd columns; one or two columns are repeated."""
    if plane.shape[-1] <= 2:
        return plane.repeat_interleave(2, -2).repeat_interleave(2, -1)
    rows = F.pad(plane, (0, 0, 1, 1), mode="replicate")
    near = 3 * plane
    sums = torch.stack([near + rows[..., :-2, :], near + rows[..., 2:, :]], dim=-2).flatten(-3, -2)
    columns = F.pad(sums, (1, 1, 0, 0), mode="replicate")
    left, right = 3 * sums + columns[..., :-2], 3 * sums + columns[..., 2:]
    return torch.stack([_shift(left, 4), _shift(right, 4, 7)], dim=-1).flatten(-2)
