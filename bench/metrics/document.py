"""docs/metrics.md, made from the cards: ``python -m bench.metrics.document > docs/metrics.md``."""

from __future__ import annotations

import math

from bench.metrics import METRICS, PRESETS
from bench.metrics.metric import Metric

ARROWS = {"higher": "↑", "lower": "↓", "zero": "→ 0"}
FAMILIES = {
    "quality": "Contrast, activity and error",
    "information": "Information",
    "structure": "Structure",
    "edge": "Edges",
    "perception": "Perception",
}
COSTS = {"c0": "under 10 ms", "c1": "10 to 100 ms", "c2": "0.1 to 1 s", "c3": "over 1 s"}
INTRODUCTION = """\
# Fusion metrics

<!-- Generated from the metric cards: python -m bench.metrics.document > docs/metrics.md -->

Every id names one exact definition. Two papers that print different numbers under one heading use two definitions; here
they are two ids, and columns of different ids never meet in one table.

* **A** is the infrared image, **B** the visible one, **F** the fused one; N = HW pixels.
* Images are 8-bit: the fused image is scored as it would be saved. Grey is the BT.601 luma
  (299 R + 587 G + 114 B)/1000, rounded half up, for A, B and F alike. Ids that end in `_vifb` look at the colour
  channels.
* Nothing is NaN: the value on flat and on identical images is part of each definition.
* Metrics of F alone (*no reference*) take no notice of A and B. The others are computed against the undegraded sources
  (reference `clean`) or the inputs that the method got (`seen`).
* EN, SD, AG, SF, EI and MI reward noise: on degraded inputs read them beside metrics with a reference. A report
  measures which do ([degradation.md](degradation.md#reading-metrics-under-degradation)).
* Cost is the time for one 1024×768 triple on one core.
"""
CONFORMANCE = """\
## How far this is checked

* **MATLAB.** On a synthetic 96×128 triple every metric with a MATLAB original was compared with that original's output:
  VIFB, the code of Tang et al., that of Liu et al. (TPAMI 2012) and Han's VIFF. All agree to 11 digits, `qp` to 8 (its
  filter responses are in single precision). `ssim_tang`, `qcb` and `qcv` rest on MathWorks' documentation of `ssim`,
  `freqspace` and `blkproc`. `fmi_edge` and `fmi_wavelet` have no such check.
* **Published table of Tang 2022** (10 TNO images × 9 methods × 11 metrics, `paper-tang2022`): all 990 values agree to
  11 digits (largest relative difference 3.2·10⁻¹²).
* **Published table of VIFB** (4 images × 14 methods × 13 metrics, `paper-vifb`, five printed digits): 716 of 728 values
  within 10⁻³. For thirteen methods all 676 values are within 4.4·10⁻⁵, the rounding of the table. The 12 misses are all
  YDTR's, by 0.7 % at most and on seven metrics: its published images are not quite those that were measured.
* **Second libraries**: torchmetrics and piq (`vif`), pytorch-msssim (`ssim_mean`, `ms_ssim`), scikit-image
  (`ssim_cddfuse_255`, `psnr`), SciPy and NumPy for the rest.

Repeat it with `TSDM_BENCH_DATA` and `TSDM_BENCH_GOLDEN` set: `pytest tests/bench/metrics`, and
`python -m benchmarks.published` for the full tables.
"""


def page() -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION, _presets(), _index()]
    for family, title in FAMILIES.items():
        cards = [card for card in METRICS.values() if card.family == family]
        parts += [f"## {title}\n", *(_entry(card) for card in sorted(cards, key=_order))]
    return "\n".join([*parts, CONFORMANCE])


def _order(card: Metric) -> tuple[int, str]:
    """The order of the presets; cards in none come last."""
    listed = list(dict.fromkeys(name for ids in PRESETS.values() for name in ids))
    return (listed.index(card.name) if card.name in listed else len(listed), card.name)


def _presets() -> str:
    lines = [f"| `{name}` | {', '.join(f'[`{each}`](#{each})' for each in ids)} |" for name, ids in PRESETS.items()]
    return "\n".join(["## Presets\n", "| preset | ids |", "|---|---|", *lines, ""])


def _index() -> str:
    rows = [
        f"| [`{card.name}`](#{card.name}) | {card.symbol} | {ARROWS[card.direction]} | {_range(card)} | "
        f"{'' if card.reference else 'no'} | {card.title} |"
        for card in sorted(METRICS.values(), key=_order)
    ]
    return "\n".join(
        ["## All ids\n", "| id | table head | best | range | reference | metric |", "|" + "---|" * 6, *rows, ""]
    )


def _range(card: Metric) -> str:
    low, high = (f"{'−' if end < 0 else ''}{_end(abs(end))}" for end in card.range)
    return f"{low} … {high}" + (f" {card.unit}" if card.unit else "")


def _end(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.6g}"


def _entry(card: Metric) -> str:
    facts = [
        f"{card.symbol} {ARROWS[card.direction]}",
        _range(card),
        "" if card.reference else "no reference",
        COSTS[card.cost],
    ]
    lines = [
        f'<a id="{card.name}"></a>',
        f"### `{card.name}` {card.title}\n",
        " · ".join(filter(None, facts)) + "\n",
        card.definition + "\n",
        f"* Source: {card.source}",
        f"* Comparable with: {card.tables}",
        *([f"* Flat or identical images: {card.flat}"] if card.flat else []),
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(page(), end="")
