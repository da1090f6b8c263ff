"""Structural similarity weighted by which source matters at each pixel: Piella, Cvejic, Yang."""

from __future__ import annotations

from bench.metrics.citations import CVEJIC_2005, LIU_2012, PIELLA_2003, YANG_2008
from bench.metrics.kernels.filters import DERIVATIVE, correlate, magnitude
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.local import Window, covariances, moments
from bench.metrics.metric import Metric, Plane, variant
from bench.metrics.structure import GAUSSIAN, ssim_map
from tsdm_bench.torch_later import Tensor, torch

NARROW = Window(7, 1.5)
VANISHING = 2e-16  # C1 and C2 of Cvejic and Yang in the code of Liu et al. 2012
TINY = 1e-300  # makes 0/0 one half
SIMILAR = 0.75  # Yang et al. 2008
ONES = (1.0, 1.0, 1.0)


def piella_means(ir: Plane, vis: Plane, fused: Plane) -> tuple[Tensor, Tensor]:
    """Piella's quality averaged plainly and averaged by the larger source variance; kept by ``fused``."""

    def terms(*maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        f, a, b = maps[0:2], maps[2:4], maps[4:6]
        first, second = ssim_map(a, f, maps[6]), ssim_map(b, f, maps[7])
        quality = torch.lerp(second, first, infrared_share(a[1], b[1]))
        weight = torch.maximum(a[1], b[1])
        return quality, quality * weight, weight

    def compute() -> tuple[Tensor, Tensor]:
        f, a, b = moments(GAUSSIAN, fused, ir, vis)
        shared = covariances(GAUSSIAN, fused, ir, vis)
        total, weighted, weight = pixel_sums(terms, *f, *a, *b, *shared)
        mean = total / shared[0][0].numel()
        return mean, torch.where(weight > 0, weighted / weight, mean)

    return fused.once(("piella", ir, vis), compute)


def infrared_share(first: Tensor, second: Tensor) -> Tensor:
    """var_A/(var_A + var_B) at every pixel, one half where both are flat."""
    return (first + TINY).div_((first + second).add_(2 * TINY))


def fusion_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Piella & Heijmans 2003, eq. 4."""
    return piella_means(ir, vis, fused)[0]


def weighted_fusion_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Piella & Heijmans 2003, eq. 5; plain mean where both sources are flat."""
    return piella_means(ir, vis, fused)[1]


def edge_magnitude(plane: Plane) -> Plane:
    """Magnitude of the 3×3 Prewitt gradient, zero border."""
    along = correlate(plane.x, ONES, DERIVATIVE)
    down = correlate(plane.x, DERIVATIVE, ONES)
    return Plane(magnitude(along, down))


def edge_dependent_fusion_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Piella & Heijmans 2003, eq. 6 with α = 1."""
    edges = (edge_magnitude(each) for each in (ir, vis, fused))  # six maps with their moments: too many to remember
    return weighted_fusion_quality(ir, vis, fused) * weighted_fusion_quality(*edges)


def narrow_means(ir: Plane, vis: Plane, fused: Plane) -> tuple[Tensor, Tensor]:
    """The qualities of Cvejic and of Yang, which share the 7×7 window; kept by ``fused``."""

    def terms(*maps: Tensor) -> tuple[Tensor, Tensor]:
        f, a, b, (af, bf, ab) = maps[0:2], maps[2:4], maps[4:6], maps[6:]
        first = ssim_map(a, f, af, VANISHING, VANISHING)
        second = ssim_map(b, f, bf, VANISHING, VANISHING)
        weight = (af + TINY).div_((af + bf).add_(2 * TINY))
        clipped = weight.clamp(0, 1)
        cvejic = torch.where(clipped == weight, torch.lerp(second, first, weight), clipped)
        agree = ssim_map(a, b, ab, VANISHING, VANISHING) >= SIMILAR
        weighted = torch.lerp(second, first, infrared_share(a[1], b[1]))
        return cvejic, torch.where(agree, weighted, torch.maximum(first, second))

    def compute() -> tuple[Tensor, Tensor]:
        images = [Plane(each.x) for each in (fused, ir, vis)]  # no other metric needs what is remembered here
        f, a, b = moments(NARROW, *images)
        shared = [*covariances(NARROW, *images), *covariances(NARROW, images[2], images[1])]
        cvejic, yang = pixel_sums(terms, *f, *a, *b, *shared)
        return cvejic / shared[0][0].numel(), yang / shared[0][0].numel()

    return fused.once(("narrow", ir, vis), compute)


def cvejic_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Cvejic et al. 2005, eq. 5-6, as computed by the code of Liu et al. 2012: 0 where w < 0 and 1 where w > 1."""
    return narrow_means(ir, vis, fused)[0]


def yang_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Yang et al. 2008, eq. 5: weighted where the sources agree, the better one where they do not."""
    return narrow_means(ir, vis, fused)[1]


QS = Metric(
    name="qs",
    symbol="Qs",
    title="Fusion quality (Piella)",
    family="structure",
    direction="higher",
    range=(-1, 1),
    unit="",
    definition="Mean of $\\lambda S(A,F)+(1-\\lambda)S(B,F)$, $\\lambda=\\sigma_A^2/(\\sigma_A^2+\\sigma_B^2)$ and "
    "SSIM *S* under the window of `ssim_mean`, L = 255.",
    source="Piella & Heijmans, *ICIP* 2003; Liu et al., *TPAMI* 34, 2012 (SSIM instead of the paper's UIQI)",
    citation=f"{PIELLA_2003}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012 (`sw = 1`)",
    cost="c1",
    reference=True,
    compute=fusion_quality,
    flat="λ = ½ where both windows are flat; 1 when F equals both sources",
    presets={"all": 29, "paper-liu2012": 7},
)

QW = variant(
    QS,
    name="qw",
    symbol="Qw",
    title="Weighted fusion quality (Piella)",
    definition="As `qs`, each pixel weighted by $\\max(\\sigma_A^2,\\sigma_B^2)$, weights summing to 1.",
    tables="toolboxes built on Liu 2012 (`sw = 2`)",
    compute=weighted_fusion_quality,
    flat="`qs` when both sources are flat",
    presets={"all": 30},
)

QE = variant(
    QS,
    name="qe",
    symbol="Qe",
    title="Edge-dependent fusion quality (Piella)",
    definition="`qw` of the images times `qw` of their 3×3 Prewitt magnitudes (not normalised, zero border), α = 1.",
    tables="none: the public code stops with an error (`sw = 3`)",
    compute=edge_dependent_fusion_quality,
    flat="as `qw`",
    presets={"all": 31},
)

QC = variant(
    QS,
    name="qc",
    symbol="Qc",
    title="Fusion quality (Cvejic)",
    definition="Mean of $w S(A,F)+(1-w)S(B,F)$, $w=\\sigma_{AF}/(\\sigma_{AF}+\\sigma_{BF})$; the pixel counts 0 where "
    "w < 0 and 1 where w > 1; Gaussian window 7×7, σ = 1.5, inside the image, $C_1=C_2=2\\cdot10^{-16}$.",
    source="Cvejic et al., *Int. J. Signal Process.* 2, 2005; Liu et al., *TPAMI* 34, 2012",
    citation=f"{CVEJIC_2005}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012",
    compute=cvejic_quality,
    flat="w = ½ where both covariances are 0; S = luminance term where both windows are flat",
    presets={"all": 32, "paper-liu2012": 8},
)

QY = variant(
    QS,
    name="qy",
    symbol="Qy",
    title="Fusion quality (Yang)",
    definition="Window and constants of `qc`. Where $S(A,B)\\ge0.75$: $\\lambda S(A,F)+(1-\\lambda)S(B,F)$ with λ of "
    "`qs`; elsewhere $\\max[S(A,F),S(B,F)]$; mean.",
    source="Yang, Zhang, Wang & Liu, *Inf. Fusion* 9, 2008; Liu et al., *TPAMI* 34, 2012",
    citation=f"{YANG_2008}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012; not IVIF_ZOO",
    compute=yang_quality,
    flat="as `qc`",
    presets={"all": 33, "paper-liu2012": 9},
)
