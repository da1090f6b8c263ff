"""Robustness curves: one quantity against severity, a panel per factor, a line per method."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.report.lettering import add_legend, text_style
from bench.report.look import PALETTE, line_styles
from bench.report.tables import ARROWS, Direction
from tsdm_bench.errors import printable

MOST_BANDS = len(PALETTE)
"""Lines with a band each; of more, the bands would hide the lines."""
PANELS = ((4.8, 3.0), (3.6, 2.2), (2.6, 1.75))
"""Inches of a panel where one, two or three stand side by side."""
GAP, LEFT, RIGHT = (0.15, 0.62), 0.65, 0.12
"""Inches between panels, and at the sides of a figure."""
LINE: dict[str, Any] = {"lw": 1.4, "ms": 3.5}
KEY, LETTER, LETTER_OF_TITLE = 0.55, 0.062, 0.078
"""Inches of a line's sample in the legend, of a letter there, and of one in the title."""
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
}


def draw_curves(
    points: pd.DataFrame,
    *,
    title: str,
    label: str,
    direction: Direction,
    titles: Mapping[str, str],
    panels: Mapping[str, str] | None = None,
    order: Sequence[str] = (),
) -> Figure:
    """A figure of ``points`` (columns factor, severity, method, mean, low, high; clean points repeated per factor).

    No band is drawn where ``low`` and ``high`` are NaN, nor for more than 16 methods. ``titles`` names methods and
    ``panels`` factors for the reader; any text is shown as it stands. ``order`` names all methods of the run, so that
    each has the same look in a figure that lacks some.
    """
    names = {method: printable(titles.get(method, method)) for method in points["method"].unique()}
    heads = {factor: printable((panels or {}).get(factor, factor)) for factor in points["factor"].unique()}
    factors = list(dict.fromkeys(points["factor"]))
    methods = list(dict.fromkeys(points["method"]))
    styles = line_styles(list(dict.fromkeys([*order, *methods])))
    bands = len(methods) <= MOST_BANDS
    columns = min(len(PANELS), len(factors))
    lines = math.ceil(len(factors) / columns)
    width = _width(columns)
    heading = textwrap.wrap(printable(title), int(width / LETTER_OF_TITLE))
    longest = max(map(len, names.values()))
    names_per_row = max(1, min(int(width / (KEY + LETTER * longest)), len(methods)))
    rows_of_names = math.ceil(len(methods) / names_per_row)
    with matplotlib.rc_context(STYLE | text_style()):
        above, below = 0.47 + 0.15 * len(heading), 0.5 + 0.2 * rows_of_names
        figure, grid = _grid(lines, columns, above, below)
        for factor, axes in zip(factors, grid, strict=False):
            _draw_panel(axes, points[points["factor"] == factor], styles, bands)
            axes.set_title("\n".join(textwrap.wrap(heads[factor], int(PANELS[columns - 1][0] / LETTER))), fontsize=9)
        for axes in grid[len(factors) :]:
            axes.set_visible(False)
        for axes in figure.axes[::columns]:
            axes.set_ylabel(f"{label} {ARROWS[direction]}".strip())
        figure.suptitle("\n".join(heading), fontsize=10, fontweight="bold")
        entries = [(names[method], LINE | styles[method]) for method in methods]
        add_legend(figure, entries, ncols=names_per_row, fontsize=8)
    return figure


def _width(columns: int) -> float:
    """Inches of a figure with that many panels side by side."""
    return LEFT + columns * PANELS[columns - 1][0] + (columns - 1) * GAP[0] + RIGHT


def _grid(lines: int, columns: int, above: float, below: float) -> tuple[Figure, list[Axes]]:
    """Panels with fixed margins in inches (a layout engine would double the drawing time)."""
    panel = PANELS[columns - 1]
    width = _width(columns)
    height = above + lines * panel[1] + (lines - 1) * GAP[1] + below
    figure = Figure(figsize=(width, height))
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=LEFT / width,
        right=1 - RIGHT / width,
        top=1 - above / height,
        bottom=below / height,
        wspace=GAP[0] / panel[0],
        hspace=GAP[1] / panel[1],
    )
    return figure, list(panels.flat)


def _draw_panel(axes: Axes, points: pd.DataFrame, styles: dict[str, dict], bands: bool) -> None:
    for method, line in points.groupby("method", sort=False):
        line = line.sort_values("severity")
        style = styles[method]
        axes.plot(line["severity"], line["mean"], **LINE, **style)
        if bands and line["low"].notna().any():
            axes.fill_between(line["severity"], line["low"], line["high"], color=style["color"], alpha=0.12, lw=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("severity")


def save(figure: Figure, path: Path) -> None:
    """Write ``path.png`` and ``path.pdf``."""
    with matplotlib.rc_context(STYLE | text_style()):
        figure.savefig(path.with_suffix(".png"), dpi=130)
        figure.savefig(path.with_suffix(".pdf"))
