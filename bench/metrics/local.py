"""Means, variances and covariances under a Gaussian window, shared by the windowed metrics."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bench.metrics.filters import blur
from bench.metrics.metric import Plane

ROUNDING = 1e-9  # well above the rounding error of E[x²] − E[x]² on 0…255, well below any variance of integers


class Window(NamedTuple):
    """A ``size``×``size`` Gaussian of standard deviation ``sigma``, sum 1, used where it lies inside the image."""

    size: int
    sigma: float


def double(plane: Plane) -> Tensor:
    """The grey values in float64."""
    return plane.x.to(torch.float64)


def moments(window: Window, *planes: Plane) -> list[tuple[Tensor, Tensor]]:
    """Local mean and variance of each plane; the variance is exactly 0 where the window is flat."""
    missing = [plane for plane in planes if ("moments", window) not in plane.memo]
    if missing:
        values = [plane.x for plane in missing]
        blurred = blur([*values, *(x * x for x in values)], *window)  # exact squares in float32 too
        for plane, mean, square in zip(missing, blurred, blurred[len(missing) :], strict=False):
            plane.memo["moments", window] = mean, clean(square.addcmul_(mean, mean, value=-1))
    return [plane.memo["moments", window] for plane in planes]


def covariances(window: Window, fused: Plane, *sources: Plane) -> list[Tensor]:
    """Local covariance of ``fused`` with each source, remembered by ``fused``; exactly 0 where a window is flat."""
    missing = [source for source in sources if ("covariance", window, source) not in fused.memo]
    if missing:
        blurred = blur([fused.x * source.x for source in missing], *window)
        (mean, _), *means = moments(window, fused, *missing)
        for source, product, (source_mean, _) in zip(missing, blurred, means, strict=True):
            fused.memo["covariance", window, source] = clean(product.addcmul_(mean, source_mean, value=-1))
    return [fused.memo["covariance", window, source] for source in sources]


def clean(x: Tensor) -> Tensor:
    """``x`` with rounding noise set to 0."""
    return functional.hardshrink(x, ROUNDING)
