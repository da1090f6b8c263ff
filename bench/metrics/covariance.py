"""Sums over the whole image of grey values and of their products: exact, and enough for CC, SCD, MSE and SD."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.metrics.local import double
from bench.metrics.metric import Plane


def mean(plane: Plane) -> Tensor:
    """Mean grey value per image."""
    return plane.once("mean", lambda: double(plane).flatten(1).mean(1))


def mean_product(plane: Plane, other: Plane) -> Tensor:
    """Mean over the pixels of the product of two planes, kept by ``plane``; the sum of integers is exact."""

    def compute() -> Tensor:
        first, second = double(plane).flatten(1), double(other).flatten(1)
        return torch.bmm(first[:, None], second[:, :, None]).flatten() / first.shape[1]

    return plane.once("mean square" if other is plane else ("mean product", other), compute)


def sum_of_squares(x: Tensor) -> Tensor:
    """Σ x² per image, in float64."""
    x = x.flatten(1).to(torch.float64)
    return torch.bmm(x[:, None], x[:, :, None]).flatten()


def covariance(plane: Plane, other: Plane) -> Tensor:
    """Population covariance of two planes over the whole image; exactly 0 where one of them is flat."""
    return mean_product(plane, other) - mean(plane) * mean(other)


def variance(plane: Plane) -> Tensor:
    """Population variance over the whole image; exactly 0 for a flat image."""
    return covariance(plane, plane)


def squared_error(plane: Plane, other: Plane) -> Tensor:
    """Mean squared difference of two planes, on 0…255; exactly 0 for equal planes."""
    return mean_product(plane, plane) - 2 * mean_product(plane, other) + mean_product(other, other)
