"""Unsharp masking of the clean side: what the targets of the student are made from."""

from __future__ import annotations

import cv2
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from degradation.kernels.vectors import GROUP, LANES, ORDER, VECTOR, aligned, compiled, mirrored, multiply_add, places

KERNEL_SIZE = 51
SIGMA = 8.0
"""px; what OpenCV derives from the size: 0.3 ((51 − 1) / 2 − 1) + 0.8."""
WEIGHT = np.float32(0.5)
THRESHOLD = np.float32(10 / 255)

RADIUS = KERNEL_SIZE // 2
TAPS = cv2.getGaussianKernel(KERNEL_SIZE, SIGMA, cv2.CV_32F)[: RADIUS + 1, 0].tolist()
"""Of one side and the middle: the kernel is symmetric."""
ROWS = 128
"""Of a strip, blurred at a time."""
STACK = -(-(ROWS + 2 * RADIUS) // LANES) * LANES
"""Rows that a strip is made from."""
MARGIN = 32
"""Beside a line: ``RADIUS``, and as much more as lets the line begin with a whole vector."""


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
    vectors = -(-image.shape[1] // channels // LANES)
    stacks = aligned((channels * vectors, STACK, LANES))
    # Lines 4 kB apart would compete for places in the cache.
    blurred = aligned((ROWS, channels, (vectors + 1) * LANES))
    blur = np.empty(image.shape[1], np.float32)
    for top in range(0, len(image), ROWS):
        _blur(image, top, channels, stacks, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            _join(blurred[y - top], blur)
            line, above, change = image[y], mask[y], result[y]
            for x in range(len(line)):
                residual = line[x] - blur[x]
                above[x] = abs(residual) > THRESHOLD
                change[x] = min(max(line[x] + WEIGHT * residual, np.float32(0)), np.float32(1)) - line[x]
    for top in range(0, len(image), ROWS):
        _blur(mask, top, channels, stacks, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            _join(blurred[y - top], blur)
            line, change = image[y], result[y]
            for x in range(len(line)):
                change[x] = line[x] + blur[x] * change[x]


@compiled
def _blur(source: np.ndarray, top: int, channels: int, stacks: np.ndarray, blurred: np.ndarray) -> None:
    """Fill ``blurred`` (rows × channels × columns) with the strip of ``source`` from row ``top`` on.

    Each of ``stacks`` has a vector's width of columns of one channel: the rows of the strip and 25 more on either side,
    blurred along themselves. The last 50 rows of a strip are the first of the next, so strips come in order.
    """
    height, vectors = len(source), len(stacks) // channels
    rows, known = min(ROWS, height - top), 2 * RADIUS if top else 0
    for i in range(len(stacks)):
        for y in range(known):
            for x in range(LANES):
                stacks[i, y, x] = stacks[i, ROWS + y, x]
    lines = aligned((channels, LANES, vectors * LANES + 2 * MARGIN))
    turned, sums = aligned((lines.shape[2], LANES)), aligned((vectors * LANES, LANES))
    for row in range(known, rows + 2 * RADIUS, LANES):
        for y in range(LANES):
            _split(source[mirrored(top - RADIUS + row + y, height)], lines, y)
        for channel in range(channels):
            for x in range(0, len(turned), LANES):
                _turn(lines[channel], 0, x, turned, x)
            for x in range(0, len(sums), GROUP):
                _weighted_sums(turned, MARGIN - RADIUS + x, sums, x, 0)
            for i in range(vectors):
                _turn(sums, i * LANES, 0, stacks[channel * vectors + i], row)
    for i in range(len(stacks)):
        for y in range(0, rows, GROUP):
            _weighted_sums(stacks[i], y, blurred[:, i // vectors], y, i % vectors * LANES)


@compiled
def _split(line: np.ndarray, parts: np.ndarray, y: int) -> None:
    """A line of pixels into line ``y`` of each channel, with a mirror at both ends."""
    channels, width = len(parts), len(line) // len(parts)
    if channels == 3:  # a constant lets the loop run on vectors
        red, green, blue = parts[0, y], parts[1, y], parts[2, y]
        for x in range(width):
            red[MARGIN + x], green[MARGIN + x], blue[MARGIN + x] = line[3 * x], line[3 * x + 1], line[3 * x + 2]
    for channel in range(channels):
        part = parts[channel, y]
        if channels != 3:
            for x in range(width):
                part[MARGIN + x] = line[x * channels + channel]
        for x in range(1, RADIUS + 1):
            part[MARGIN - x] = part[MARGIN + mirrored(-x, width)]
            part[MARGIN + width - 1 + x] = part[MARGIN + mirrored(width - 1 + x, width)]


@compiled
def _join(parts: np.ndarray, line: np.ndarray) -> None:
    """One line per channel to a line of pixels."""
    channels, width = len(parts), len(line) // len(parts)
    if channels == 3:
        red, green, blue = parts[0], parts[1], parts[2]
        for x in range(width):
            line[3 * x], line[3 * x + 1], line[3 * x + 2] = red[x], green[x], blue[x]
    else:
        for channel in range(channels):
            for x in range(width):
                line[x * channels + channel] = parts[channel, x]


@intrinsic
def _weighted_sums(typing_context, source, row, result, to_row, to_column):
    """result[to_row + j, to_column:][:LANES] = Σ_k taps[k] source[row + j + k] for j < GROUP, of a source as wide.

    Written for LLVM, so that terms and sums never leave the registers: the taps are constants of the code.
    """
    return types.void(source, row, result, to_row, to_column), _generate_weighted_sums


def _generate_weighted_sums(context, builder, signature, arguments):
    place = places(context, builder, signature.args[0], arguments[0], pitch=4 * LANES)
    to = places(context, builder, signature.args[2], arguments[2])
    row, to_row, to_column = arguments[1], arguments[3], arguments[4]
    taps = [ir.Constant(VECTOR, [tap] * LANES) for tap in TAPS]
    terms, totals = {}, [ir.Constant(VECTOR, [0.0] * LANES)] * GROUP

    def term(k):
        if k not in terms:
            terms[k] = builder.load(place(row, k), align=4 * LANES)
        return terms[k]

    for tap in range(RADIUS):
        for j in range(GROUP):
            pair = builder.fadd(term(j + tap), term(j + KERNEL_SIZE - 1 - tap))
            totals[j] = multiply_add(builder, pair, taps[tap], totals[j])
    for j, total in enumerate(totals):
        whole = multiply_add(builder, term(j + RADIUS), taps[RADIUS], total)
        builder.store(whole, to(to_row, j, to_column), align=4 * LANES)
    return context.get_dummy_value()


@intrinsic
def _turn(typing_context, source, row, column, result, to_row):
    """result[to_row + j, i] = source[row + i, column + j] for i, j < LANES."""
    return types.void(source, row, column, result, to_row), _generate_turn


def _generate_turn(context, builder, signature, arguments):
    place = places(context, builder, signature.args[0], arguments[0])
    to = places(context, builder, signature.args[3], arguments[3])
    row, column, to_row = arguments[1], arguments[2], arguments[4]
    lines = [builder.load(place(row, i, column), align=4 * LANES) for i in range(LANES)]
    size = LANES
    while size > 1:  # exchange two quarters of every square of this size
        size //= 2
        upper = ir.Constant(ORDER, [k + LANES - size if k & size else k for k in range(LANES)])
        lower = ir.Constant(ORDER, [k + LANES if k & size else k + size for k in range(LANES)])
        for i in range(LANES):
            if not i & size:
                pair = lines[i], lines[i + size]
                lines[i], lines[i + size] = (builder.shuffle_vector(*pair, order) for order in (upper, lower))
    for j, line in enumerate(lines):
        builder.store(line, to(to_row, j), align=4 * LANES)
    return context.get_dummy_value()
