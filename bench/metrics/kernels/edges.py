"""Edges as strength and direction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrics.kernels.filters import magnitude
from bench.metrics.kernels.strips import pixel_sums
from tsdm_bench.compiled import compiled_form, loop, over_rows
from tsdm_bench.torch_later import Tensor, torch

Edges = Sequence[Tensor]  # magnitude, angle

RIGHT_ANGLE = math.pi / 2
OBLIQUE, TERMS = math.tan(math.pi / 8), 20  # of the series of the arctangent up to there, to the last digit
STEEP = 1e300  # a slope whose angle is π/2
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # the first has few enough bits
LOWEST = -700.0  # an exponent whose power is nothing beside 1
ROUNDING = 1.5 * 2.0**52  # added to a number of moderate size, it leaves the nearest integer in the low bits
FACTORIALS = tuple(1 / math.factorial(k) for k in range(11, -1, -1))
SUMS = 8  # side by side, so that vector instructions can add


def plain_polar(along: Tensor, down: Tensor) -> Edges:
    """The definition, of which :func:`polar` tells."""
    return magnitude(along, down), (down.to(torch.float64) / -along).nan_to_num_(STEEP, STEEP, STEEP).atan_()


@compiled_form(of=plain_polar)
def polar(along: Tensor, down: Tensor) -> Edges:
    """Magnitude and angle in [−π/2, π/2] of a gradient N×1×H×W, float64; the angle is π/2 where ``along`` is 0.

    The angle is that of −``down``/``along``: the vertical axis points up. Compiled: 6.1 times as fast as the plain form
    on 1024×768 and one thread with AVX-512, 3.6 times with AVX2.
    """
    along, down = along.contiguous(), down.contiguous()
    strength, angle = (torch.empty_like(along, dtype=torch.float64) for _ in range(2))
    maps = (each.view(-1, each.shape[-1]) for each in (along, down, strength, angle))
    over_rows(_polar_rows, strength[..., 0].numel(), *maps)
    return strength, angle


@loop
def _polar_rows(first, last, along, down, strength, angle):
    """The arctangent by its series on |t| ≤ tan(π/8), which vector instructions can sum."""
    for row in range(first, last):
        for j in range(along.shape[1]):
            x, y = np.float64(along[row, j]), np.float64(down[row, j])
            strength[row, j] = math.sqrt(x * x + y * y)
            low, high = min(abs(x), abs(y)), max(abs(x), abs(y))
            oblique = low > OBLIQUE * high
            t = (low - high if oblique else low) / (low + high if oblique else high)
            square, series = t * t, 0.0
            for term in range(TERMS, -1, -1):
                series = 1 / (2 * term + 1) - square * series
            turn = t * series + (RIGHT_ANGLE / 2 if oblique else 0.0)
            turn = RIGHT_ANGLE - turn if abs(y) > abs(x) else turn
            angle[row, j] = RIGHT_ANGLE if x == 0 else (-turn if (x > 0) == (y > 0) else turn)


def plain_preserved_sums(ir: Edges, vis: Edges, fused: Edges) -> tuple[Tensor, Tensor]:
    """The definition, of which :func:`preserved_sums` tells."""

    def preserved(source: Edges, result: Edges) -> Tensor:
        low, high = torch.minimum(source[0], result[0]), torch.maximum(source[0], result[0])
        ratio = torch.where(low == high, high, low.div_(high))
        first = ratio.mul_(-15).add_(15 * 0.5).exp_().add_(1)
        second = (source[1] - result[1]).abs_().mul_(22 / RIGHT_ANGLE).add_(22 * (0.8 - 1)).exp_().add_(1)
        return (0.9994 * 0.9879) * source[0] / first.mul_(second)

    def terms(*maps: Tensor) -> tuple[Tensor, Tensor]:
        a, b, f = maps[0:2], maps[2:4], maps[4:6]
        return preserved(a, f).add_(preserved(b, f)), a[0] + b[0]

    kept, total = pixel_sums(terms, *ir, *vis, *fused)
    return kept, total


@compiled_form(of=plain_preserved_sums)
def preserved_sums(ir: Edges, vis: Edges, fused: Edges) -> tuple[Tensor, Tensor]:
    """Xydeas & Petrović 2000: the strength of the sources' edges times their Q^{XF}, summed, and the strength, summed.

    Maps N×1×H×W in float64; per image. In Q, the ratio of two strengths is the smaller over the larger one, and where
    they are equal the strength itself. Compiled: 3.7 times as fast as the plain form on
    1024×768 and one thread with AVX-512, 2.7 times with AVX2.
    """
    maps = [each.contiguous().view(-1, each.shape[-1]) for each in (*ir, *vis, *fused)]
    sums = torch.zeros((len(maps[0]), 2), dtype=torch.float64)
    over_rows(_preserved_rows, len(sums), *maps, sums)
    kept, total = sums.view(len(fused[0]), -1, 2).sum(1).T
    return kept, total


@loop
def _preserved_rows(first, last, ir, ir_angle, vis, vis_angle, fused, fused_angle, sums):
    width = fused.shape[1]
    kept, total = np.zeros(width + SUMS), np.zeros(width + SUMS)
    for row in range(first, last):
        kept[:], total[:] = 0.0, 0.0
        _add_preserved(ir[row], ir_angle[row], fused[row], fused_angle[row], kept)
        _add_preserved(vis[row], vis_angle[row], fused[row], fused_angle[row], kept)
        for j in range(width):
            total[j] = ir[row, j] + vis[row, j]
        sums[row, 0], sums[row, 1] = _sum(kept), _sum(total)


@loop
def _add_preserved(source, source_angle, result, result_angle, kept):
    for j in range(source.size):
        low, high = min(source[j], result[j]), max(source[j], result[j])
        ratio = high if low == high else low / high
        first = _exponential(15 * 0.5 - 15 * ratio) + 1
        second = _exponential(22 / RIGHT_ANGLE * abs(source_angle[j] - result_angle[j]) + 22 * (0.8 - 1)) + 1
        kept[j] += (0.9994 * 0.9879) * source[j] / (first * second)


@loop
def _exponential(x):
    """eˣ for x < 700 within 10⁻¹⁴; below -700 it is that of -700."""
    x = max(x, LOWEST)
    shifted = x * (1 / math.log(2)) + ROUNDING
    power = shifted - ROUNDING
    x = (x - power * LN2_HIGH) - power * LN2_LOW
    series = 0.0
    for coefficient in FACTORIALS:
        series = series * x + coefficient
    return series * np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)


@loop
def _sum(line):
    sums = np.zeros(SUMS)
    for j in range(0, line.size - SUMS + 1, SUMS):
        for k in range(SUMS):
            sums[k] += line[j + k]
    return sums.sum()
