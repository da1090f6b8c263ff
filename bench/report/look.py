"""One look per method: its colour, marker and line are the same in every figure and on the page of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Okabe & Ito 2008 (safe for colour-blind readers), then Tol's muted palette for long lists of methods.
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#117733",
    "#882255", "#999933", "#AA4499", "#44AA99", "#661100", "#6699CC", "#DDCC77", "#CC6677",
)  # fmt: skip
MARKERS = "osD^vP*Xh<>p"
SOURCE_STYLES = {"ir": {"color": "#111111", "linestyle": "--"}, "vis": {"color": "#777777", "linestyle": ":"}}
LINES = ("-", "-.", (0, (1, 1)))
"""Of the first methods, and of those that take the palette again."""


def line_styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The look of each of ``methods``, all those of a run in its order: ``color``, ``linestyle`` and ``marker``.

    Sources are grey and have no marker. Two methods share a look only beyond 48 of them.

    >>> line_styles(["ir", "gff"])["gff"]
    {'color': '#0072B2', 'marker': 'o', 'linestyle': '-'}
    """
    methods = list(methods)
    fused = [name for name in methods if name not in SOURCE_STYLES]
    styles = {
        name: {
            "color": PALETTE[index % len(PALETTE)],
            "marker": MARKERS[index % len(MARKERS)],
            "linestyle": LINES[index // len(PALETTE) % len(LINES)],
        }
        for index, name in enumerate(fused)
    }
    return {name: SOURCE_STYLES.get(name) or styles[name] for name in methods}
