"""Feature mutual information (Haghighat & Razian 2014): what small windows of F tell of the sources'."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pywt

from bench.metrics.citations import HAGHIGHAT_2014
from bench.metrics.kernels.feature_windows import SIZE, score_windows
from bench.metrics.kernels.filters import sobel
from bench.metrics.local import double
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

EDGE_SCALE = 4.0  # MATLAB `edge`: threshold on the squared gradient, times its mean
SLACK = 100 * 2.0**-52


def feature_information(feature: Callable[[Plane], Tensor], ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over all windows of the two normalised informations."""
    maps = [feature(each)[:, 0].contiguous() for each in (ir, vis, fused)]
    rows, columns = (side - SIZE + 1 for side in maps[0].shape[1:])
    return score_windows(*maps).sum(1) / (2 * rows * columns)


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
    citation=HAGHIGHAT_2014,
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
