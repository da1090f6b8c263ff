"""Structural similarity of the fused image with each source."""

from __future__ import annotations

from typing import Literal

from bench.metrics.citations import WANG_2003, WANG_2004
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.local import Window, covariances, double, moments
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, functional

GAUSSIAN = Window(11, 1.5)
PEAK = 255.0
K1, K2 = 0.01, 0.03  # Wang et al. 2004
C1, C2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli & Bovik 2003


def ssim_map(
    x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], covariance: Tensor, c1: float = C1, c2: float = C2
) -> Tensor:
    """SSIM at every pixel from the (mean, variance) of both images and their covariance; Wang et al. 2004, eq. 13."""
    numerator = (x[0] * y[0]).mul_(2).add_(c1).mul_((2 * covariance).add_(c2))
    return numerator.div_(x[0].square().addcmul_(y[0], y[0]).add_(c1).mul_((x[1] + y[1]).add_(c2)))


def ssim_sum(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """SSIM(A, F) + SSIM(B, F)."""

    def both(*maps: Tensor) -> tuple[Tensor]:
        f, a, b = maps[0:2], maps[2:4], maps[4:6]
        return (ssim_map(a, f, maps[6]).add_(ssim_map(b, f, maps[7])),)

    def compute() -> Tensor:
        f, a, b = moments(GAUSSIAN, fused, ir, vis)
        shared = covariances(GAUSSIAN, fused, ir, vis)
        return pixel_sums(both, *f, *a, *b, *shared)[0] / shared[0][0].numel()

    return fused.once(("ssim", ir, vis), compute)


def ssim_mean(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean of SSIM(A, F) and SSIM(B, F)."""
    return ssim_sum(ir, vis, fused) / 2


def halved(plane: Plane, border: Literal["zero", "replicate"]) -> Plane:
    """2×2 averages of every second pixel. A side of odd length is extended as MS-SSIM or as MEF-SSIM does it.

    ``zero``: zeros on both ends (average pooling of pytorch-msssim); ``replicate``: the last row or column repeated.
    """
    height, width = plane.x.shape[-2:]
    odd = height % 2, width % 2

    def compute() -> Plane:
        x = double(plane)
        if any(odd):
            before = odd if border == "zero" else (0, 0)
            mode = "constant" if border == "zero" else "replicate"
            x = functional.pad(x, (before[1], odd[1], before[0], odd[0]), mode=mode)
        x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
        rows = x[..., 0::2, :] + x[..., 1::2, :]
        return Plane((rows[..., 0::2] + rows[..., 1::2]).div_(4))

    return plane.once(("halved", border if any(odd) else None), compute)


def multi_scale_ssim(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over the sources of Wang, Simoncelli & Bovik 2003, eq. 7. Raises ValueError on images of 160 px or less."""
    smallest = (GAUSSIAN.size - 1) * 2 ** (len(SCALE_WEIGHTS) - 1)
    height, width = fused.x.shape[-2:]
    if min(height, width) <= smallest:
        raise ValueError(
            f"ms_ssim needs more than {smallest} pixels on each side, got {height}×{width}; leave this metric out"
        )
    planes, products = [fused, ir, vis], [1.0, 1.0]
    for scale, weight in enumerate(SCALE_WEIGHTS):
        last = scale == len(SCALE_WEIGHTS) - 1
        terms = similarities(*planes, contrast_only=not last)
        products = [product * each.clamp(min=0) ** weight for product, each in zip(products, terms, strict=True)]
        planes = planes if last else [halved(each, "zero") for each in planes]
    return (products[0] + products[1]) / 2


def similarities(fused: Plane, *sources: Plane, contrast_only: bool) -> list[Tensor]:
    """Mean SSIM of ``fused`` with each source, or of its contrast part (2 cov + C2)/(var + var + C2) alone."""
    (mean, variance), *others = moments(GAUSSIAN, fused, *sources)
    means = []
    for (other_mean, other), shared in zip(others, covariances(GAUSSIAN, fused, *sources), strict=True):
        if contrast_only:
            terms = (2 * shared).add_(C2).div_((variance + other).add_(C2))
        else:
            terms = ssim_map((mean, variance), (other_mean, other), shared)
        means.append(terms.flatten(1).mean(1))
    return means


SSIM_MEAN = Metric(
    name="ssim_mean",
    symbol="SSIM",
    title="Structural similarity, mean of both sources",
    family="structure",
    direction="higher",
    range=(-1, 1),
    unit="",
    definition="$\\tfrac12[SSIM(A,F)+SSIM(B,F)]$; "
    "$SSIM=\\frac{(2\\mu_x\\mu_y+C_1)(2\\sigma_{xy}+C_2)}{(\\mu_x^2+\\mu_y^2+C_1)(\\sigma_x^2+\\sigma_y^2+C_2)}$, "
    "Gaussian window 11×11, σ = 1.5, only windows inside the image, $C_1=(0.01L)^2$, $C_2=(0.03L)^2$, L = 255.",
    source="Wang, Bovik, Sheikh & Simoncelli, *TIP* 13, 2004",
    citation=WANG_2004,
    tables="half of VIFB's *SSIM* on grey images; not Tang (`ssim_tang`), not CDDFuse (`ssim_cddfuse`)",
    cost="c1",
    reference=True,
    compute=ssim_mean,
    flat="1 for identical images; C1 and C2 keep flat images finite",
    presets={"core": 12, "all": 23},
)

SSIM_SUM = variant(
    SSIM_MEAN,
    name="ssim_sum",
    symbol="SSIM-sum",
    title="Structural similarity, sum of both sources",
    range=(-2, 2),
    definition="$SSIM(A,F)+SSIM(B,F)$, otherwise as `ssim_mean`.",
    tables="VIFB, when evaluated on grey images",
    compute=ssim_sum,
    flat="2 when F equals both sources",
    presets={"all": 24},
)

MS_SSIM = variant(
    SSIM_MEAN,
    name="ms_ssim",
    symbol="MS-SSIM",
    title="Multi-scale structural similarity",
    range=(0, 1),
    definition="Mean over the sources of five-scale MS-SSIM, weights 0.0448, 0.2856, 0.3001, 0.2363, 0.1333, 2×2 "
    "average pooling, negative terms 0, window and constants of `ssim_mean`. Needs more than 160 pixels on each side.",
    source="Wang, Simoncelli & Bovik, *Asilomar* 2003; equal to pytorch-msssim",
    citation=WANG_2003,
    tables="IVIF_ZOO (some versions sum); not Tang's *MS-SSIM*, which is `mef_ssim`",
    compute=multi_scale_ssim,
    presets={"all": 25},
)
