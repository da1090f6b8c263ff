"""MEF-MS-SSIM: similarity with the patch that the sources together would ideally give."""

from __future__ import annotations

import math

from bench.metrics.citations import MA_2015
from bench.metrics.kernels.filters import box_sum
from bench.metrics.kernels.strips import pixel_maps, pixel_sums
from bench.metrics.local import covariances, moments
from bench.metrics.metric import Metric, Plane
from bench.metrics.structure import C2, GAUSSIAN, SCALE_WEIGHTS, halved
from tsdm_bench.torch_later import Tensor, torch

SIZE = GAUSSIAN.size
OFFSET = 0.001  # added to each contrast
TINY = 1e-12
STEEPEST = 10.0  # largest exponent of the contrast weights
WEIGHTS = tuple(weight / sum(SCALE_WEIGHTS[:3]) for weight in SCALE_WEIGHTS[:3])


def reference_patch(ir: Plane, vis: Plane) -> list[Tensor]:
    """The reference patch r = α(A − mean) + β(B − mean) of every window: α and β; kept by ``vis``.

    Ma, Zeng & Wang 2015, eq. 3-8: direction from contrasts to the power p, length of the stronger source.
    """

    def compute() -> list[Tensor]:
        a, b = ir.x, vis.x
        return pixel_maps(patch_from_sums, *(box_sum(each, SIZE) for each in (a, b, a * a, b * b, a * b)))

    return vis.once(("reference patch", ir), compute)


def patch_from_sums(a: Tensor, b: Tensor, aa: Tensor, bb: Tensor, ab: Tensor) -> tuple[Tensor, Tensor]:
    """α and β from box sums of A, B, A², B², AB."""
    energy_a, energy_b = (aa - a * a / SIZE**2).clamp_(min=0), (bb - b * b / SIZE**2).clamp_(min=0)
    shared = ab - a * b / SIZE**2
    norm_a, norm_b = energy_a.sqrt(), energy_b.sqrt()
    both = (energy_a + energy_b).add_(shared, alpha=2).clamp_(min=0).sqrt_()
    consistency = both.div_((norm_a + norm_b).clamp_(min=TINY)).clamp_(max=1)
    power = consistency.mul_(math.pi / 2).tan_().clamp_(max=STEEPEST)
    contrast_a, contrast_b = norm_a.add_(OFFSET), norm_b.add_(OFFSET)
    strongest = torch.maximum(contrast_a, contrast_b)
    alpha = (contrast_a / strongest).log_().mul_(power).exp_().div_(contrast_a)
    beta = (contrast_b / strongest).log_().mul_(power).exp_().div_(contrast_b)
    length = quadratic(alpha, beta, energy_a, energy_b, shared).clamp_(min=0).sqrt_()
    scale = strongest.div_(length.clamp_(min=TINY))  # where both sources are flat, their centred patches are 0 too
    return alpha.mul_(scale), beta.mul_(scale)


def quadratic(alpha: Tensor, beta: Tensor, aa: Tensor, bb: Tensor, ab: Tensor) -> Tensor:
    """α² aa + β² bb + 2 αβ ab: the variance of r from those of A and B and their covariance."""
    return alpha.square().mul_(aa).addcmul_(beta.square(), bb).addcmul_(alpha * beta, ab, value=2)


def similarity(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over the windows of (2 cov(r, F) + C)/(var r + var F + C)."""

    def score(alpha: Tensor, beta: Tensor, *statistics: Tensor) -> tuple[Tensor]:
        aa, bb, ff, ab, af, bf = statistics
        numerator = (alpha * af).addcmul_(beta, bf).mul_(2).add_(C2)
        return (numerator.div_(quadratic(alpha, beta, aa, bb, ab).add_(ff).add_(C2)),)

    variances = [variance for _, variance in moments(GAUSSIAN, ir, vis, fused)]
    shared = [*covariances(GAUSSIAN, vis, ir), *covariances(GAUSSIAN, fused, ir, vis)]
    return pixel_sums(score, *reference_patch(ir, vis), *variances, *shared)[0] / variances[0][0].numel()


def mef_ms_ssim(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Product over three scales. Raises ValueError on images too small for the window at the third scale."""
    height, width = fused.x.shape[-2:]
    if min(height, width) < (SIZE - 1) * 2 ** (len(WEIGHTS) - 1) + 1:
        raise ValueError(
            f"mef_ssim needs more than 40 pixels on each side, got {height}×{width}; leave this metric out"
        )
    planes = [ir, vis, fused]
    result = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            planes = [halved(each, "replicate") for each in planes]
        result = result * similarity(*planes).clamp(min=0) ** weight
    return result


MEF_SSIM = Metric(
    name="mef_ssim",
    symbol="MEF-SSIM",
    title="Multi-exposure fusion MS-SSIM",
    family="structure",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="Three scales, weights (0.0448, 0.2856, 0.3001)/sum, 11×11 windows inside the image. With "
    "$e_k=\\|x_k-\\mu_k\\|+0.001$ and $p=\\min(\\tan(\\pi R/2),10)$, "
    "$R=\\|\\sum_k(x_k-\\mu_k)\\|/\\sum_k\\|x_k-\\mu_k\\|$, the reference *r* is $\\sum_k e_k^p\\,(x_k-\\mu_k)/e_k$ "
    "scaled to norm $\\max e_k$; score $(2\\sigma_{rF}+C)/(\\sigma_r^2+\\sigma_F^2+C)$ under G(11, 1.5), "
    "$C=(0.03\\cdot255)^2$. Between scales 2×2 means, border repeated. Negative scale means count 0.",
    source="Ma, Zeng & Wang, *TIP* 24, 2015",
    citation=MA_2015,
    tables="Tang 2023's *MS-SSIM*",
    cost="c1",
    reference=True,
    compute=mef_ms_ssim,
    flat="1 on three flat images; r = 0 where both sources are flat",
    presets={"all": 26, "paper-tang2023": 14},
)
