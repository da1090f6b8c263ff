"""What the public evaluator of CDDFuse (Zhao et al., CVPR 2023), widely copied, computes differently."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.metrics import quality, structure
from bench.metrics.citations import ZHAO_2023
from bench.metrics.kernels.filters import box_sum
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.metric import Plane, variant
from tsdm_bench.torch_later import Tensor

SIZE = 7
SAMPLES = SIZE * SIZE
FLOAT_RANGE = 2.0  # scikit-image before 0.20, floating-point images without data_range


def peak_signal_to_noise_ratio(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """10 log10(max(F)²/MSE)."""
    peak = fused.x.amax((1, 2, 3)).double()
    error = quality.mean_squared_error(ir, vis, fused)
    return quality.decibel((peak.square() / error).clamp(min=1e-10).masked_fill(error == 0, math.inf))


def box_moments(plane: Plane) -> tuple[Tensor, Tensor]:
    """Mean and sample variance under the 7×7 box inside the image; sums of integers, so exact."""

    def compute() -> tuple[Tensor, Tensor]:
        total, squares = box_sum(plane.x, SIZE), box_sum(plane.x * plane.x, SIZE)
        return total.div_(SAMPLES), squares.addcmul_(total, total, value=-SAMPLES).div_(SAMPLES - 1)

    return plane.once("box moments", compute)


def box_ssim(dynamic_range: float) -> Callable[[Plane, Plane, Plane], Tensor]:
    """SSIM(A, F) + SSIM(B, F) of scikit-image's defaults with the given ``data_range``."""
    c1, c2 = (structure.K1 * dynamic_range) ** 2, (structure.K2 * dynamic_range) ** 2

    def similarity(*maps: Tensor) -> tuple[Tensor]:
        fused, source, product = maps[:2], maps[2:4], maps[4]
        covariance = (product / SAMPLES).addcmul_(fused[0], source[0], value=-1).mul_(SAMPLES / (SAMPLES - 1))
        return (structure.ssim_map(source, fused, covariance, c1, c2),)

    def compute(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        products = [box_sum(fused.x * each.x, SIZE) for each in (ir, vis)]
        maps = [(*box_moments(fused), *box_moments(each)) for each in (ir, vis)]
        sums = [pixel_sums(similarity, *each, product)[0] for each, product in zip(maps, products, strict=True)]
        return (sums[0] + sums[1]) / products[0][0].numel()

    return compute


PSNR = variant(
    quality.PSNR,
    name="psnr_cddfuse",
    symbol="PSNR (CDDFuse)",
    title="Peak signal-to-noise ratio (CDDFuse)",
    range=(-100, quality.IDENTICAL),
    definition="$10\\log_{10}(\\max(F)^2/MSE)$: the peak is the largest grey value of F.",
    source="CDDFuse `Evaluator.py`, Zhao et al., *CVPR* 2023",
    citation=ZHAO_2023,
    tables="CDDFuse and papers that copy its evaluator",
    compute=peak_signal_to_noise_ratio,
    flat=f"{quality.IDENTICAL:g} dB when F equals both sources, −100 dB when F is black and a source is not",
    presets={"paper-cddfuse": 8},
)

SSIM = variant(
    structure.SSIM_SUM,
    name="ssim_cddfuse",
    symbol="SSIM (CDDFuse)",
    title="Structural similarity (CDDFuse)",
    definition="$SSIM(A,F)+SSIM(B,F)$ with scikit-image's defaults before 0.20: 7×7 box, sample covariance, windows "
    "inside the image, L = 2 although the data are 0…255.",
    source="CDDFuse `Evaluator.py`, Zhao et al., *CVPR* 2023, with scikit-image < 0.20",
    citation=ZHAO_2023,
    tables="CDDFuse and papers that copy its evaluator",
    compute=box_ssim(FLOAT_RANGE),
    presets={"paper-cddfuse": 12},
)

SSIM_255 = variant(
    SSIM,
    name="ssim_cddfuse_255",
    symbol="SSIM (CDDFuse, 255)",
    title="Structural similarity (CDDFuse, data_range=255)",
    definition="As `ssim_cddfuse`, L = 255.",
    source="CDDFuse `Evaluator.py` with `data_range=255` added for scikit-image ≥ 0.20",
    citation=ZHAO_2023,
    tables="papers that copy CDDFuse's evaluator and repair it for recent scikit-image",
    compute=box_ssim(structure.PEAK),
)
