"""Means, variances and covariances under a Gaussian window, shared by the windowed metrics."""

from __future__ import annotations

from typing import NamedTuple

from bench.metrics.kernels.filters import blur
from bench.metrics.metric import Plane
from tsdm_bench.torch_later import Tensor, torch


class Window(NamedTuple):
    """A ``size``×``size`` Gaussian of standard deviation ``sigma``, sum 1, used where it lies inside the image."""

    size: int
    sigma: float


def double(plane: Plane) -> Tensor:
    """The grey values in float64."""
    return plane.x.to(torch.float64)


def moments(window: Window, *planes: Plane) -> list[tuple[Tensor, Tensor]]:
    """Local mean and variance of each plane; the variance is exactly 0 where the window is flat."""

    def compute(plane: Plane) -> tuple[Tensor, Tensor]:
        mean = blur(plane.x, *window)
        return mean, central(plane.x * plane.x, mean, mean, window)  # exact squares in float32 too

    return [plane.once(("moments", window), lambda plane=plane: compute(plane)) for plane in planes]


def covariances(window: Window, fused: Plane, *sources: Plane) -> list[Tensor]:
    """Local covariance of ``fused`` with each source, remembered by ``fused``; exactly 0 where a window is flat."""

    def compute(source: Plane) -> Tensor:
        (mean, _), (source_mean, _) = moments(window, fused, source)
        return central(fused.x * source.x, mean, source_mean, window)

    return [fused.once(("covariance", window, source), lambda source=source: compute(source)) for source in sources]


def central(product: Tensor, mean: Tensor, other: Tensor, window: Window) -> Tensor:
    """Local covariance from a product and the two means, rounding noise set to 0."""
    return blur(product, *window, (mean, other))
