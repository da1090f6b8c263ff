"""Blur kernels and the convolution that applies them."""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from degradation.kernels.vectors import (
    GROUP,
    INDEX,
    LANES,
    VECTOR,
    aligned,
    compiled,
    mirrored,
    multiply_add,
    places,
    repeated,
)

NEGLIGIBLE = 1e-8
"""A kernel that differs by less from the product of a row and a column is applied as such, in two passes."""
COMPILED_SIZES = (9, 13)
"""Of the kernels that code is compiled for, smaller ones being padded with zeros. OpenCV has those that are larger."""
ROWS = 32
"""Of a strip: with what lies around it, it stays in the second-level cache."""


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
    if len(kernel) <= COMPILED_SIZES[-1]:
        size = next(size for size in COMPILED_SIZES if size >= len(kernel))
        lines = np.ascontiguousarray(image, np.float32).reshape(len(image), -1)
        result = np.empty_like(lines)
        columns = tuple(np.pad(kernel, (size - len(kernel)) // 2).astype(np.float32).T.copy())
        _convolve(lines, lines.shape[1] // image.shape[1], columns, result)
        return result.reshape(image.shape)
    row, column = kernel.sum(axis=0), kernel.sum(axis=1)
    if np.abs(np.outer(column, row) - kernel).max() < NEGLIGIBLE:
        result = cv2.sepFilter2D(image, -1, row, column, borderType=cv2.BORDER_REFLECT_101)
    else:
        result = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.clip(result, 0, 1, out=result).reshape(image.shape)


@compiled
def _convolve(image: np.ndarray, channels: int, kernel: tuple[np.ndarray, ...], result: np.ndarray) -> None:
    """:func:`convolve` of rows H×(W·C); the kernel by its columns, whose number the compiler knows."""
    height, length = image.shape
    width, radius = length // channels, len(kernel) // 2
    margin, vectors = radius * channels, -(-length // LANES)
    lines = aligned((ROWS + 2 * radius, 2 * margin + vectors * LANES))
    sums = aligned((GROUP, vectors * LANES))
    for top in range(0, height, ROWS):
        for y in range(ROWS + 2 * radius):
            source, line = image[mirrored(top - radius + y, height)], lines[y]
            for x in range(length):
                line[margin + x] = source[x]
            for x in range(1, radius + 1):
                before, after = mirrored(-x, width), mirrored(width - 1 + x, width)
                for channel in range(channels):
                    line[margin - x * channels + channel] = source[before * channels + channel]
                    line[margin + length + (x - 1) * channels + channel] = source[after * channels + channel]
        for y in range(0, min(ROWS, height - top), GROUP):
            for x in range(0, length, LANES):
                _weighted_sums(lines, y, x, channels, kernel, sums)
            for j in range(min(GROUP, height - top - y)):
                target, line = result[top + y + j], sums[j]
                for x in range(length):
                    target[x] = min(max(line[x], np.float32(0)), np.float32(1))


@intrinsic
def _weighted_sums(typing_context, source, row, column, channels, kernel, result):
    """result[j, column:][:LANES] = Σ kernel[y, x] source[row + j + y, column + x channels:][:LANES] for j < GROUP.

    Written for LLVM, so that sums never leave the registers. Two terms that lie opposite each other share a weight.
    """
    return types.void(source, row, column, channels, kernel, result), _generate_weighted_sums


def _generate_weighted_sums(context, builder, signature, arguments):
    source, row, column, channels, kernel, result = arguments
    place = places(context, builder, signature.args[0], source)
    to = places(context, builder, signature.args[5], result)
    kind = signature.args[4]
    size, middle = kind.count, kind.count // 2
    totals = [ir.Constant(VECTOR, [0.0] * LANES)] * GROUP

    @functools.cache
    def term(x, y):
        return builder.load(place(row, y, builder.add(column, builder.mul(channels, INDEX(x)))), align=4)

    for x in range(middle + 1):
        weights = context.make_array(kind.dtype)(context, builder, builder.extract_value(kernel, x)).data
        for y in range(size if x < middle else middle + 1):
            weight = repeated(builder, builder.load(builder.gep(weights, [INDEX(y)])))
            for j in range(GROUP):
                terms = term(x, j + y)
                if (x, y) != (middle, middle):
                    terms = builder.fadd(terms, term(size - 1 - x, j + size - 1 - y))
                totals[j] = multiply_add(builder, terms, weight, totals[j])
    for j, total in enumerate(totals):
        builder.store(total, to(INDEX(0), j, column), align=4 * LANES)
    return context.get_dummy_value()
