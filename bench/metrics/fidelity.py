"""Visual information fidelity in the pixel domain."""

from __future__ import annotations

import math

from bench.metrics.citations import HAN_2013, SHEIKH_2006
from bench.metrics.kernels.filters import ROUNDING, blur
from bench.metrics.kernels.strips import pixel_sums
from bench.metrics.local import Window, covariances, moments
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

SCALES = tuple(Window(2 ** (5 - scale) + 1, (2 ** (5 - scale) + 1) / 5) for scale in (1, 2, 3, 4))
NOISE = 2.0  # variance of the visual noise, on 0…255
TINY = 1e-10
HAN_NOISE = 0.005 * 255**2
HAN_WEIGHTS = (1.0, 0.0, 0.15, 1.0)
OFFSET = 1e-7


def scales(*planes: Plane) -> list[list[Plane]]:
    """Each plane at the four scales: filtered by the window of the new scale (valid), every second pixel kept."""

    def smaller(plane: Plane) -> list[Plane]:
        levels = [plane]
        for window in SCALES[1:]:
            levels.append(Plane(blur(levels[-1].x, *window)[..., ::2, ::2].contiguous()))
        return levels[1:]

    return [[plane, *plane.once("vif scales", lambda plane=plane: smaller(plane))] for plane in planes]


def refuse_small(name: str, plane: Plane) -> None:
    """Raise ValueError where the window of the last scale does not fit."""
    height, width = plane.x.shape[-2:]
    if min(height, width) <= 40:
        raise ValueError(f"{name} needs more than 40 pixels on each side, got {height}×{width}; leave this metric out")


def logs(x: Tensor) -> Tensor:
    """A map whose sum is Σ log x, for x in [1, 10³⁰]: eight rows are multiplied before each logarithm."""
    groups = x.shape[-2] // 8
    if not groups:
        return x.log()
    products = x[..., : 8 * groups, :].unflatten(-2, (8, groups)).prod(-3).log_()
    return torch.cat((products, x[..., 8 * groups :, :].log()), -2)


def information(plane: Plane, window: Window) -> Tensor:
    """Σ log(1 + var/n) of one scale."""
    ((_, variance),) = moments(window, plane)
    return plane.once("information", lambda: pixel_sums(lambda x: (logs((x / NOISE).add_(1)),), variance)[0])


def vifp(fused: Plane, *sources: Plane) -> list[Tensor]:
    """VIF of ``fused`` (the distorted image) against each source, in the pixel domain (Sheikh & Bovik 2006).

    With e = cov²/var_r, the part of var_d that the source explains (0 where cov < 0), the information that passes is
    Σ log(1 + g² var_r/(sv + n)) = Σ log(1 + var_d/n) − log(1 + (var_d − e)/n), g = cov/var_r, sv = var_d − e.
    """

    def unexplained(variance: Tensor, reference_variance: Tensor, covariance: Tensor) -> tuple[Tensor]:
        explained = covariance.clamp(min=0).square_().div_(reference_variance.clamp(min=ROUNDING))
        return (logs((variance - explained).div_(NOISE).add_(1)),)

    passed, total = [0.0] * len(sources), [0.0] * len(sources)
    for window, distorted, *references in zip(SCALES, *scales(fused, *sources), strict=True):
        (_, variance), *others = moments(window, distorted, *references)
        shared = covariances(window, distorted, *references)
        for index, ((_, reference_variance), covariance) in enumerate(zip(others, shared, strict=True)):
            lost = pixel_sums(unexplained, variance, reference_variance, covariance)[0]
            passed[index] = passed[index] + information(distorted, window) - lost
            total[index] = total[index] + information(references[index], window)
    return [torch.where(whole > 0, part / whole, 1.0) for part, whole in zip(passed, total, strict=True)]


def visual_information_fidelity(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """vifp(A, F) + vifp(B, F). Raises ValueError on images of 40 pixels or fewer on a side."""
    refuse_small("vif", fused)
    first, second = vifp(fused, ir, vis)
    return first + second


def fusion_fidelity(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Han et al. 2013: at each pixel the source that F distorts more (smaller gain) speaks, per scale."""
    refuse_small("viff", fused)
    result = 0.0
    for weight, window, *planes in zip(HAN_WEIGHTS, SCALES, *scales(fused, ir, vis), strict=True):
        if weight:
            (_, variance), (_, first), (_, second) = moments(window, *planes)
            shared = covariances(window, *planes)
            numerator, denominator = pixel_sums(weaker_source, variance, first, second, *shared)
            result = result + weight * numerator / denominator
    return result / sum(HAN_WEIGHTS)


def weaker_source(
    variance: Tensor, first: Tensor, second: Tensor, first_shared: Tensor, second_shared: Tensor
) -> tuple[Tensor, Tensor]:
    """Information that passes and information there is, for the source with the smaller gain (ties: the second)."""
    gains = [
        shared.clamp(min=0).div_(source.clamp(min=ROUNDING)).mul_((source > 0) & (variance > 0))
        for shared, source in ((first_shared, first), (second_shared, second))
    ]
    from_first = gains[0] < gains[1]
    gain = torch.minimum(*gains)
    source = torch.where(from_first, first, second)
    noise = (variance - gain * torch.where(from_first, first_shared, second_shared)).clamp_(min=TINY).add_(HAN_NOISE)
    passed = gain.square_().mul_(source).div_(noise).log1p_().div_(math.log(10)).add_(OFFSET)
    return passed, (source / HAN_NOISE).log1p_().div_(math.log(10)).add_(OFFSET)


VIF = Metric(
    name="vif",
    symbol="VIF",
    title="Visual information fidelity, sum of both sources",
    family="structure",
    direction="higher",
    range=(0, math.inf),
    unit="",
    definition="$vifp(A,F)+vifp(B,F)$, the source is the reference; pixel domain, four scales with Gaussian windows of "
    "17, 9, 5, 3 pixels, σ = size/5, inside the image, noise variance 2 on 0…255: "
    "$\\frac{\\sum\\log(1+g^2\\sigma_r^2/(\\sigma_v^2+2))}{\\sum\\log(1+\\sigma_r^2/2)}$.",
    source="Sheikh & Bovik, *TIP* 15, 2006 (`vifp_mscale`)",
    citation=SHEIKH_2006,
    tables="Tang 2023, CDDFuse (there *VIFF* or *VIF*); not Tang 2022 (`vif_tang2022`), not VIFF (`viff`)",
    cost="c1",
    reference=True,
    compute=visual_information_fidelity,
    flat="1 for each flat source",
    presets={"core": 10, "all": 27, "paper-tang2023": 8, "paper-cddfuse": 10},
)

VIFF = variant(
    VIF,
    name="viff",
    symbol="VIFF",
    title="Visual information fidelity for fusion (Han)",
    range=(0, math.inf),
    definition="The maps of `vif` with noise variance 0.005·255² = 325.125; at each pixel the source with the smaller "
    "gain *g* (ties: B) enters numerator and denominator; 10⁻⁷ added, ratio of sums per scale, weights (1, 0, 0.15, "
    "1)/2.15.",
    source="Han, Cai, Cao & Xu, *Inf. Fusion* 14, 2013",
    citation=HAN_2013,
    tables="MEFB, cslib and others that call Han's code; not CDDFuse's *VIFF*, which is `vif`",
    compute=fusion_fidelity,
    flat="1 when the sources are flat",
    presets={"all": 28},
)
