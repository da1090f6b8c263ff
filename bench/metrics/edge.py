"""How much of the sources' edges arrives in the fused image, how much is lost and how much is added."""

from __future__ import annotations

import math

from bench.metrics.citations import KUMAR_2013, LIU_2012, PETROVIC_2005, XYDEAS_2000, ZHENG_2007
from bench.metrics.covariance import sum_of_squares
from bench.metrics.kernels.edges import RIGHT_ANGLE, Edges, polar, preserved_sums
from bench.metrics.kernels.filters import sobel
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.metric import Metric, Plane, variant
from bench.metrics.quality import difference_energy
from tsdm_bench.torch_later import Tensor, torch

SOBEL_SCALE = 8.0
VISIBLE = 2.0  # Sobel/8 magnitude from which an edge counts by its strength (Petrović & Xydeas)
INVISIBLE_WEIGHT = 0.001
TINY = 1e-300
NUDGE = 1e-5  # in place of gx = 0 in the code of Liu et al. 2012


def edges(plane: Plane) -> Edges:
    """Magnitude and angle in [−π/2, π/2] of the Sobel gradient, zero border; the angle is π/2 where gx = 0.

    The vertical derivative points up, as in the public codes: this decides which side of π/2 a horizontal edge is on.
    """
    return plane.once("edges", lambda: polar(*sobel(plane.x)))


def preserved_share(ir: Edges, vis: Edges, fused: Edges) -> Tensor:
    """Xydeas & Petrović 2000, eq. 7: preservation weighted by the strength of the sources' edges."""
    kept, total = preserved_sums(ir, vis, fused)
    return torch.where(total > 0, kept / total, 0.0)


def edge_preservation(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Qabf."""
    return preserved_share(edges(ir), edges(vis), edges(fused))


def wrapped_alignment(first: Tensor, second: Tensor) -> Tensor:
    """1 for parallel edges, 0 for perpendicular ones: angles are taken modulo π."""
    return (first - second).abs_().sub_(RIGHT_ANGLE).abs_().div_(RIGHT_ANGLE)


def nudged(strength: Tensor, angle: Tensor, along: Tensor, down: Tensor) -> Edges:
    """Magnitude and angle with 10⁻⁵ in place of gx = 0, as in Liu et al. 2012, from those of ``edges``.

    The magnitude notices it only where it was 0. The arctangent of gy/10⁻⁵ is ±π/2 − 10⁻⁵/gy to the last digit, and 0
    where gy = 0 too.
    """
    down = down.to(torch.float64)
    steep = down.sign().mul_(-RIGHT_ANGLE).add_(down.reciprocal().nan_to_num_(posinf=0.0, neginf=0.0), alpha=NUDGE)
    return strength.clamp(min=NUDGE), torch.where(along == 0, steep, angle)


def liu_edge_preservation(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over the pixels of the weighted preservation of edges, as in Liu et al. 2012."""

    def preserved(source: Edges, fused: Edges) -> Tensor:
        ratio = torch.minimum(source[0], fused[0]).div_(torch.maximum(source[0], fused[0]))
        first = ratio.mul_(-10).add_(10 * 0.5).exp_().add_(1)
        second = wrapped_alignment(source[1], fused[1]).mul_(-20).add_(20 * 0.75).exp_().add_(1)
        return source[0] / first.mul_(second)

    def terms(*maps: Tensor) -> tuple[Tensor]:
        a, b, f = nudged(*maps[:4]), nudged(*maps[4:8]), nudged(*maps[8:])
        return (preserved(a, f).add_(preserved(b, f)).div_(a[0] + b[0]),)

    maps = [each for plane in (ir, vis, fused) for each in (*edges(plane), *sobel(plane.x))]
    return pixel_sums(terms, *maps)[0] / fused.x[0].numel()


def mirrored_edges(plane: Plane) -> Edges:
    """As ``edges``, border mirrored: only the outermost pixels differ."""
    x, maps = plane.x, [each.clone() for each in edges(plane)]
    for part, border in (
        (x[..., :3, :], (..., 0, slice(None))),
        (x[..., -3:, :], (..., -1, slice(None))),
        (x[..., :3], (..., 0)),
        (x[..., -3:], (..., -1)),
    ):
        for each, values in zip(maps, polar(*sobel(part, "reflect")), strict=True):
            each[border] = values[border]
    return maps


def petrovic_balance(ir: Plane, vis: Plane, fused: Plane) -> tuple[Tensor, Tensor, Tensor]:
    """Shares of the weighted edge information that are kept (Q), lost (L) and added (N); Q + L + N = 1."""

    def quality(source: Edges, fused: Edges) -> Tensor:
        ratio = torch.minimum(source[0], fused[0]).div_(torch.maximum(source[0], fused[0]).clamp_(min=TINY))
        first = ratio.mul_(-19).add_(19 * 0.5).exp_().add_(1)
        second = wrapped_alignment(source[1], fused[1]).mul_(-22).add_(22 * 0.5).exp_().add_(1)
        return first.mul_(second).rsqrt_().mul_(math.sqrt(0.9999 * 0.9995))

    def weight(strength: Tensor) -> Tensor:
        strength = strength / SOBEL_SCALE
        seen = (strength >= VISIBLE).to(strength.dtype)
        return strength.sqrt().mul_(strength).sub_(INVISIBLE_WEIGHT).mul_(seen).add_(INVISIBLE_WEIGHT)

    def terms(*maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, f = maps[0:2], maps[2:4], maps[4:6]
        weights = weight(a[0]), weight(b[0])
        kept = (quality(a, f) * weights[0]).addcmul_(quality(b, f), weights[1])
        missed = weights[0] + weights[1] - kept
        artefact = f[0] > torch.maximum(a[0], b[0])
        return kept, missed, missed * artefact

    kept, missed, added = pixel_sums(terms, *(each for plane in (ir, vis, fused) for each in mirrored_edges(plane)))
    total = kept + missed
    return kept / total, (missed - added) / total, added / total


def balance(ir: Plane, vis: Plane, fused: Plane) -> tuple[Tensor, Tensor, Tensor]:
    """``petrovic_balance``, kept by ``fused``."""
    return fused.once(("petrovic balance", ir, vis), lambda: petrovic_balance(ir, vis, fused))


def edge_information_kept(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Qabf of Petrović's balance."""
    return balance(ir, vis, fused)[0]


def edge_information_lost(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Labf."""
    return balance(ir, vis, fused)[1]


def edge_information_added(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Nabf, modified by Shreyamsha Kumar 2013."""
    return balance(ir, vis, fused)[2]


def directions(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First differences along rows, columns and both diagonals."""
    return (
        x.diff(dim=-1),
        x.diff(dim=-2),
        x[..., 1:, 1:] - x[..., :-1, :-1],
        x[..., 1:, :-1] - x[..., :-1, 1:],
    )


def four_direction_frequency(energies: list[Tensor], pixels: int) -> Tensor:
    """Spatial frequency from the sums of squares in four directions, diagonals weighted 1/√2."""
    along, down, first, second = energies
    return ((along + down + (first + second) / math.sqrt(2)) / pixels).sqrt()


def spatial_frequency_ratio(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Zheng et al. 2007, eq. 7-9."""

    def reference() -> Tensor:
        pairs = zip(directions(ir.x), directions(vis.x), strict=True)
        energies = [sum_of_squares(torch.maximum(a.abs_(), b.abs_())) for a, b in pairs]
        return four_direction_frequency(energies, ir.x[0].numel())

    diagonals = [sum_of_squares(each) for each in directions(fused.x)[2:]]
    frequency = four_direction_frequency([*difference_energy(fused), *diagonals], fused.x[0].numel())
    expected = vis.once(("largest spatial frequency", ir), reference)
    return torch.where(expected > 0, (frequency - expected) / expected, frequency)


QABF = Metric(
    name="qabf",
    symbol="Qabf",
    title="Edge preservation (Xydeas & Petrović)",
    family="edge",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="$\\frac{\\sum Q_{AF}g_A+Q_{BF}g_B}{\\sum g_A+g_B}$, "
    "$Q=\\frac{0.9994}{1+e^{-15(G-0.5)}}\\cdot\\frac{0.9879}{1+e^{-22(\\Delta-0.8)}}$; Sobel 1-2-1 not normalised, "
    "zero border, G = smaller over larger magnitude ($g_F$ itself where they are equal), Δ = 1 − |α_X − α_F|/(π/2) "
    "without wrap-around, α = arctan(gy/gx), π/2 where gx = 0.",
    source="Xydeas & Petrović, *Electron. Lett.* 36, 2000, with the quirks shared by VIFB, Tang, CDDFuse and IVIF_ZOO",
    citation=XYDEAS_2000,
    tables="VIFB (grey images), Tang 2023, CDDFuse, IVIF_ZOO; Tang 2022 within 0.4 % (`qabf_tang2022`)",
    cost="c1",
    reference=True,
    compute=edge_preservation,
    flat="0 on black sources; other flat images have an edge against the zero border",
    presets={"core": 11, "all": 34, "paper-tang2023": 11, "paper-cddfuse": 11},
)

QG = variant(
    QABF,
    name="qg",
    symbol="Qg",
    title="Edge preservation (Liu)",
    definition="Mean over the pixels of $\\frac{Q_{AF}g_A+Q_{BF}g_B}{g_A+g_B}$, "
    "$Q=\\frac{1}{1+e^{-10(G-0.5)}}\\cdot\\frac{1}{1+e^{-20(\\Delta-0.75)}}$, Δ = ||α_X − α_F| − π/2|·2/π; Sobel and "
    "border of `qabf`, gx = 0 replaced by 10⁻⁵.",
    source="Xydeas & Petrović 2000 as in Liu et al., *TPAMI* 34, 2012",
    citation=f"{XYDEAS_2000}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012; not `qabf`",
    compute=liu_edge_preservation,
    flat="0.987 on three flat images, the value for identical edges",
    presets={"all": 35, "paper-liu2012": 4},
)

QABF_PETROVIC = variant(
    QABF,
    name="qabf_petrovic",
    symbol="Qabf′",
    title="Edge information kept (Petrović)",
    definition="The part of `nabf`'s edge information that is kept: $\\sum(Q_Aw_A+Q_Bw_B)/W$. Qabf′ + Labf + Nabf = 1.",
    source="Petrović & Xydeas, *ICCV* 2005; Shreyamsha Kumar, *SIViP* 7, 2013",
    citation=f"{PETROVIC_2005}\n{KUMAR_2013}",
    tables="Shreyamsha Kumar 2013 and methods that follow his table",
    compute=edge_information_kept,
    flat="3·10⁻⁷ on three flat images: gradients of magnitude 0 count as not preserved",
    presets={"all": 36},
)

LABF = variant(
    QABF_PETROVIC,
    name="labf",
    symbol="Labf",
    title="Edge information lost (Petrović)",
    direction="lower",
    definition="As `nabf`, summed over the pixels where F is not stronger than both sources. Qabf′ + Labf + Nabf = 1.",
    compute=edge_information_lost,
    presets={"all": 37},
)

NABF = variant(
    QABF_PETROVIC,
    name="nabf",
    symbol="Nabf",
    title="Edge artefacts added (Petrović, modified)",
    direction="lower",
    definition="$\\sum_{g_F>g_A,\\,g_F>g_B}\\left[(1-Q_A)w_A+(1-Q_B)w_B\\right]/W$, $W=\\sum w_A+w_B$, $w=g^{1.5}$ "
    "where g ≥ 2, else 0.001; "
    "$Q=\\sqrt{\\frac{0.9999}{1+e^{-19(G-0.5)}}\\cdot\\frac{0.9995}{1+e^{-22(\\Delta-0.5)}}}$; Sobel/8, border "
    "mirrored; G = 0 where a magnitude is 0, α = π/2 where gx = 0; Δ = ||α_X − α_F| − π/2|·2/π. Qabf′ + Labf + Nabf = "
    "1.",
    tables="Tang 2022 and every caller that passes F first; not the Tang 2023 revision (`nabf_tang`)",
    compute=edge_information_added,
    flat="0 when F is flat",
    presets={"all": 38},
)

QSF = variant(
    QABF,
    name="qsf",
    symbol="Qsf",
    title="Spatial frequency ratio",
    direction="zero",
    range=(-1, math.inf),
    definition="$(SF_F-SF_R)/SF_R$; SF over four directions, diagonals weighted 1/√2, every sum divided by HW; the "
    "reference takes the larger of the two sources' differences at each pixel.",
    source="Zheng, Essock, Hansen & Haun, *Inf. Fusion* 8, 2007; Liu et al., *TPAMI* 34, 2012",
    citation=f"{ZHENG_2007}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012",
    cost="c0",
    compute=spatial_frequency_ratio,
    flat="$SF_F$ itself when both sources are flat",
    presets={"all": 39, "paper-liu2012": 5},
)
