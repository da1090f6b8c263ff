"""Contrast and activity of the fused image, and its error against the sources."""

from __future__ import annotations

import math

from bench.metrics.citations import CUI_2015, ESKICIOGLU_1995, RAJALINGAM_2018, RAO_1997
from bench.metrics.covariance import squared_error, sum_of_squares, variance
from bench.metrics.kernels.filters import DERIVATIVE, correlate, magnitude, sobel
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

PEAK = 255.0
IDENTICAL = 100.0  # dB, in place of infinity


def standard_deviation(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Population standard deviation."""
    return variance(fused).clamp(min=0).sqrt()


def difference_energy(plane: Plane) -> tuple[Tensor, Tensor]:
    """Sums of squares of the first differences along the rows and down the columns."""

    def compute() -> tuple[Tensor, Tensor]:
        return sum_of_squares(plane.x.diff(dim=-1)), sum_of_squares(plane.x.diff(dim=-2))

    return plane.once("difference energy", compute)


def spatial_frequency(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Eskicioglu & Fisher 1995, eq. 11-13, each mean over the number of differences."""
    along, down = difference_energy(fused)
    height, width = fused.x.shape[-2:]
    return (along / (height * max(width - 1, 1)) + down / (max(height - 1, 1) * width)).sqrt()


def gradient_sum(fused: Plane) -> Tensor:
    """Sum over the pixels of sqrt((gx² + gy²)/2), central differences, one-sided at the border."""

    def compute() -> Tensor:
        along = correlate(fused.x, (1.0,), DERIVATIVE, "replicate")  # twice the gradient: whole numbers, exact
        down = correlate(fused.x, DERIVATIVE, (1.0,), "replicate")
        along[..., (0, -1)] *= 2
        down[..., (0, -1), :] *= 2
        return pixel_sums(lambda x, y: (magnitude(x, y),), along, down)[0] / math.sqrt(8)

    return fused.once("gradient sum", compute)


def average_gradient(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Cui et al. 2015."""
    return gradient_sum(fused) / fused.x[0].numel()


def edge_intensity(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean magnitude of the Sobel gradient."""
    along, down = sobel(fused.x, "replicate")
    return pixel_sums(lambda x, y: (magnitude(x, y),), along, down)[0] / fused.x[0].numel()


def mean_squared_error(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean of the two errors, on 0…255."""
    return ((squared_error(fused, ir) + squared_error(fused, vis)) / 2).clamp(min=0)


def root_mean_squared_error(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Root of the mean of the two errors."""
    return mean_squared_error(ir, vis, fused).sqrt()


def decibel(ratio: Tensor, highest: float = IDENTICAL) -> Tensor:
    """10 log10 of a power ratio, ``highest`` where it is infinite."""
    return torch.where(ratio.isinf(), highest, 10 * torch.log10(ratio))


def peak_signal_to_noise_ratio(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """10 log10(255²/MSE)."""
    return decibel(PEAK**2 / mean_squared_error(ir, vis, fused))


SD = Metric(
    name="sd",
    symbol="SD",
    title="Standard deviation",
    family="quality",
    direction="higher",
    range=(0, 127.5),
    unit="grey levels",
    definition="$\\sqrt{\\tfrac1N\\sum (F-\\bar F)^2}$ on 0…255, divided by N (population).",
    source="Rao, *In-fibre Bragg grating sensors*, 1997, as used by VIFB, Tang and CDDFuse",
    citation=RAO_1997,
    tables="VIFB (there called *Variance*), Tang 2023, CDDFuse and their descendants; not the Tang 2022 tables (SD "
    "8-10)",
    cost="c0",
    reference=False,
    compute=standard_deviation,
    flat="0 on a flat image",
    presets={"core": 2, "all": 2, "paper-tang2023": 2, "paper-cddfuse": 2},
)

SF = Metric(
    name="sf",
    symbol="SF",
    title="Spatial frequency",
    family="quality",
    direction="higher",
    range=(0, 255 * math.sqrt(2)),
    unit="grey levels",
    definition="$\\sqrt{RF^2+CF^2}$; RF², CF² = mean square of the first differences along the rows and down the "
    "columns, each over the number of its differences.",
    source="Eskicioglu & Fisher, *IEEE Trans. Commun.* 43, 1995",
    citation=ESKICIOGLU_1995,
    tables="Tang 2023, CDDFuse; 255 × the Tang 2022 tables; VIFB within about 0.1 %",
    cost="c0",
    reference=False,
    compute=spatial_frequency,
    flat="0 on a flat image",
    presets={"core": 3, "all": 3, "paper-tang2023": 3, "paper-cddfuse": 3},
)

AG = Metric(
    name="ag",
    symbol="AG",
    title="Average gradient",
    family="quality",
    direction="higher",
    range=(0, 255),
    unit="grey levels",
    definition="Mean over all pixels of $\\sqrt{(g_x^2+g_y^2)/2}$; central differences, one-sided at the border.",
    source="Cui et al., *Opt. Commun.* 341, 2015",
    citation=CUI_2015,
    tables="CDDFuse; VIFB and Tang within about 0.3 % (`ag_vifb`, `ag_tang`)",
    cost="c0",
    reference=False,
    compute=average_gradient,
    flat="0 on a flat image",
    presets={"core": 4, "all": 4, "paper-cddfuse": 4},
)

EI = Metric(
    name="ei",
    symbol="EI",
    title="Edge intensity",
    family="quality",
    direction="higher",
    range=(0, 1020 * math.sqrt(2)),
    unit="grey levels",
    definition="Mean Sobel magnitude $\\sqrt{g_x^2+g_y^2}$, kernel 1-2-1 not normalised, border replicated.",
    source="Rajalingam & Priya, *Int. J. Eng. Sci. Invention*, 2018, as in VIFB",
    citation=RAJALINGAM_2018,
    tables="VIFB, when evaluated on grey images",
    cost="c0",
    reference=False,
    compute=edge_intensity,
    flat="0 on a flat image",
    presets={"all": 5},
)

MSE = Metric(
    name="mse",
    symbol="MSE",
    title="Mean squared error",
    family="quality",
    direction="lower",
    range=(0, PEAK**2),
    unit="squared grey levels",
    definition="$\\tfrac12[MSE(A,F)+MSE(B,F)]$ on 0…255.",
    source="common",
    tables="CDDFuse; 65025 × Tang (`mse_tang`)",
    cost="c0",
    reference=True,
    compute=mean_squared_error,
    flat="0 when F equals both sources",
    presets={"core": 9, "all": 6, "paper-cddfuse": 6},
)

RMSE = variant(
    MSE,
    name="rmse",
    symbol="RMSE",
    title="Root mean squared error",
    range=(0, PEAK),
    unit="grey levels",
    definition="$\\sqrt{MSE}$, MSE = mean of MSE(A, F) and MSE(B, F) on 0…255.",
    tables="none of the common toolboxes; VIFB's *RMSE* is `rmse_vifb`",
    compute=root_mean_squared_error,
    presets={"all": 7},
)

PSNR = variant(
    MSE,
    name="psnr",
    symbol="PSNR",
    title="Peak signal-to-noise ratio",
    direction="higher",
    range=(0, IDENTICAL),
    unit="dB",
    definition="$10\\log_{10}(255^2/MSE)$, MSE = mean of MSE(A, F) and MSE(B, F) on 0…255.",
    tables="Tang after subtracting 48.13 dB (`psnr_tang`); not VIFB (`psnr_vifb`), not CDDFuse (`psnr_cddfuse`)",
    compute=peak_signal_to_noise_ratio,
    flat=f"{IDENTICAL:g} dB when F equals both sources",
    presets={"core": 8, "all": 8},
)
