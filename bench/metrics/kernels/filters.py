"""Linear filters on maps N×1×H×W, summed in float64: the one primitive under every windowed metric.

On the CPU OpenCV sums small windows and a compiled loop the larger ones; on any other device the same sums are a pair
of one-dimensional convolutions.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from tsdm_bench.compiled import compiled_form, loop, over_rows
from tsdm_bench.torch_later import Tensor, functional, torch

SOBEL = (1.0, 2.0, 1.0)  # smoothing part; the derivative is (-1, 0, 1)
DERIVATIVE = (-1.0, 0.0, 1.0)
BORDERS = {
    "zero": ("constant", cv2.BORDER_CONSTANT),
    "replicate": ("replicate", cv2.BORDER_REPLICATE),
    "reflect": ("reflect", cv2.BORDER_REFLECT_101),
}  # torch's name and OpenCV's
SMALL = 5  # taps up to which OpenCV is as fast as the compiled loop
AT_ONCE = 6  # taps in one pass over a line
ROUNDING = 1e-9  # well above the rounding error of E[x²] − E[x]² on 0…255, well below any variance of integers


@functools.cache
def gaussian_kernel(size: int, sigma: float) -> tuple[float, ...]:
    """The ``size`` taps of a sampled Gaussian, sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def correlate(
    x: Tensor,
    rows: Sequence[float],
    columns: Sequence[float],
    border: str | None = "zero",
    means: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """A map N×1×H×W correlated, in float64, with ``rows`` down the columns and ``columns`` along the rows.

    ``border`` is what lies outside: ``zero``, ``replicate`` (the edge pixel) or ``reflect`` (mirrored, edge not
    repeated), and the result has the size of the map; None leaves out the windows that reach outside. ``means`` are for
    those: see :func:`filter_inside`.
    """
    height, width = x.shape[-2:]
    if border is None and (len(rows) > height or len(columns) > width):
        raise ValueError(f"a window of {len(rows)}×{len(columns)} does not fit into a map of {height}×{width}")
    if border is not None:
        if x.device.type == "cpu" and max(len(rows), len(columns)) <= SMALL:
            return _summed(x, rows, columns, borderType=BORDERS[border][1])
        up, left = len(rows) // 2, len(columns) // 2
        x = functional.pad(x, (left, len(columns) - 1 - left, up, len(rows) - 1 - up), mode=BORDERS[border][0])
    return filter_inside(x, rows, columns, means)


def plain_filter_inside(
    x: Tensor, rows: Sequence[float], columns: Sequence[float], means: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """The definition, of which :func:`filter_inside` tells."""
    if x.device.type == "cpu":
        height, width = x.shape[-2] - len(rows) + 1, x.shape[-1] - len(columns) + 1
        # With the anchor in the corner the windows inside the map come first.
        x = _summed(x, rows, columns, anchor=(0, 0))[..., :height, :width]
    else:
        x = x.to(torch.float64)
        x = functional.conv2d(x, x.new_tensor(rows)[None, None, :, None])
        x = functional.conv2d(x, x.new_tensor(columns)[None, None, None, :])
    return x if means is None else functional.hardshrink(x.addcmul_(*means, value=-1), ROUNDING)


def _summed(
    x: Tensor, rows: Sequence[float], columns: Sequence[float], depth: int = cv2.CV_64F, **options: Any
) -> Tensor:
    """By OpenCV, with the size of the map."""
    taps = np.array(columns), np.array(rows)
    maps = [cv2.sepFilter2D(each, depth, *taps, **options) for each in x[:, 0].numpy()]
    return torch.from_numpy(maps[0] if len(maps) == 1 else np.stack(maps)).view(x.shape)


@compiled_form(of=plain_filter_inside)
def filter_inside(
    x: Tensor, rows: Sequence[float], columns: Sequence[float], means: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """``correlate`` where the window lies inside the map.

    From a product, the covariance: less the product of the two ``means``, rounding noise set to 0.

    Compiled: against OpenCV, 1.5 times as fast with 11 taps, 2.1 times with 17 and 3.1 times with 31, on 1024×768 and
    one thread; twice that on two threads, since OpenCV filters on one. It stands below the house's bound of 3 for the
    sake of the core metrics, which spend half of their time here.
    """
    height, width = x.shape[-2] - len(rows) + 1, x.shape[-1] - len(columns) + 1
    result = torch.empty((len(x), 1, height, width), dtype=torch.float64)
    taps = (np.array([*each, *[0.0] * (-len(each) % AT_ONCE)]) for each in (rows, columns))
    maps = x[:, 0].contiguous(), *taps, result[:, 0]
    if means is None:
        over_rows(_filter_rows, len(x) * height, *maps)
    else:
        over_rows(_covariance_rows, len(x) * height, *maps, *(mean[:, 0].contiguous() for mean in means))
    return result


@loop
def _filter_rows(first, last, x, rows, columns, result):
    line = np.zeros(x.shape[2] + AT_ONCE)
    for index in range(first, last):
        image, row = index // result.shape[1], index % result.shape[1]
        _filter_row(x[image], row, rows, columns, line, result[image, row])


@loop
def _covariance_rows(first, last, x, rows, columns, result, mean, other):
    line = np.zeros(x.shape[2] + AT_ONCE)
    for index in range(first, last):
        image, row = index // result.shape[1], index % result.shape[1]
        out, a, b = result[image, row], mean[image, row], other[image, row]
        _filter_row(x[image], row, rows, columns, line, out)
        for j in range(out.size):
            value = out[j] - a[j] * b[j]
            out[j] = value if abs(value) > ROUNDING else 0.0


@loop
def _filter_row(x, top, rows, columns, line, out):
    """The weighted sum of the rows under the window, and of that the weighted sum of its shifts."""
    inner = line[: x.shape[1]]
    for j in range(inner.size):
        inner[j] = 0.0
    for tap in range(0, rows.size, AT_ONCE):
        _add_rows(inner, rows[tap:], x, top + tap)
    for j in range(out.size):
        out[j] = 0.0
    for tap in range(0, columns.size, AT_ONCE):
        _add_shifts(out, columns[tap:], line[tap:])


@loop
def _add_rows(total, taps, x, top):
    """Add rows times their taps; the last taps may be zeros for rows that do not exist."""
    for j in range(total.size):
        value = total[j]
        for k in range(AT_ONCE):
            value += taps[k] * np.float64(x[min(top + k, len(x) - 1), j])
        total[j] = value


@loop
def _add_shifts(total, taps, line):
    """Add shifts of a line times their taps."""
    for j in range(total.size):
        value = total[j]
        for k in range(AT_ONCE):
            value += taps[k] * line[j + k]
        total[j] = value


def blur(x: Tensor, size: int, sigma: float, means: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """A map filtered by a ``size``×``size`` Gaussian where the window lies inside the image ("valid").

    From a product, the covariance: less the product of the two ``means``, and exactly 0 where the window is flat.
    """
    kernel = gaussian_kernel(size, sigma)
    return correlate(x, kernel, kernel, None, means)


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
    if x.device.type == "cpu":
        same = {"depth": -1, "borderType": BORDERS[border][1]}
        return _summed(x, SOBEL, DERIVATIVE, **same), _summed(x, DERIVATIVE, SOBEL, **same)
    return correlate(x, SOBEL, DERIVATIVE, border).to(x.dtype), correlate(x, DERIVATIVE, SOBEL, border).to(x.dtype)
