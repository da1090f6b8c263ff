"""The thirteen metrics as the VIFB toolbox computes them (Zhang, Ye & Xiao, CVPRW 2020), quirks included.

VIFB evaluates the red, green and blue channel of a colour result one by one, each against the same channel of the
sources, and averages; every metric here does so where the fused image has colour, and uses the grey images elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.metrics import edge, information, perception, quality, structure
from bench.metrics.citations import ZHANG_2020
from bench.metrics.covariance import squared_error
from bench.metrics.histograms import stretched
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

Compute = Callable[[Plane, Plane, Plane], Tensor]


def channels(plane: Plane) -> Plane:
    """Red, green and blue as a batch 3N×1×H×W; a plane without colour three times."""

    def compute() -> Plane:
        colour = plane.x.repeat(1, 3, 1, 1) if plane.colour is None else plane.colour.to(torch.float32)
        return Plane(colour.flatten(0, 1)[:, None])

    return plane.once("channels", compute)


def per_channel(compute: Compute) -> Compute:
    """``compute`` averaged over the channels of a colour result; on the grey images where the result has no colour."""

    def averaged(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
        if fused.colour is None:
            return compute(ir, vis, fused)
        return compute(channels(ir), channels(vis), channels(fused)).view(-1, 3).mean(1)

    return averaged


def average_gradient(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """The sum over all pixels divided by (H − 1)(W − 1)."""
    height, width = fused.x.shape[-2:]
    return quality.gradient_sum(fused) / (max(height - 1, 1) * max(width - 1, 1))


def spatial_frequency(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Sums of squares divided by HW. A colour result is taken whole, its channels side by side as one H×3W image."""
    if fused.colour is not None:
        fused = Plane(torch.cat(fused.colour.to(torch.float32).split(1, dim=1), dim=-1))
    along, down = quality.difference_energy(fused)
    return ((along + down) / fused.x[0].numel()).sqrt()


def root_sum_error(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean over the sources of sqrt(Σ d²)/N, the quantity that VIFB uses for the mean squared error."""
    pixels = fused.x[0].numel()
    return sum((squared_error(fused, each).clamp(min=0) / pixels).sqrt() for each in (ir, vis)) / 2


def peak_signal_to_noise_ratio(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """10 log10(255²/E), E as in ``root_sum_error``."""
    return quality.decibel(quality.PEAK**2 / root_sum_error(ir, vis, fused))


def mutual_information(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """In nats, every image stretched."""
    return information.mutual_information_nats(stretched(ir), stretched(vis), stretched(fused))


def by_channel(place: int, card: Metric, compute: Compute | None = None, **changes: Any) -> Metric:
    """The card of VIFB's form of a metric, averaged over the channels; ``place`` is its column in VIFB's tables."""
    defaults = {
        "name": f"{card.name}_vifb",
        "symbol": f"{card.symbol} (VIFB)",
        "title": f"{card.title} (VIFB)",
        "source": f"{card.source}; VIFB toolbox, Zhang, Ye & Xiao, *CVPRW* 2020",
        "citation": f"{card.citation}\n{ZHANG_2020}".strip(),
        "tables": "VIFB and papers that use its toolbox",
        "compute": per_channel(compute or card.compute),
        "presets": {"paper-vifb": place},
    }
    definition = (
        f"{changes.pop('definition', f'As `{card.name}`.')} Colour results: mean over R, G and B, each channel "
    )
    return variant(card, definition=definition + "against the same channel of the sources.", **(defaults | changes))


CARDS = (
    by_channel(1, information.CE),
    by_channel(2, information.EN),
    by_channel(
        3,
        information.MI,
        mutual_information,
        unit="nat",
        range=(0, 16 * math.log(2)),
        definition="As `mi`, every image stretched to 0…255, natural logarithm.",
    ),
    by_channel(
        4,
        quality.PSNR,
        peak_signal_to_noise_ratio,
        range=(0, math.inf),
        definition="$10\\log_{10}(255^2/E)$ with $E=\\tfrac12[\\sqrt{\\sum(A-F)^2}+\\sqrt{\\sum(B-F)^2}]/N$ in place "
        "of the mean squared error: grows with the image size.",
    ),
    by_channel(
        5, quality.AG, average_gradient, definition="As `ag`, but the sum over all pixels is divided by (H − 1)(W − 1)."
    ),
    by_channel(6, quality.EI),
    by_channel(7, edge.QABF),
    by_channel(8, quality.SD, definition="As `sd`; VIFB calls it *Variance*."),
    replace(
        by_channel(9, quality.SF),
        compute=spatial_frequency,
        definition="As `sf`, but both sums are divided by HW. A colour result is taken whole: red, green and blue side "
        "by side as one image H×3W, so that the two seams between them count as edges.",
    ),
    by_channel(
        10,
        quality.RMSE,
        root_sum_error,
        range=(0, math.inf),
        definition="$\\tfrac12[\\sqrt{\\sum(A-F)^2}+\\sqrt{\\sum(B-F)^2}]/N$, N = HW: not a root mean square, shrinks "
        "with the image size.",
    ),
    by_channel(11, structure.SSIM_SUM, name="ssim_vifb", symbol="SSIM (VIFB)"),
    by_channel(12, perception.QCB),
    by_channel(13, perception.QCV),
)
