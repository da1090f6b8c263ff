"""Blur kernels and the convolution that applies them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

NEGLIGIBLE = 1e-8
"""A kernel that differs by less from the product of a row and a column is applied as such, in two passes."""
DIRECT = 130
"""Taps from which OpenCV would filter by a Fourier transform. Below about twice that many, two halves are faster."""


def gaussian_kernel(size: int, sigma: float) -> np.ndarray:
    """Isotropic Gaussian, ``size``×``size`` (odd), standard deviation ``sigma`` px, sum 1."""
    return anisotropic_kernel(size, 0.0, sigma**2, sigma**2)


def anisotropic_kernel(size: int, angle: float, variance_1: float, variance_2: float) -> np.ndarray:
    """Gaussian with variances (px²) along the direction ``angle`` (radians, x towards y) and across it, sum 1.

    Covariance V diag(l₁, l₂) V⁻¹ with V = [[cos, sin], [sin, −cos]]. A variance near zero means no blur in that
    direction: it is kept at the smallest value that the kernel can express.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    axis = np.arange(size) - size // 2
    x, y = np.meshgrid(axis, axis)
    along, across = cos * x + sin * y, sin * x - cos * y
    tiny = 1e-4  # exp(-1 / (2 tiny)) = 0: a delta on the pixel grid
    exponent = -0.5 * (along**2 / max(variance_1, tiny) + across**2 / max(variance_2, tiny))
    kernel = np.exp(exponent)
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """Uniform motion over ``length`` px in the direction ``angle`` (radians), sum 1, drawn with bilinear weights."""
    half = length / 2
    radius = math.ceil(half) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    offsets = np.linspace(-half, half, 8 * radius + 1)
    x, y = offsets * math.cos(angle) + radius, offsets * math.sin(angle) + radius
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = x - left, y - top
    for dx, weight_x in ((0, 1 - right), (1, right)):
        for dy, weight_y in ((0, 1 - bottom), (1, bottom)):
            np.add.at(kernel, (top + dy, left + dx), weight_x * weight_y)
    return kernel / kernel.sum()


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve every channel of float32 H×W×C with a point-symmetric ``kernel``, K×K (odd), sum 1; mirrored border.

    The mirror does not repeat the edge (``gfedcb|abcdefgh|gfedcba``). The result is kept in [0, 1].
    """
    row, column = kernel.sum(axis=0), kernel.sum(axis=1)
    if np.abs(np.outer(column, row) - kernel).max() < NEGLIGIBLE:
        result = cv2.sepFilter2D(image, -1, row, column, borderType=cv2.BORDER_REFLECT_101)
    else:
        result = _filtered(image, kernel)
    return np.clip(result, 0, 1, out=result).reshape(image.shape)


def _filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    size, middle = len(kernel), len(kernel) // 2
    options: dict[str, Any] = {"borderType": cv2.BORDER_REFLECT_101}
    if not (kernel.size >= DIRECT > (middle + 1) * size):
        return cv2.filter2D(image, -1, kernel, **options)
    upper, lower = kernel[: middle + 1], kernel[middle:].copy()
    lower[0] = 0  # the middle row is in the upper half
    result = cv2.filter2D(image, -1, upper, anchor=(middle, middle), **options)
    return cv2.add(result, cv2.filter2D(image, -1, lower, anchor=(middle, 0), **options), dst=result)
