"""Feature mutual information (Haghighat & Razian 2014): what F's small windows of a feature map tell of the sources'.

The 3×3 windows are treated as distributions of nine samples; their joint distribution is estimated between the product
of the marginals and a Fréchet bound. The bound has mass in a staircase of at most 17 of the 81 cells, and outside it
the entropy is that of the product, so that the compiled loop walks down the stairs of one window after the other. On an
accelerator all 81 cells of many windows are worked on at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pywt
import torch
from torch import Tensor

from bench.metrics.kernels.filters import sobel
from bench.metrics.kernels.rows import compiled, loops_run_on, over_rows
from bench.metrics.local import double
from bench.metrics.metric import Metric, Plane, variant

SIZE = 3
SAMPLES = SIZE * SIZE
WINDOWS_AT_ONCE = 1 << 18
TINY = 1e-300
EDGE_SCALE = 4.0  # MATLAB `edge`: threshold on the squared gradient, times its mean
SLACK = 100 * 2.0**-52


class Windows(NamedTuple):
    """Windows as distributions, first dimension the nine samples in column-major order, last the windows."""

    raw: Tensor
    p: Tensor
    cumulative: Tensor
    deviation: Tensor
    centred: Tensor
    norm: Tensor
    entropy: Tensor


def windows(strip: Tensor) -> Windows:
    """Every 3×3 window of ``strip`` (rows×columns), rescaled to [0, 1] and to sum 1; a flat one is uniform."""
    rows, columns = strip.shape[0] - SIZE + 1, strip.shape[1] - SIZE + 1
    raw = torch.stack([strip[i : i + rows, j : j + columns].flatten() for j in range(SIZE) for i in range(SIZE)])
    low, high = raw.aminmax(dim=0)
    flat = low == high
    p = (raw - low).div_(torch.where(flat, 1.0, high - low)).masked_fill_(flat, 1.0)
    p = p.div_(p.sum(0))
    position = torch.arange(1, SAMPLES + 1, dtype=p.dtype, device=p.device)
    mean, square = torch.stack((position, position.square())) @ p
    centred = (p - 1 / SAMPLES).masked_fill_(flat, 0.0)
    entropy = -torch.special.xlogy(p, p).sum(0)
    deviation = (square - mean.square()).clamp_(min=0).sqrt_()
    return Windows(raw, p, p.cumsum(0), deviation, centred, centred.square().sum(0).sqrt_(), entropy)


def shared_information(source: Windows, fused: Windows) -> Tensor:
    """2 I/(H + H) of every window pair; 1 where the windows are equal, 0 where the joint estimate is the product."""
    norms = source.norm * fused.norm
    correlation = torch.where(norms > 0, (source.centred * fused.centred).sum(0) / norms, 0.0)
    opposed = correlation < 0  # the lower Fréchet bound is the upper one with one order reversed
    p = torch.where(opposed, source.p.flip(0), source.p)
    p_sum, q_sum = p.cumsum(0), fused.cumulative[:, None]
    p_below, q_below = (torch.cat((torch.zeros_like(each[:1]), each[:-1])) for each in (p_sum, fused.cumulative))
    mass = torch.minimum(q_sum, p_sum)
    bound = mass.sum((0, 1))
    bound = torch.where(opposed, (SAMPLES + 1) * q_sum.sum((0, 1)) - bound, bound)
    covariance = bound - source.cumulative.sum(0) * fused.cumulative.sum(0)
    mass.sub_(torch.maximum(q_below[:, None], p_below)).clamp_(min=0)
    share = correlation * source.deviation * fused.deviation / covariance
    share = share.masked_fill_((correlation == 0) | (covariance == 0), 0.0)
    joint = mass.mul_(share).add_((fused.p[:, None] * p).mul_(1 - share))
    joint_entropy = -joint.abs().clamp_(min=TINY).log_().mul_(joint).sum((0, 1))
    total = source.entropy + fused.entropy
    score = 2 * (total - joint_entropy) / total
    score = score.masked_fill_((share == 0) | (total == 0), 0.0)
    return score.masked_fill_((source.raw == fused.raw).all(0), 1.0)


def feature_information(feature: Callable[[Plane], Tensor], ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over all windows of the two normalised informations."""
    maps = [feature(each)[:, 0].contiguous() for each in (ir, vis, fused)]
    count, rows, columns = len(maps[0]), maps[0].shape[1] - SIZE + 1, maps[0].shape[2] - SIZE + 1
    sums = maps[0].new_zeros(count, rows)
    if loops_run_on(sums):
        over_rows(score_rows, count * rows, *maps, sums)
    else:
        step = max(WINDOWS_AT_ONCE // columns, 1)
        for image in range(count):
            for top in range(0, rows, step):
                first, second, result = (windows(each[image, top : top + step + SIZE - 1]) for each in maps)
                scores = shared_information(first, result) + shared_information(second, result)
                sums[image, top : top + step] = scores.view(-1, columns).sum(1)
    return sums.sum(1) / (2 * rows * columns)


@compiled
def score_rows(first, last, ir, vis, fused, sums):
    """The scores of F with both sources, summed over each row of windows."""
    p, q = np.empty((3, SAMPLES)), np.empty((3, SAMPLES))  # probabilities, cumulated, logarithms
    cells, places = np.empty(2 * SAMPLES), np.empty((2 * SAMPLES, 2), np.int64)
    rows = sums.shape[1]
    for index in range(first, last):
        image, row = index // rows, index % rows
        total = 0.0
        for column in range(fused.shape[2] - SIZE + 1):
            known = describe(fused[image], row, column, q)
            for source in (ir[image], vis[image]):
                if equal(source, fused[image], row, column):
                    total += 1.0
                elif known[0] > 0:
                    total += stairs(p, describe(source, row, column, p), q, known, cells, places)
        sums[image, row] = total


@compiled
def equal(first, second, row, column):
    """Whether two windows hold the same nine samples."""
    for i in range(SIZE):
        for j in range(SIZE):
            if first[row + i, column + j] != second[row + i, column + j]:
                return False
    return True


@compiled
def describe(x, row, column, p):
    """As ``windows``, of one window: fills p, returns norm, deviation and entropy; zeros for a flat window."""
    low = high = x[row, column]
    for j in range(SIZE):
        for i in range(SIZE):
            value = x[row + i, column + j]
            low, high = min(low, value), max(high, value)
            p[0, SIZE * j + i] = value
    if low == high:
        return 0.0, 0.0, 0.0
    total = 0.0
    for k in range(SAMPLES):
        p[0, k] = (p[0, k] - low) / (high - low)
        total += p[0, k]
    below = mean = square = norm = entropy = 0.0
    for k in range(SAMPLES):
        value = p[0, k] / total
        below += value
        mean += value * (k + 1)
        square += value * (k + 1) ** 2
        norm += (value - 1 / SAMPLES) ** 2
        logarithm = math.log(value) if value > 0 else 0.0
        entropy -= value * logarithm
        p[0, k], p[1, k], p[2, k] = value, below, logarithm
    return math.sqrt(norm), math.sqrt(max(square - mean**2, 0.0)), entropy


@compiled
def reverse(p):
    """Turn the order of the samples round."""
    for k in range(SAMPLES // 2):
        other = SAMPLES - 1 - k
        p[0, k], p[0, other] = p[0, other], p[0, k]
        p[2, k], p[2, other] = p[2, other], p[2, k]
    below = 0.0
    for k in range(SAMPLES):
        below += p[0, k]
        p[1, k] = below


@compiled
def stairs(p, source, q, fused, cells, places):
    """As ``shared_information``, of one pair of windows that differ."""
    (norm, deviation, entropy), (fused_norm, fused_deviation, fused_entropy) = source, fused
    if norm == 0.0:
        return 0.0
    correlation = p_total = q_total = 0.0
    for k in range(SAMPLES):
        correlation += (p[0, k] - 1 / SAMPLES) * (q[0, k] - 1 / SAMPLES)
        p_total, q_total = p_total + p[1, k], q_total + q[1, k]
    correlation /= norm * fused_norm
    opposed = correlation < 0  # the lower Fréchet bound is the upper one with one order reversed
    if opposed:
        reverse(p)
    count = i = j = 0
    below = bound = 0.0
    while i < SAMPLES and j < SAMPLES:
        top = min(q[1, i], p[1, j])
        if top > below:
            cells[count], places[count, 0], places[count, 1] = top - below, i, j
            bound += (top - below) * (SAMPLES - i) * (SAMPLES - j)
            count += 1
            below = top
        if q[1, i] <= p[1, j]:
            i += 1
        else:
            j += 1
    if opposed:
        bound = (SAMPLES + 1) * q_total - bound
    covariance = bound - p_total * q_total
    share = correlation * deviation * fused_deviation / covariance if covariance != 0 else 0.0
    if share == 0.0:
        return 0.0
    rest = 1 - share
    logarithm = math.log(max(abs(rest), TINY))
    joint_entropy = rest * (entropy + fused_entropy - logarithm)
    for k in range(count):
        i, j = places[k]
        product = rest * q[0, i] * p[0, j]
        cell = product + share * cells[k]
        joint_entropy += product * (logarithm + q[2, i] + p[2, j]) - cell * math.log(max(abs(cell), TINY))
    return 2 * (1 - joint_entropy / (entropy + fused_entropy))


def pixels(plane: Plane) -> Tensor:
    """The image itself."""
    return double(plane)


def horizontal_gradient(plane: Plane) -> Tensor:
    """Central differences along the rows, one-sided at the border."""
    return torch.gradient(double(plane), dim=-1)[0]


def cosine_transform(plane: Plane) -> Tensor:
    """Orthonormal DCT-II of the whole image."""
    height, width = plane.x.shape[-2:]
    return cosines(height, plane.x.device) @ double(plane) @ cosines(width, plane.x.device).T


def cosines(size: int, device: torch.device) -> Tensor:
    """The orthonormal DCT-II matrix: row k holds the k-th cosine."""
    index = torch.arange(size, dtype=torch.float64, device=device)
    matrix = torch.cos(math.pi / size * index[:, None] * (index + 0.5)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def edge_map(plane: Plane) -> Tensor:
    """1 on Sobel edges as MATLAB's `edge` documents them: above the automatic threshold and thinned, else 0."""
    along, down = (each.div_(8).abs_() for each in sobel(double(plane), "replicate"))
    square = along.square() + down.square()
    strong = square > EDGE_SCALE * square.mean((1, 2, 3), keepdim=True)
    inner = square[..., 1:-1, 1:-1]
    vertical = (
        (along >= down - SLACK)[..., 1:-1, 1:-1] & (square[..., 1:-1, :-2] <= inner) & (inner > square[..., 1:-1, 2:])
    )
    horizontal = (
        (down >= along - SLACK)[..., 1:-1, 1:-1] & (square[..., :-2, 1:-1] <= inner) & (inner > square[..., 2:, 1:-1])
    )
    edges = torch.zeros_like(square)
    edges[..., 1:-1, 1:-1] = (strong[..., 1:-1, 1:-1] & (vertical | horizontal)).to(square.dtype)
    return edges


def wavelet_bands(plane: Plane) -> Tensor:
    """One level of the discrete Meyer transform (62 taps), four bands tiled and rescaled to [0, 1]."""
    approximation, (along, down, diagonal) = pywt.dwt2(double(plane).cpu().numpy(), "dmey", mode="symmetric")
    tiled = np.concatenate((np.concatenate((approximation, along), -1), np.concatenate((down, diagonal), -1)), -2)
    low, high = tiled.min((1, 2, 3), keepdims=True), tiled.max((1, 2, 3), keepdims=True)
    return torch.from_numpy((tiled - low) / np.where(high > low, high - low, 1.0)).to(plane.x.device)


def on(feature: Callable[[Plane], Tensor]) -> Callable[[Plane, Plane, Plane], Tensor]:
    """The metric on one kind of feature map."""

    def compute(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        return feature_information(feature, ir, vis, fused)

    return compute


FMI_PIXEL = Metric(
    name="fmi_pixel",
    symbol="FMI-pixel",
    title="Feature mutual information on pixels",
    family="information",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="For every 3×3 window the nine samples, in column-major order, rescaled to [0, 1] and to sum 1, are two "
    "distributions p, q. Joint distribution $t\\,dM+(1-t)\\,q p^T$, dM the upper (r ≥ 0) or lower Fréchet bound, "
    "$t=r\\,\\sigma_p\\sigma_q/\\sum(M-QP^T)$, r = Pearson's correlation of p and q, σ = deviation of the position "
    "1…9. Score $2I/(H(p)+H(q))$, $I=H(p)+H(q)+\\sum j\\log|j|$; mean over windows and sources.",
    source="Haghighat & Razian, *AICT* 2014 (fast FMI)",
    tables="papers that pass `'none'`; columns headed *FMI_pixel* by Tang's code are `fmi_edge`",
    cost="c3",
    reference=True,
    compute=on(pixels),
    flat="a window pair scores 1 where the windows are equal, else 0 where one of them is flat",
    presets={"all": 16},
)

FMI_GRADIENT = variant(
    FMI_PIXEL,
    name="fmi_gradient",
    symbol="FMI-gradient",
    title="Feature mutual information on gradients",
    definition="As `fmi_pixel`, on central differences along the rows.",
    tables="papers that pass `'gradient'`",
    compute=on(horizontal_gradient),
    presets={"all": 17},
)

FMI_EDGE = variant(
    FMI_PIXEL,
    name="fmi_edge",
    symbol="FMI-edge",
    title="Feature mutual information on edges",
    definition="As `fmi_pixel`, on the binary Sobel edge map of MATLAB's `edge` (threshold on the squared Sobel/8 "
    "gradient: 4 × its mean; border replicated; thinned to local maxima), built from its documentation.",
    tables="*FMI_pixel* of Tang 2022 and 2023 (the default argument is `'edge'`)",
    compute=on(edge_map),
    presets={"all": 18, "paper-tang2023": 15},
)

FMI_DCT = variant(
    FMI_PIXEL,
    name="fmi_dct",
    symbol="FMI-DCT",
    title="Feature mutual information on cosine coefficients",
    definition="As `fmi_pixel`, on the orthonormal DCT-II of the whole image.",
    tables="*FMI_dct* of Tang and others that pass `'dct'`",
    compute=on(cosine_transform),
    presets={"all": 19, "paper-tang2023": 16},
)

FMI_WAVELET = variant(
    FMI_PIXEL,
    name="fmi_wavelet",
    symbol="FMI-wavelet",
    title="Feature mutual information on wavelet coefficients",
    definition="As `fmi_pixel`, on one level of the discrete Meyer transform, PyWavelets' 62 taps, half-point "
    "symmetric border, four bands tiled and rescaled to [0, 1].",
    tables="none exactly: MATLAB's `dmey` has 102 taps",
    compute=on(wavelet_bands),
    presets={"all": 20, "paper-tang2023": 17},
)
