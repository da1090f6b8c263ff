"""Entropy, divergence and mutual information of grey values."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.metrics.citations import (
    BULANON_2009,
    CVEJIC_2006,
    HOSSNY_2008,
    LIU_2012,
    NAVA_2007,
    QU_2002,
    ROBERTS_2008,
    WANG_2008,
)
from bench.metrics.histograms import entropy, histogram, joint_histogram, mutual_information, stretched
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

BIT = math.log(2)  # in nats
LEVEL_BITS = 8.0  # log2 256


def fused_entropy(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Shannon entropy in bits."""
    return entropy(histogram(fused)) / BIT


def mutual_information_nats(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """I(A; F) + I(B; F) in nats."""
    return mutual_information(fused, ir) + mutual_information(fused, vis)


def mutual_information_bits(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """I(A; F) + I(B; F) in bits."""
    return mutual_information_nats(ir, vis, fused) / BIT


def on_stretched(compute: Callable[[Plane, Plane, Plane], Tensor]) -> Callable[[Plane, Plane, Plane], Tensor]:
    """``compute`` on images stretched to 0…255 one by one."""

    def on_stretched_planes(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        return compute(stretched(ir), stretched(vis), stretched(fused))

    return on_stretched_planes


@on_stretched
def normalised_mutual_information(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Hossny, Nahavandi & Creighton 2008, eq. 7."""

    def part(source: Plane) -> Tensor:
        total = entropy(histogram(source)) + entropy(histogram(fused))
        return torch.where(total > 0, mutual_information(fused, source) / total, 0.0)

    return 2 * (part(ir) + part(vis))


def tsallis_information(plane: Plane, other: Plane, order: float, swapped: bool) -> Tensor:
    """(1 − Σ p_xy^q/(p_x p_y)^(q−1))/(1 − q) over the pairs that occur; ``swapped`` takes each marginal for the other.

    Both images have their 256 levels, so that swapped marginals fit; pairs for which one of them is 0 are left out.
    """
    joint = joint_histogram(plane, other)
    rows, columns = histogram(other), histogram(plane)
    if swapped:
        rows, columns = columns, rows
    product = rows[:, :, None] * columns[:, None, :]
    terms = torch.where((joint > 0) & (product > 0), joint**order / product ** (order - 1), 0.0)
    return (1 - terms.flatten(1).sum(1)) / (1 - order)


NAVA_ORDER = 0.43137
CVEJIC_ORDER = 1.85


def nava(swapped: bool) -> Callable[[Plane, Plane, Plane], Tensor]:
    """The normalised Tsallis quality of Nava et al. 2007."""

    @on_stretched
    def compute(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        q = NAVA_ORDER
        shared = tsallis_information(fused, ir, q, swapped) + tsallis_information(fused, vis, q, swapped)
        single = sum((entropy(histogram(each)) / BIT) ** q for each in (ir, vis))
        total = single + tsallis_information(vis, ir, q, swapped)
        return torch.where(total > 0, shared / total, 0.0)

    return compute


def cvejic(swapped: bool) -> Callable[[Plane, Plane, Plane], Tensor]:
    """The Tsallis quality of Cvejic et al. 2006, not normalised."""

    @on_stretched
    def compute(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        q = CVEJIC_ORDER
        return tsallis_information(fused, ir, q, swapped) + tsallis_information(fused, vis, q, swapped)

    return compute


@on_stretched
def nonlinear_correlation_information_entropy(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Wang, Shen & Jin 2008: entropy of the eigenvalues of the 3×3 matrix of nonlinear correlations."""
    matrix = torch.eye(3, dtype=torch.float64, device=fused.x.device).repeat(len(fused.x), 1, 1)
    for row, column, pair in ((0, 1, (vis, ir)), (0, 2, (fused, ir)), (1, 2, (fused, vis))):
        matrix[:, row, column] = matrix[:, column, row] = mutual_information(*pair) / BIT / LEVEL_BITS
    share = torch.linalg.eigvalsh(matrix).clamp(min=0) / 3
    return 1 + torch.special.xlogy(share, share).sum(1) / BIT / LEVEL_BITS


def cross_entropy(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Bulanon, Burks & Alchanatis 2009, as in VIFB: bins that are empty in either image are left out."""

    def divergence(source: Plane) -> Tensor:
        p, q = histogram(source), histogram(fused)
        both = (p > 0) & (q > 0)
        return torch.where(both, p * torch.log2(p / q), 0.0).sum(1)

    return (divergence(ir) + divergence(vis)) / 2


def root_cross_entropy(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Root of the cross entropy where that is positive."""
    return cross_entropy(ir, vis, fused).clamp(min=0).sqrt()


STRETCH = "Images are first stretched one by one: round(255 (X − min)/(max − min)). "

EN = Metric(
    name="en",
    symbol="EN",
    title="Entropy",
    family="information",
    direction="higher",
    range=(0, 8),
    unit="bit",
    definition="$-\\sum_k p_k\\log_2 p_k$ over the 256 grey values of F.",
    source="Roberts, van Aardt & Ahmed, *J. Appl. Remote Sens.* 2, 2008",
    citation=ROBERTS_2008,
    tables="VIFB (grey images), Tang 2022 and 2023, CDDFuse",
    cost="c0",
    reference=False,
    compute=fused_entropy,
    flat="0 on a flat image",
    presets={"core": 1, "all": 1, "paper-tang2022": 1, "paper-tang2023": 1, "paper-cddfuse": 1},
)

MI = Metric(
    name="mi",
    symbol="MI",
    title="Mutual information",
    family="information",
    direction="higher",
    range=(0, 16),
    unit="bit",
    definition="$I(A;F)+I(B;F)$, $I=H(X)+H(F)-H(X,F)$ from 256×256 joint histograms, no stretch.",
    source="Qu, Zhang & Yan, *Electron. Lett.* 38, 2002",
    citation=QU_2002,
    tables="Tang 2023, IVIF_ZOO; CDDFuse after division by ln 2 (`mi_nats`); not VIFB (`mi_vifb`)",
    cost="c0",
    reference=True,
    compute=mutual_information_bits,
    flat="0 where an image is flat",
    presets={"core": 5, "all": 9, "paper-tang2023": 5},
)

MI_NATS = variant(
    MI,
    name="mi_nats",
    symbol="MI (nat)",
    title="Mutual information in nats",
    range=(0, 16 * BIT),
    unit="nat",
    definition="As `mi`, natural logarithm.",
    tables="CDDFuse",
    compute=mutual_information_nats,
    presets={"paper-cddfuse": 5},
)

QMI = variant(
    MI,
    name="qmi",
    symbol="QMI",
    title="Normalised mutual information",
    range=(0, 2),
    unit="",
    definition=STRETCH + "$2\\left[\\frac{I(A;F)}{H(A)+H(F)}+\\frac{I(B;F)}{H(B)+H(F)}\\right]$.",
    source="Hossny, Nahavandi & Creighton, *Electron. Lett.* 44, 2008; Liu et al., *TPAMI* 34, 2012",
    citation=f"{HOSSNY_2008}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012 (MEFB, cslib); not IVIF_ZOO's *NMI*",
    compute=normalised_mutual_information,
    flat="a term is 0 where F and its source are flat",
    presets={"all": 10, "paper-liu2012": 1},
)

QTE = variant(
    QMI,
    name="qte",
    symbol="QTE",
    title="Tsallis entropy quality (Nava)",
    definition=STRETCH + f"$\\frac{{T(A,F)+T(B,F)}}{{H(A)^q+H(B)^q+T(A,B)}}$, q = {NAVA_ORDER}, "
    "$T=\\frac{1-\\sum p_{xy}^q/(p_xp_y)^{q-1}}{1-q}$, H = Shannon entropy in bits.",
    source="Nava et al. 2007; Cvejic, Canagarajah & Bull, *Electron. Lett.* 42, 2006",
    citation=f"{NAVA_2007}\n{CVEJIC_2006}",
    range=(-math.inf, math.inf),
    tables="none: the public code swaps the marginals (`qte_liu`)",
    compute=nava(swapped=False),
    flat="0 when both sources are flat",
    presets={"all": 11},
)

QTE_LIU = variant(
    QTE,
    name="qte_liu",
    symbol="QTE (Liu)",
    title="Tsallis entropy quality (Nava), marginals swapped",
    definition="As `qte`, but each marginal is taken along the axis of the other image; pairs whose swapped marginals "
    "are empty are left out.",
    source="Liu et al., *TPAMI* 34, 2012: `tsallis.m`",
    citation=LIU_2012,
    tables="toolboxes built on Liu 2012 run with q = 0.43137",
    compute=nava(swapped=True),
)

QTE_CVEJIC = variant(
    QTE,
    name="qte_cvejic",
    symbol="QTE-C",
    title="Tsallis entropy quality (Cvejic)",
    definition=STRETCH + f"$T(A,F)+T(B,F)$ with q = {CVEJIC_ORDER}.",
    source="Cvejic, Canagarajah & Bull, *Electron. Lett.* 42, 2006",
    citation=CVEJIC_2006,
    tables="none: the public code swaps the marginals (`qte_cvejic_liu`)",
    compute=cvejic(swapped=False),
    presets={"all": 12},
)

QTE_CVEJIC_LIU = variant(
    QTE_LIU,
    name="qte_cvejic_liu",
    symbol="QTE-C (Liu)",
    title="Tsallis entropy quality (Cvejic), marginals swapped",
    definition="As `qte_cvejic`, with the swapped marginals of `qte_liu`.",
    tables="MEFB, cslib and other toolboxes built on Liu 2012",
    compute=cvejic(swapped=True),
    presets={"paper-liu2012": 2},
)

QNCIE = variant(
    QMI,
    name="qncie",
    symbol="QNCIE",
    title="Nonlinear correlation information entropy",
    range=(0.79, 1),
    definition=STRETCH
    + "$1+\\sum_i\\frac{\\lambda_i}{3}\\log_{256}\\frac{\\lambda_i}{3}$ of the eigenvalues of the 3×3 matrix of "
    "$I(X;Y)/8$ bit, ones on the diagonal.",
    source="Wang, Shen & Jin 2008; Liu et al., *TPAMI* 34, 2012",
    citation=f"{WANG_2008}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012; not IVIF_ZOO, which correlates by Pearson",
    compute=nonlinear_correlation_information_entropy,
    flat="a flat image correlates 0 with the others; three flat images give 0.802",
    presets={"all": 13, "paper-liu2012": 3},
)

CE = variant(
    MI,
    name="ce",
    symbol="CE",
    title="Cross entropy",
    direction="lower",
    range=(-math.inf, math.inf),
    definition="$\\tfrac12[D(p_A\\|p_F)+D(p_B\\|p_F)]$ of the grey-value histograms; bins empty in either image are "
    "left out, so that it can be negative.",
    source="Bulanon, Burks & Alchanatis, *Biosyst. Eng.* 103, 2009, as in VIFB",
    citation=BULANON_2009,
    tables="VIFB, when evaluated on grey images; not IVIF_ZOO's *CE*",
    compute=cross_entropy,
    flat="0 when F has the histogram of both sources, and where no grey value is shared",
    presets={"all": 14},
)

RCE = variant(
    CE,
    name="rce",
    symbol="RCE",
    title="Root cross entropy",
    range=(0, math.inf),
    unit="√bit",
    definition="$\\sqrt{CE}$, 0 where CE is negative.",
    tables="none",
    compute=root_cross_entropy,
    presets={"all": 15},
)
