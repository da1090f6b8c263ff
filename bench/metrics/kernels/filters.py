"""Linear filters on maps N×1×H×W, summed in float64: the one primitive under every windowed metric.

On the CPU OpenCV sums, on any other device a pair of one-dimensional convolutions. (A compiled loop was at most twice
as fast as OpenCV, too little to keep.)
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SOBEL = (1.0, 2.0, 1.0)  # smoothing part; the derivative is (-1, 0, 1)
DERIVATIVE = (-1.0, 0.0, 1.0)
BORDERS = {
    "zero": ("constant", cv2.BORDER_CONSTANT),
    "replicate": ("replicate", cv2.BORDER_REPLICATE),
    "reflect": ("reflect", cv2.BORDER_REFLECT_101),
}  # torch's name and OpenCV's


def gaussian_kernel(size: int, sigma: float) -> tuple[float, ...]:
    """The ``size`` taps of a sampled Gaussian, sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def correlate(x: Tensor, rows: Sequence[float], columns: Sequence[float], border: str | None = "zero") -> Tensor:
    """A map N×1×H×W correlated, in float64, with ``rows`` down the columns and ``columns`` along the rows.

    ``border`` is what lies outside: ``zero``, ``replicate`` (the edge pixel) or ``reflect`` (mirrored, edge not
    repeated), and the result has the size of the map; None leaves out the windows that reach outside.
    """
    height, width = x.shape[-2:]
    if border is None and (len(rows) > height or len(columns) > width):
        raise ValueError(f"a window of {len(rows)}×{len(columns)} does not fit into a map of {height}×{width}")
    return (_filter if x.device.type == "cpu" else _convolve)(x, rows, columns, border)


def _convolve(x: Tensor, rows: Sequence[float], columns: Sequence[float], border: str | None) -> Tensor:
    if border is not None:
        up, left = len(rows) // 2, len(columns) // 2
        x = functional.pad(x, (left, len(columns) - 1 - left, up, len(rows) - 1 - up), mode=BORDERS[border][0])
    x = x.to(torch.float64)
    x = functional.conv2d(x, x.new_tensor(rows)[None, None, :, None])
    return functional.conv2d(x, x.new_tensor(columns)[None, None, None, :])


def _filter(x: Tensor, rows: Sequence[float], columns: Sequence[float], border: str | None) -> Tensor:
    """As ``_convolve``, on the CPU."""
    taps, (height, width) = (np.array(columns), np.array(rows)), x.shape[-2:]
    if border is None:  # with the anchor in the corner the windows inside the map come first
        height, width = height - len(rows) + 1, width - len(columns) + 1
        options = {"anchor": (0, 0)}
    else:
        options = {"borderType": BORDERS[border][1]}
    maps = [cv2.sepFilter2D(each, cv2.CV_64F, *taps, **options)[:height, :width] for each in x[:, 0].numpy()]
    return torch.from_numpy(maps[0] if len(maps) == 1 else np.stack(maps)).view(len(x), 1, height, width)


def blur(x: Tensor, size: int, sigma: float) -> Tensor:
    """A map filtered by a ``size``×``size`` Gaussian where the window lies inside the image ("valid")."""
    kernel = gaussian_kernel(size, sigma)
    return correlate(x, kernel, kernel, None)


def box_sum(x: Tensor, size: int) -> Tensor:
    """Sum over every ``size``×``size`` window inside the image; exact for whole numbers."""
    return correlate(x, (1.0,) * size, (1.0,) * size, None)


def magnitude(along: Tensor, down: Tensor) -> Tensor:
    """Length of a gradient in float64; exact squares in float32 where its parts are whole numbers below 2¹¹."""
    return along.square().addcmul_(down, down).to(torch.float64).sqrt_()


def sobel(x: Tensor, border: str = "zero") -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel derivative, kernel 1-2-1 not normalised.

    Of the type of ``x``; exact in float32 for grey values 0…255.
    """
    return correlate(x, SOBEL, DERIVATIVE, border).to(x.dtype), correlate(x, DERIVATIVE, SOBEL, border).to(x.dtype)
