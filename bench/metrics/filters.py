"""Linear filters on maps N×1×H×W in float64: the one primitive under every windowed metric.

On the CPU OpenCV's separable filter runs (a few milliseconds for a megapixel in double precision), several maps at a
time on as many threads as torch uses; on any other device the same sums are a pair of one-dimensional convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SOBEL = (1.0, 2.0, 1.0)  # smoothing part; the derivative is (-1, 0, 1)
DERIVATIVE = (-1.0, 0.0, 1.0)
BORDERS = {"zero": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}

# glibc gives freed blocks above its threshold back to the system at once, and every map then costs a thousand page
# faults. Freeing one block of just under 32 MB moves that threshold for good: the metrics run three times faster.
torch.empty(31 << 20, dtype=torch.uint8)


def gaussian_kernel(size: int, sigma: float) -> tuple[float, ...]:
    """The ``size`` taps of a sampled Gaussian, sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def correlate(
    maps: Sequence[Tensor], rows: Sequence[float], columns: Sequence[float], border: str = "zero"
) -> list[Tensor]:
    """Each map N×1×H×W correlated with ``rows`` down the columns and ``columns`` along the rows; same size, same type.

    ``border`` is what lies outside: ``zero``, ``replicate`` (the edge pixel) or ``reflect`` (mirrored, edge not
    repeated).
    """
    if maps[0].device.type != "cpu":
        return [_convolve(each, rows, columns, border) for each in maps]
    outputs = [torch.empty_like(each, memory_format=torch.contiguous_format) for each in maps]
    jobs = [
        (source[index, 0].contiguous().numpy(), output[index, 0].numpy())
        for source, output in zip(maps, outputs, strict=True)
        for index in range(len(source))
    ]
    down, along = np.array(rows, np.float64), np.array(columns, np.float64)

    def run(job: tuple[np.ndarray, np.ndarray]) -> None:
        cv2.sepFilter2D(job[0], -1, along, down, dst=job[1], borderType=BORDERS[border])

    threads = min(torch.get_num_threads(), len(jobs))
    if threads < 2:
        for job in jobs:
            run(job)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, jobs))
    return outputs


def _convolve(x: Tensor, rows: Sequence[float], columns: Sequence[float], border: str) -> Tensor:
    up, left = len(rows) // 2, len(columns) // 2
    padding = (left, len(columns) - 1 - left, up, len(rows) - 1 - up)
    x = functional.pad(x, padding, mode="constant" if border == "zero" else border)
    x = functional.conv2d(x, x.new_tensor(rows)[None, None, :, None])
    return functional.conv2d(x, x.new_tensor(columns)[None, None, None, :])


def blur(maps: Sequence[Tensor], size: int, sigma: float) -> list[Tensor]:
    """Each map filtered by a ``size``×``size`` Gaussian where the window lies inside the image ("valid")."""
    kernel = gaussian_kernel(size, sigma)
    return [inside(each, size) for each in correlate(maps, kernel, kernel)]


def inside(x: Tensor, size: int) -> Tensor:
    """The part of a same-size result whose ``size``×``size`` window (odd) lies inside the image."""
    edge = size // 2
    return x[..., edge : x.shape[-2] - edge, edge : x.shape[-1] - edge]


def magnitude(along: Tensor, down: Tensor) -> Tensor:
    """Length of a gradient in float64; exact squares in float32 where its parts are whole numbers below 2¹¹."""
    return along.square().addcmul_(down, down).to(torch.float64).sqrt_()


def sobel(x: Tensor, border: str = "zero") -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel derivative, kernel 1-2-1 not normalised; exact in float32 for grey values 0…255."""
    return correlate([x], SOBEL, DERIVATIVE, border)[0], correlate([x], DERIVATIVE, SOBEL, border)[0]
