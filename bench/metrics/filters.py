"""Linear filters on maps N×1×H×W in float64: the one primitive under every windowed metric.

On the CPU OpenCV's separable filter runs (a few milliseconds for a megapixel in double precision), several maps at a
time on as many threads as torch uses; on any other device the same sums are a pair of one-dimensional convolutions.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SOBEL = (1.0, 2.0, 1.0)  # smoothing part; the derivative is (-1, 0, 1)
DERIVATIVE = (-1.0, 0.0, 1.0)
BORDERS = {"zero": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}

# Columns by which rows are lengthened while they are filtered. Where their length is a power of two, the pixels below
# each other all fall into the same few lines of the cache, and a filter of 31 taps takes three times as long.
PADDING = 8

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> None:
    """Let glibc reuse freed maps: it would give them back to the system, at a thousand page faults for every new map.

    Other allocators are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 512 << 20)


keep_freed_memory()


def gaussian_kernel(size: int, sigma: float) -> tuple[float, ...]:
    """The ``size`` taps of a sampled Gaussian, sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def correlate(
    maps: Sequence[Tensor],
    rows: Sequence[float],
    columns: Sequence[float],
    border: str = "zero",
    dtype: torch.dtype | None = None,
) -> list[Tensor]:
    """Each map N×1×H×W correlated with ``rows`` down the columns and ``columns`` along the rows; same size.

    ``border`` is what lies outside: ``zero``, ``replicate`` (the edge pixel) or ``reflect`` (mirrored, edge not
    repeated). The results have the type ``dtype``, that of the map if None, in which the sums are taken.
    """
    return correlate_each([(each, rows, columns) for each in maps], border, dtype)


def correlate_each(
    jobs: Sequence[tuple[Tensor, Sequence[float], Sequence[float]]],
    border: str = "zero",
    dtype: torch.dtype | None = None,
) -> list[Tensor]:
    """As :func:`correlate`, every map with its own kernels, given as (map, rows, columns)."""
    if jobs[0][0].device.type != "cpu":
        return [_convolve(x.to(dtype or x.dtype), rows, columns, border) for x, rows, columns in jobs]

    def run(source: np.ndarray, result: np.ndarray, rows: Sequence[float], columns: Sequence[float]) -> None:
        padded = cv2.copyMakeBorder(source, 0, 0, 0, PADDING, BORDERS[border])
        kernels = np.array(columns, np.float64), np.array(rows, np.float64)
        depth = cv2.CV_64F if result.dtype == np.float64 else cv2.CV_32F
        cv2.sepFilter2D(padded, depth, *kernels, result, borderType=BORDERS[border])

    sizes = [(*x.shape[:-1], x.shape[-1] + PADDING) for x, _, _ in jobs]
    results = [torch.empty(size, dtype=dtype or x.dtype) for size, (x, _, _) in zip(sizes, jobs, strict=True)]
    _per_image(run, [(x, result, *kernels) for (x, *kernels), result in zip(jobs, results, strict=True)])
    return [result[..., :-PADDING] for result in results]


def _per_image(function: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> None:
    """``function(source, result, …)`` of every image H×W of every job, whose maps are N×1×H×W.

    On as many threads as torch uses. The results are made before: of what other threads free, glibc keeps little.
    """
    calls = [
        (source.numpy(), result.numpy(), *rest)
        for maps, results, *rest in jobs
        for source, result in zip(maps[:, 0], results[:, 0], strict=True)
    ]
    threads = min(torch.get_num_threads(), len(calls))
    if threads < 2:
        for call in calls:
            function(*call)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda call: function(*call), calls))


def _convolve(x: Tensor, rows: Sequence[float], columns: Sequence[float], border: str) -> Tensor:
    up, left = len(rows) // 2, len(columns) // 2
    padding = (left, len(columns) - 1 - left, up, len(rows) - 1 - up)
    x = functional.pad(x, padding, mode="constant" if border == "zero" else border)
    x = functional.conv2d(x, x.new_tensor(rows)[None, None, :, None])
    return functional.conv2d(x, x.new_tensor(columns)[None, None, None, :])


def blur(maps: Sequence[Tensor], size: int, sigma: float) -> list[Tensor]:
    """Each map filtered in float64 by a ``size``×``size`` Gaussian where the window lies inside the image ("valid")."""
    kernel = gaussian_kernel(size, sigma)
    return [inside(each, size) for each in correlate(maps, kernel, kernel, dtype=torch.float64)]


def box_sums(maps: Sequence[Tensor], size: int) -> list[Tensor]:
    """Sum of each map in float64 over every ``size``×``size`` window inside the image; exact for whole numbers."""
    if maps[0].device.type != "cpu":
        return [functional.avg_pool2d(each.to(torch.float64), size, 1, divisor_override=1) for each in maps]

    def run(source: np.ndarray, result: np.ndarray) -> None:
        cv2.boxFilter(source, cv2.CV_64F, (size, size), result, normalize=False, borderType=cv2.BORDER_CONSTANT)

    results = [torch.empty_like(each, dtype=torch.float64) for each in maps]
    _per_image(run, list(zip(maps, results, strict=True)))
    return [inside(each, size) for each in results]


def inside(x: Tensor, size: int) -> Tensor:
    """The part of a same-size result whose ``size``×``size`` window (odd) lies inside the image."""
    edge = size // 2
    return x[..., edge : x.shape[-2] - edge, edge : x.shape[-1] - edge]


def magnitude(along: Tensor, down: Tensor) -> Tensor:
    """Length of a gradient in float64; exact squares in float32 where its parts are whole numbers below 2¹¹."""
    return along.square().addcmul_(down, down).to(torch.float64).sqrt_()


def sobel(x: Tensor, border: str = "zero") -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel derivative, kernel 1-2-1 not normalised; exact in float32 for grey values 0…255."""
    along, down = correlate_each([(x, SOBEL, DERIVATIVE), (x, DERIVATIVE, SOBEL)], border)
    return along, down
