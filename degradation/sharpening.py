"""Unsharp masking of the clean side: what the targets of the student are made from."""

from __future__ import annotations

import cv2
import numba
import numpy as np

KERNEL_SIZE = 51
SIGMA = 8.0
"""px; what OpenCV derives from the size: 0.3 ((51 − 1) / 2 − 1) + 0.8."""
WEIGHT = np.float32(0.5)
THRESHOLD = np.float32(10 / 255)

RADIUS = KERNEL_SIZE // 2
TAPS = cv2.getGaussianKernel(KERNEL_SIZE, SIGMA, cv2.CV_32F)[: RADIUS + 1, 0]
"""Of one side and the middle: the kernel is symmetric."""
COLUMNS = 128
"""Of a tile: the 51 rows that make one row of the result (26 kB) stay in the first-level cache."""
ROWS = 128
"""Blurred at a time: they stay in the second-level cache (1.5 MB at 1024 RGB pixels)."""

compiled = numba.njit(cache=True, error_model="numpy", fastmath={"contract"})


def usm_sharpen(image: np.ndarray) -> np.ndarray:
    """Sharpen float32 H×W×C (C = 1 or 3) in [0, 1] where it differs by more than 10 grey levels from its blur.

    With B the Gaussian blur of I (51×51, standard deviation 8 px, mirror border without edge repeat) and M the same
    blur of [|I − B| > 10/255], the result is M K + (1 − M) I, K = clip(I + 0.5 (I − B)). Source: TSDM-Fusion (IEEE TIM
    2024), after Real-ESRGAN.
    """
    height, width = image.shape[:2]
    lines = np.ascontiguousarray(image, np.float32).reshape(height, -1)
    # Large arrays of NumPy's own lie on huge pages; those of compiled code do not.
    result, mask = np.empty_like(lines), np.empty(lines.shape, np.uint8)
    _sharpen(lines, lines.shape[1] // width, mask, result)
    return result.reshape(image.shape)


@compiled
def _sharpen(image: np.ndarray, channels: int, mask: np.ndarray, result: np.ndarray) -> None:
    """:func:`usm_sharpen` of rows H×(W·C); ``mask`` is scratch."""
    blurred = np.empty((min(ROWS, len(image)), image.shape[1]), np.float32)
    for top in range(0, len(image), ROWS):
        _blur(image, top, channels, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            line, blur, above, change = image[y], blurred[y - top], mask[y], result[y]
            for x in range(len(line)):
                residual = line[x] - blur[x]
                above[x] = abs(residual) > THRESHOLD
                change[x] = min(max(line[x] + WEIGHT * residual, np.float32(0)), np.float32(1)) - line[x]
    for top in range(0, len(image), ROWS):
        _blur(mask, top, channels, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            line, weight, change = image[y], blurred[y - top], result[y]
            for x in range(len(line)):
                change[x] = line[x] + weight[x] * change[x]


@compiled
def _blur(source: np.ndarray, top: int, channels: int, result: np.ndarray) -> None:
    """The blurred rows of ``source`` from ``top`` on, as many as there are in it and in ``result``."""
    height, width = source.shape
    rows = min(len(result), height - top)
    tile = np.empty((rows + 2 * RADIUS) * COLUMNS, np.float32)
    blurred = np.empty(rows * COLUMNS, np.float32)
    for left in range(0, width, COLUMNS):
        count = min(COLUMNS, width - left)
        for y in range(rows + 2 * RADIUS):
            line, part = source[_mirrored(top + y - RADIUS, height), left : left + count], tile[y * COLUMNS :]
            for x in range(count):
                part[x] = line[x]
        _weighted_sums(tile, COLUMNS, blurred)
        for y in range(rows):
            result[y, left : left + count] = blurred[y * COLUMNS : y * COLUMNS + count]
    padded = np.empty(width + 2 * RADIUS * channels, np.float32)
    end = RADIUS * channels + width
    for y in range(rows):
        line = result[y]
        padded[RADIUS * channels : end] = line
        for x in range(RADIUS):
            before = _mirrored(x - RADIUS, width // channels) * channels
            after = _mirrored(width // channels + x, width // channels) * channels
            for channel in range(channels):
                padded[x * channels + channel] = line[before + channel]
                padded[end + x * channels + channel] = line[after + channel]
        _weighted_sums(padded, channels, line)


@compiled
def _weighted_sums(source: np.ndarray, step: int, result: np.ndarray) -> None:
    """Of 51 values each, ``step`` apart, by the Gaussian's weights."""
    for i in range(len(result)):
        x = np.uint64(i)  # places that cannot be negative let the loop run on vectors
        total = TAPS[RADIUS] * source[x + np.uint64(RADIUS * step)]
        for tap in range(RADIUS):
            before, after = np.uint64(tap * step), np.uint64((2 * RADIUS - tap) * step)
            total += TAPS[tap] * (source[x + before] + source[x + after])
        result[x] = total


@compiled
def _mirrored(i: int, size: int) -> int:
    """The place that a mirror at both ends shows at ``i``, ends not repeated."""
    if size == 1:
        return 0
    while i < 0 or i >= size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i
