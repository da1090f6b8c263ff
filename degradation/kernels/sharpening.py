"""Unsharp masking of the clean side: what the targets of the student are made from."""

from __future__ import annotations

import cv2
import numpy as np

from tsdm_bench.compiled import compiled_form, loop
from tsdm_bench.vectors import BYTES, LANES, aligned, index, intrinsic, ir, multiply_add, order, place, types, vector

KERNEL_SIZE = 51
SIGMA = 8.0
"""px; what OpenCV derives from the size: 0.3 ((51 − 1) / 2 − 1) + 0.8."""
WEIGHT = np.float32(0.5)
THRESHOLD = np.float32(10 / 255)

RADIUS = KERNEL_SIZE // 2
TAPS = cv2.getGaussianKernel(KERNEL_SIZE, SIGMA, cv2.CV_32F)[: RADIUS + 1, 0].tolist()
"""Of one side and the middle: the kernel is symmetric."""
GROUP = 8 if LANES == 16 else 4
"""Rows that are summed at once: what neighbours have in common is read once."""
ROWS = 128
"""Of a strip, blurred at a time."""
STACK = -(-(ROWS + 2 * RADIUS) // LANES) * LANES
"""Rows that a strip is made from."""
MARGIN = 32
"""Beside a line: ``RADIUS``, and as much more as lets the line begin with a whole vector."""


def plain_usm_sharpen(image: np.ndarray) -> np.ndarray:
    """The definition, of which :func:`usm_sharpen` tells: two blurs by OpenCV."""

    def blur(x: np.ndarray) -> np.ndarray:
        taps = cv2.getGaussianKernel(KERNEL_SIZE, SIGMA, cv2.CV_32F)
        return cv2.sepFilter2D(x, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)

    residual = image - blur(image)
    mask = (np.abs(residual) > THRESHOLD).astype(np.float32)
    return image + blur(mask) * (np.clip(image + WEIGHT * residual, 0, 1) - image)


@compiled_form(of=plain_usm_sharpen)
def usm_sharpen(image: np.ndarray) -> np.ndarray:
    """Sharpen float32 H×W×C (C = 1 or 3) in [0, 1] where it differs by more than 10 grey levels from its blur.

    With B the Gaussian blur of I (51×51, standard deviation 8 px, mirror border without edge repeat) and M the same
    blur of [|I − B| > 10/255], the result is M K + (1 − M) I, K = clip(I + 0.5 (I − B)). Source: TSDM-Fusion (IEEE TIM
    2024), after Real-ESRGAN.

    Compiled: 5.2 times as fast as the plain form on 1024×768 and one thread with AVX-512, 4.3 times with AVX2.

    >>> usm_sharpen(np.full((60, 70, 3), 0.5, np.float32)).max().round(3).item()
    0.5
    """
    height, width = image.shape[:2]
    lines = np.ascontiguousarray(image, np.float32).reshape(height, -1)
    # Large arrays of NumPy's own lie on huge pages; those of compiled code do not.
    result, mask = np.empty_like(lines), np.empty(lines.shape, np.uint8)
    _sharpen(lines, lines.shape[1] // width, mask, result)
    return result.reshape(image.shape)


@loop
def _mirrored(i: int, size: int) -> int:
    """The place that a mirror at both ends shows at ``i``, ends not repeated."""
    if size == 1:
        return 0
    while i < 0 or i >= size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i


@loop
def _sharpen(image: np.ndarray, channels: int, mask: np.ndarray, result: np.ndarray) -> None:
    """The compiled form on rows H×(W·C); ``mask`` is scratch.

    Each of the ``stacks`` has a vector's width of columns of one channel: the rows of a strip and 25 more on either
    side, blurred along themselves.
    """
    vectors = -(-image.shape[1] // channels // LANES)
    stacks = aligned((channels * vectors, STACK, LANES))
    lines = aligned((channels, LANES, vectors * LANES + 2 * MARGIN))
    turned, sums = aligned((lines.shape[2], LANES)), aligned((vectors * LANES, LANES))
    # Lines 4 kB apart would compete for places in the cache.
    blurred = aligned((ROWS, channels, (vectors + 1) * LANES))
    scratch = stacks, lines, turned, sums
    blur = np.empty(image.shape[1], np.float32)
    for top in range(0, len(image), ROWS):
        _blur(image, top, scratch, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            _join(blurred[y - top], blur)
            line, above, change = image[y], mask[y], result[y]
            for x in range(len(line)):
                residual = line[x] - blur[x]
                above[x] = abs(residual) > THRESHOLD
                change[x] = min(max(line[x] + WEIGHT * residual, np.float32(0)), np.float32(1)) - line[x]
    for top in range(0, len(image), ROWS):
        _blur(mask, top, scratch, blurred)
        for y in range(top, min(top + ROWS, len(image))):
            _join(blurred[y - top], blur)
            line, change = image[y], result[y]
            for x in range(len(line)):
                change[x] = line[x] + blur[x] * change[x]


@loop
def _blur(source: np.ndarray, top: int, scratch: tuple[np.ndarray, ...], blurred: np.ndarray) -> None:
    """Fill ``blurred`` (rows × channels × columns) with the strip of ``source`` from row ``top`` on.

    The last 50 rows of a strip are the first of the next, so strips come in order.
    """
    stacks, lines, turned, sums = scratch
    height, channels, vectors = len(source), len(lines), len(sums) // LANES
    rows, known = min(ROWS, height - top), 2 * RADIUS if top else 0
    for i in range(len(stacks)):
        for y in range(known):
            for x in range(LANES):
                stacks[i, y, x] = stacks[i, ROWS + y, x]
    # The caller keeps the arrays alive whose addresses are passed on.
    line, column, total, stack = lines.ctypes.data, turned.ctypes.data, sums.ctypes.data, stacks.ctypes.data
    for row in range(known, rows + 2 * RADIUS, LANES):
        for y in range(LANES):
            _split(source[_mirrored(top - RADIUS + row + y, height)], lines, y)
        for channel in range(channels):
            for x in range(0, len(turned), LANES):
                _turn(line, channel * lines.strides[0] + 4 * x, lines.strides[1], column, x * BYTES)
            for x in range(0, len(sums), GROUP):
                _weighted_sums(column, (MARGIN - RADIUS + x) * BYTES, total, x * BYTES, BYTES)
            for i in range(vectors):
                to = (channel * vectors + i) * stacks.strides[0] + row * BYTES
                _turn(total, i * LANES * BYTES, BYTES, stack, to)
    result, pitch = blurred.ctypes.data, blurred.strides[0]
    for i in range(len(stacks)):
        to = i // vectors * blurred.strides[1] + i % vectors * BYTES
        for y in range(0, rows, GROUP):
            _weighted_sums(stack, i * stacks.strides[0] + y * BYTES, result, to + y * pitch, pitch)


@loop
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
            part[MARGIN - x] = part[MARGIN + _mirrored(-x, width)]
            part[MARGIN + width - 1 + x] = part[MARGIN + _mirrored(width - 1 + x, width)]


@loop
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
def _weighted_sums(typing_context, source, row, result, to, pitch):
    """Σ_k taps[k] times the vector k rows below that at ``source`` + ``row``, for GROUP rows, to rows ``pitch`` apart.

    Rows of the source are one vector long. Terms and sums never leave the registers, the taps are constants. The same
    loops in plain numba take 2.9 times as long, for the whole of :func:`usm_sharpen`.
    """
    return types.void(source, row, result, to, pitch), _generate_weighted_sums


def _generate_weighted_sums(context, builder, signature, arguments):
    source, row, result, to, pitch = arguments
    taps = [ir.Constant(vector(), [tap] * LANES) for tap in TAPS]
    terms, totals = {}, [ir.Constant(vector(), [0.0] * LANES)] * GROUP

    def term(k):
        if k not in terms:
            terms[k] = builder.load(place(builder, source, row, index(k * BYTES), kind=vector()), align=BYTES)
        return terms[k]

    for tap in range(RADIUS):
        for j in range(GROUP):
            pair = builder.fadd(term(j + tap), term(j + KERNEL_SIZE - 1 - tap))
            totals[j] = multiply_add(builder, pair, taps[tap], totals[j])
    for j, total in enumerate(totals):
        whole = multiply_add(builder, term(j + RADIUS), taps[RADIUS], total)
        further = builder.mul(pitch, index(j))
        builder.store(whole, place(builder, result, to, further, kind=vector()), align=BYTES)
    return context.get_dummy_value()


@intrinsic
def _turn(typing_context, source, first, pitch, result, to):
    """Turn a square of LANES×LANES values: rows ``pitch`` bytes apart to rows that follow each other."""
    return types.void(source, first, pitch, result, to), _generate_turn


def _generate_turn(context, builder, signature, arguments):
    source, first, pitch, result, to = arguments
    lines = []
    for i in range(LANES):
        further = builder.mul(pitch, index(i))
        lines.append(builder.load(place(builder, source, first, further, kind=vector()), align=BYTES))
    size = LANES
    while size > 1:  # exchange two quarters of every square of this size
        size //= 2
        upper = order([k + LANES - size if k & size else k for k in range(LANES)])
        lower = order([k + LANES if k & size else k + size for k in range(LANES)])
        for i in range(LANES):
            if not i & size:
                pair = lines[i], lines[i + size]
                lines[i], lines[i + size] = (builder.shuffle_vector(*pair, places) for places in (upper, lower))
    for j, line in enumerate(lines):
        builder.store(line, place(builder, result, to, index(j * BYTES), kind=vector()), align=BYTES)
    return context.get_dummy_value()
