"""Sums over the whole image of grey values and of their products: exact, and enough for CC, SCD, MSE and SD."""

from __future__ import annotations

import cv2

from bench.metrics.local import double
from bench.metrics.metric import Plane
from tsdm_bench.torch_later import Tensor, torch


def mean(plane: Plane) -> Tensor:
    """Mean grey value per image."""
    return plane.once("mean", lambda: double(plane).flatten(1).mean(1))


def mean_product(plane: Plane, other: Plane) -> Tensor:
    """Mean over the pixels of the product of two planes, kept by ``plane``; the sum of integers is exact."""

    def compute() -> Tensor:
        return sum_of_products(plane.x, other.x) / plane.x[0].numel()

    return plane.once("mean square" if other is plane else ("mean product", other), compute)


def sum_of_squares(x: Tensor) -> Tensor:
    """Σ x² per image, in float64."""
    return sum_of_products(x, x)


def sum_of_products(x: Tensor, y: Tensor) -> Tensor:
    """Σ x y per image, in float64; exact for whole numbers, which maps in float32 hold."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        x, y = x.flatten(1).to(torch.float64), y.flatten(1).to(torch.float64)
        return torch.bmm(x[:, None], y[:, :, None]).flatten()
    # Grey values: OpenCV sums float32 in double precision, without a copy, and 2 x y = x² + y² − (x − y)².
    pairs = [(a.numpy(), b.numpy()) for a, b in zip(x.flatten(1), y.flatten(1), strict=True)]
    if x is y:
        sums = [cv2.norm(a, cv2.NORM_L2SQR) for a, _ in pairs]
    else:
        squares = [(cv2.norm(a, cv2.NORM_L2SQR), cv2.norm(b, cv2.NORM_L2SQR), a, b) for a, b in pairs]
        sums = [(first + second - cv2.norm(a, b, cv2.NORM_L2SQR)) / 2 for first, second, a, b in squares]
    return torch.tensor(sums, dtype=torch.float64).round()


def covariance(plane: Plane, other: Plane) -> Tensor:
    """Population covariance of two planes over the whole image; exactly 0 where one of them is flat."""
    return mean_product(plane, other) - mean(plane) * mean(other)


def variance(plane: Plane) -> Tensor:
    """Population variance over the whole image; exactly 0 for a flat image."""
    return covariance(plane, plane)


def squared_error(plane: Plane, other: Plane) -> Tensor:
    """Mean squared difference of two planes, on 0…255; exactly 0 for equal planes."""
    return mean_product(plane, plane) - 2 * mean_product(plane, other) + mean_product(other, other)
