"""What the evaluation code of Tang et al. computes differently: the revision of 2022 and the one since 2023.

The 2022 revision mixes 8-bit integers, which saturate at 0 and 255, with images on [0, 1]. Tables with SD of 8 to 10
and SF of 0.05 come from it.
"""

from __future__ import annotations

import math

import numpy as np

from bench.metrics import edge, fidelity, information, quality, structure
from bench.metrics.citations import TANG_CODE
from bench.metrics.histograms import entropy, histogram, joint_histogram
from bench.metrics.kernels.filters import blur, correlate, gaussian_kernel
from bench.metrics.local import double
from bench.metrics.metric import Plane, variant
from bench.metrics.papers.vifb import average_gradient
from tsdm_bench.torch_later import Tensor, functional, torch

PEAK = quality.PEAK


def unit_mean_squared_error(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """On [0, 1]."""
    return quality.mean_squared_error(ir, vis, fused) / PEAK**2


def peak_signal_to_noise_ratio(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Error on [0, 1], peak 255: 48.13 dB too high."""
    return quality.decibel(PEAK**2 / unit_mean_squared_error(ir, vis, fused), highest=IDENTICAL)


IDENTICAL = quality.IDENTICAL + 20 * math.log10(PEAK)


def artefacts_as_called(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """The function takes (F, A, B) and is given (A, B, F)."""
    return edge.petrovic_balance(vis, fused, ir)[2]  # not kept: planes must not know each other in a circle


def replicated_ssim(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean SSIM of both sources: Gaussian window, border replicated, L = 1 on data of 0…255."""
    c1, c2 = structure.K1**2, structure.K2**2
    planes = [double(each) for each in (fused, ir, vis)]
    kernel = gaussian_kernel(*structure.GAUSSIAN)
    products = [*planes, *(x * x for x in planes), *(planes[0] * x for x in planes[1:])]
    maps = [correlate(each, kernel, kernel, "replicate") for each in products]
    means, squares, shared = maps[:3], maps[3:6], maps[6:]
    variances = [square - mean * mean for square, mean in zip(squares, means, strict=True)]
    result = 0.0
    for mean, variance, product in zip(means[1:], variances[1:], shared, strict=True):
        numerator = (2 * means[0] * mean + c1) * (2 * (product - means[0] * mean) + c2)
        denominator = (means[0].square() + mean.square() + c1) * (variances[0] + variance + c2)
        result = result + (numerator / denominator).flatten(1).mean(1)
    return result / 2


def saturated_deviation(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """F − mean in 8-bit integers clips at 0, its square at 255."""
    x = double(fused)
    above = (x - x.mean((1, 2, 3), keepdim=True) + 0.5).floor_().clamp_(min=0)
    return above.square_().clamp_(max=PEAK).flatten(1).mean(1).sqrt()


def unit_spatial_frequency(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """On [0, 1]."""
    return quality.spatial_frequency(ir, vis, fused) / PEAK


def saturated_information(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mutual information whose joint histogram, not its marginals, merges 254 and 255: ``x + 1`` in 8-bit integers."""

    def part(source: Plane) -> Tensor:
        joint = joint_histogram(fused, source).clone()
        joint[:, :, 254] += joint[:, :, 255]
        joint[:, 254] += joint[:, 255]
        joint[:, 255] = joint[:, :, 255] = 0
        return (entropy(histogram(source)) + entropy(histogram(fused)) - entropy(joint)).clamp(min=0)

    return (part(ir) + part(vis)) / information.BIT


def saturated_fidelity(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """vifp(A, F) + vifp(B, F) whose products x², xy clip at 255 at the first scale."""
    return sum(_saturated_vifp(each, fused) for each in (ir, vis))


def _saturated_vifp(source: Plane, fused: Plane) -> Tensor:
    numerator, denominator, tiny = 0.0, 0.0, fidelity.TINY
    levels = zip(fidelity.SCALES, *fidelity.scales(source, fused), strict=True)
    for scale, (window, reference, distorted) in enumerate(levels):
        x, y = double(reference), double(distorted)
        products = [x * x, y * y, x * y]
        if scale == 0:
            products = [each.clamp_(max=PEAK) for each in products]
        mean_x, mean_y, xx, yy, xy = (blur(each, *window) for each in (x, y, *products))
        variance = functional.threshold(xx - mean_x * mean_x, tiny, 0.0)
        distorted_variance = functional.threshold(yy - mean_y * mean_y, tiny, 0.0)
        covariance = xy - mean_x * mean_y
        gain = (covariance / (variance + tiny)).clamp_(min=0)
        gain = gain.mul_(variance > 0).mul_(distorted_variance > 0)
        noise = (distorted_variance - gain * covariance).clamp_(min=tiny).add_(fidelity.NOISE)
        numerator = numerator + torch.log1p(gain.square().mul_(variance).div_(noise)).flatten(1).sum(1)
        denominator = denominator + torch.log1p(variance / fidelity.NOISE).flatten(1).sum(1)
    return torch.where(denominator > 0, numerator / denominator, 1.0)


TAPS = ((0, 1.0), (1, 2.0), (2, 1.0))


def unit_edges(plane: Plane) -> tuple[Tensor, Tensor]:
    """Sobel magnitude and angle on [0, 1], zero border.

    Which equal magnitudes and which horizontal edges are found is up to rounding there, so that the nine taps are
    summed in the order of MATLAB's ``conv2``: last column first, last row first.
    """

    def compute() -> tuple[Tensor, Tensor]:
        height, width = plane.x.shape[-2:]
        padded = functional.pad(double(plane) / PEAK, (1, 1, 1, 1))

        def taps(weights: tuple[tuple[float, ...], ...]) -> Tensor:
            total = torch.zeros_like(double(plane))
            for column in (2, 1, 0):
                for row in (2, 1, 0):
                    if weights[row][column]:
                        total += weights[row][column] * padded[..., row : row + height, column : column + width]
            return total

        along = taps(((1, 0, -1), (2, 0, -2), (1, 0, -1)))
        down = taps(((-1, -2, -1), (0, 0, 0), (1, 2, 1)))
        angle = torch.where(along == 0, edge.RIGHT_ANGLE, (down / along).atan_())
        square = along.square() + down.square()
        magnitude = np.sqrt(square.cpu().numpy())  # torch's root may be off by a bit, and equal magnitudes matter here
        return torch.from_numpy(magnitude).to(square.device), angle

    return plane.once("unit edges", compute)


def unit_edge_preservation(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Qabf on [0, 1]."""
    return edge.preserved_share(unit_edges(ir), unit_edges(vis), unit_edges(fused))


CODE = "Evaluation-for-Image-Fusion, Tang et al., revision since 2023-03"
CODE_2022 = "Evaluation-for-Image-Fusion, Tang et al., revision of 2022"
TABLES = "papers that use the code of Tang et al."
TABLES_2022 = "papers that use the 2022 code of Tang et al. (minmaxHong/IVIF_metric keeps it)"

AG = variant(
    quality.AG,
    name="ag_tang",
    symbol="AG (Tang)",
    title="Average gradient (Tang)",
    definition="As `ag`, but the sum over all pixels is divided by (H − 1)(W − 1).",
    source=CODE,
    citation=TANG_CODE,
    tables=f"{TABLES}, both revisions; VIFB on grey images",
    compute=average_gradient,
    presets={"paper-tang2022": 4, "paper-tang2023": 4},
)

MSE = variant(
    quality.MSE,
    name="mse_tang",
    symbol="MSE (Tang)",
    title="Mean squared error on [0, 1] (Tang)",
    range=(0, 1),
    unit="",
    definition="$\\tfrac12[MSE(A,F)+MSE(B,F)]$ on [0, 1].",
    source=CODE,
    citation=TANG_CODE,
    tables=f"{TABLES}, both revisions; IVIF_ZOO",
    compute=unit_mean_squared_error,
    presets={"paper-tang2022": 6, "paper-tang2023": 6},
)

PSNR = variant(
    quality.PSNR,
    name="psnr_tang",
    symbol="PSNR (Tang)",
    title="Peak signal-to-noise ratio (Tang)",
    range=(10 * math.log10(PEAK**2), IDENTICAL),
    definition="$10\\log_{10}(255^2/MSE)$ with MSE on [0, 1]: 48.13 dB more than `psnr`.",
    source=CODE,
    citation=TANG_CODE,
    tables=f"{TABLES}, both revisions; IVIF_ZOO",
    compute=peak_signal_to_noise_ratio,
    flat=f"{IDENTICAL:.2f} dB when F equals both sources",
    presets={"paper-tang2022": 7, "paper-tang2023": 7},
)

NABF = variant(
    edge.NABF,
    name="nabf_tang",
    symbol="Nabf (Tang)",
    title="Edge artefacts added, arguments permuted (Tang)",
    definition="`nabf` with the arguments in the order of the caller, (A, B, F) for (F, A, B): the artefacts of A as a "
    "fusion of B and F. The ranking of methods inverts.",
    source=CODE,
    citation=TANG_CODE,
    tables=f"{TABLES} of 2023 and later",
    compute=artefacts_as_called,
    flat="0 when A is flat",
    presets={"paper-tang2023": 12},
)

SSIM = variant(
    structure.SSIM_MEAN,
    name="ssim_tang",
    symbol="SSIM (Tang)",
    title="Structural similarity with L = 1 (Tang)",
    definition="As `ssim_mean`, but L = 1 on data of 0…255, border replicated, mean over all pixels (MATLAB `ssim` on "
    "doubles).",
    source=CODE,
    citation=TANG_CODE,
    tables=f"{TABLES} of 2023 and later",
    compute=replicated_ssim,
    presets={"paper-tang2023": 13},
)

SD_2022 = variant(
    quality.SD,
    name="sd_tang2022",
    symbol="SD (Tang 2022)",
    title="Standard deviation in 8-bit integers (Tang 2022)",
    range=(0, math.sqrt(PEAK)),
    definition="$\\sqrt{\\tfrac1N\\sum\\min(255,\\max(0,round(F-\\bar F))^2)}$: values below the mean count 0.",
    source=CODE_2022,
    citation=TANG_CODE,
    tables=TABLES_2022,
    compute=saturated_deviation,
    presets={"paper-tang2022": 2},
)

SF_2022 = variant(
    quality.SF,
    name="sf_tang2022",
    symbol="SF (Tang 2022)",
    title="Spatial frequency on [0, 1] (Tang 2022)",
    range=(0, math.sqrt(2)),
    unit="",
    definition="`sf`/255.",
    source=CODE_2022,
    citation=TANG_CODE,
    tables=TABLES_2022,
    compute=unit_spatial_frequency,
    presets={"paper-tang2022": 3},
)

MI_2022 = variant(
    information.MI,
    name="mi_tang2022",
    symbol="MI (Tang 2022)",
    title="Mutual information, 254 and 255 merged (Tang 2022)",
    definition="As `mi`, but grey values 254 and 255 share a bin in the joint histogram (not in the marginals).",
    source=CODE_2022,
    citation=TANG_CODE,
    tables=TABLES_2022,
    compute=saturated_information,
    presets={"paper-tang2022": 5},
)

VIF_2022 = variant(
    fidelity.VIF,
    name="vif_tang2022",
    symbol="VIF (Tang 2022)",
    title="Visual information fidelity in 8-bit integers (Tang 2022)",
    definition="As `vif`, but the products x², y², xy clip at 255 at the first scale.",
    source=CODE_2022,
    citation=TANG_CODE,
    tables=TABLES_2022,
    compute=saturated_fidelity,
    presets={"paper-tang2022": 8},
)

QABF_2022 = variant(
    edge.QABF,
    name="qabf_tang2022",
    symbol="Qabf (Tang 2022)",
    title="Edge preservation on [0, 1] (Tang 2022)",
    definition="As `qabf` on images divided by 255: where magnitudes are equal, G is 255 times smaller, and rounding "
    "decides which are equal; the sums run in the order of MATLAB's `conv2`.",
    source=CODE_2022,
    citation=TANG_CODE,
    tables=TABLES_2022,
    compute=unit_edge_preservation,
    presets={"paper-tang2022": 11},
)
