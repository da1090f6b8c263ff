"""The curves of the page, as numbers that plotly draws in the browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.report.layout import Run, Section
from bench.report.look import line_styles
from bench.report.tables import ARROWS
from tsdm_bench.errors import printable

DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
SYMBOLS = {
    "o": "circle", "s": "square", "D": "diamond", "^": "triangle-up", "v": "triangle-down", "P": "cross", "*": "star",
    "X": "x", "h": "hexagon", "<": "triangle-left", ">": "triangle-right", "p": "pentagon",
}  # fmt: skip
DIGITS = 5
"""Significant ones, of a number in a curve."""


def curve_data(sections: Sequence[Section], run: Run) -> dict[str, Any] | None:
    """Every quantity with its lines, the methods with their looks; None without a curve."""
    curves = [curve for section in sections for curve in section.curves]
    if not curves:
        return None
    methods = list(run.suite.methods)
    looks = line_styles(methods)
    quantities = []
    for curve in curves:
        names = {method: printable(curve.titles.get(method, method)) for method in curve.points["method"].unique()}
        lines = [
            {
                "method": methods.index(method),
                "factor": _plain(factor),
                "x": line["severity"].tolist(),
                **{axis: _numbers(line[of]) for axis, of in (("y", "mean"), ("low", "low"), ("high", "high"))},
            }
            for (factor, method), points in curve.points.groupby(["factor", "method"], sort=False)
            for line in [points.sort_values("severity")]
        ]
        quantities.append(
            {
                "name": printable(curve.heading),
                "title": printable(curve.title),
                "label": _plain(f"{curve.label} {ARROWS[curve.direction]}".strip()),
                "names": {methods.index(method): name for method, name in names.items()},
                "titles": {methods.index(method): _plain(name) for method, name in names.items()},
                "lines": lines,
            }
        )
    return {
        "quantities": quantities,
        "methods": [
            {
                "name": name,
                "source": name in run.sources,
                "color": looks[name]["color"],
                "dash": DASHES.get(looks[name].get("linestyle", "-"), "longdashdot"),
                "symbol": SYMBOLS.get(looks[name].get("marker", ""), ""),
            }
            for name in methods
        ],
    }


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values]


def _plain(text: str) -> str:
    """Text that plotly, which reads a little HTML, shows as it stands."""
    text = printable(text)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    return text
