"""Robustness curves: one quantity against severity, a panel per factor, a line per method."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.report.lettering import add_legend, text_style
from bench.report.look import line_styles
from bench.report.tables import ARROWS, Direction
from tsdm_bench.errors import printable

MOST_BANDS = 4
"""Lines whose intervals can be told apart in one panel; of more there is a panel each (:func:`draw_multiples`)."""
ONE_COLUMN, TWO_COLUMNS = 3.5, 7.16
"""Inches of a figure in one column of IEEEtran, and over both."""
MOST_MARKERS = 12
"""Points of a line that are marked."""
PANEL = 0.72
"""Height of a panel in its width."""
GAP, LEFT, RIGHT = (0.1, 0.34), 0.58, 0.06
"""Inches between panels, and at the sides of a figure."""
LINE: dict[str, Any] = {"lw": 1.2, "ms": 3}
OTHERS: dict[str, Any] = {"color": "#c8c8c8", "lw": 0.8}
"""Of the methods that a panel is not about."""
KEY, LETTER, LETTER_OF_TITLE = 0.46, 0.062, 0.078
"""Inches of a line's sample in the legend, of a letter there, and of one in the title."""
STYLE: Any = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 8,
    "axes.titley": 1.0,  # else all letters of a panel are measured to place its title there
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
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
    width: float = TWO_COLUMNS,
    against: str = "severity",
) -> Figure:
    """A figure of ``points`` (columns factor, severity, method, mean, low, high; clean points repeated per factor).

    ``low`` and ``high`` are drawn as a band where there are no more than four methods, and where they are known.
    ``titles`` names methods and ``panels`` factors for the reader; any text is shown as it stands. ``order`` names all
    methods of the run, so that each has the same look in a figure that lacks some. ``width`` is in inches. ``against``
    is the column of the horizontal axis, and its name.
    """
    heads = {factor: printable((panels or {}).get(factor, factor)) for factor in points["factor"].unique()}
    broad = int(0.88 * width / _columns(width, len(heads)) / LETTER)
    heads = {factor: "\n".join(textwrap.wrap(head, broad)) for factor, head in heads.items()}
    methods = list(dict.fromkeys(points["method"]))
    styles = line_styles(dict.fromkeys([*order, *methods]))
    bands = len(methods) <= MOST_BANDS
    with matplotlib.rc_context(STYLE | text_style()):
        figure, grid = _figure(width, list(heads.values()), title, _names(titles, methods))
        for axes, (factor, head) in zip(grid, heads.items(), strict=False):
            for method, line in points[points["factor"] == factor].groupby("method", sort=False):
                _draw_line(axes, line, styles[method], bands, against)
            _label_panel(axes, head, integers=against == "severity")
        _label_rows(grid, len(heads), _columns(width, len(heads)), f"{label} {ARROWS[direction]}".strip(), against)
        _legend(figure, {name: styles[method] for method, name in _names(titles, methods).items()}, width)
    return figure


def draw_multiples(
    points: pd.DataFrame,
    *,
    title: str,
    label: str,
    direction: Direction,
    titles: Mapping[str, str],
    order: Sequence[str] = (),
    width: float = TWO_COLUMNS,
) -> Figure:
    """A panel per method with its line and interval, the others in grey, so that intervals can be read.

    ``points`` has the columns severity, method, mean, low and high; ``order``, ``titles`` and ``width`` as for
    :func:`draw_curves`.
    """
    methods = list(dict.fromkeys(points["method"]))
    broad = int(0.88 * width / _columns(width, len(methods), 4) / LETTER)
    names = {method: "\n".join(textwrap.wrap(name, broad)) for method, name in _names(titles, methods).items()}
    styles = line_styles(dict.fromkeys([*order, *methods]))
    lines = {method: line.sort_values("severity") for method, line in points.groupby("method", sort=False)}
    with matplotlib.rc_context(STYLE | text_style()):
        figure, grid = _figure(width, list(names.values()), title, {}, most=4)
        for axes, method in zip(grid, methods, strict=False):
            for other in methods:
                if other != method:
                    axes.plot(lines[other]["severity"], lines[other]["mean"], **OTHERS)
            _draw_line(axes, lines[method], styles[method], bands=True)
            _label_panel(axes, names[method])
        _label_rows(grid, len(methods), _columns(width, len(methods), 4), f"{label} {ARROWS[direction]}".strip())
    return figure


# --- parts of a figure ---


def _names(titles: Mapping[str, str], methods: Sequence[str]) -> dict[str, str]:
    return {method: printable(titles.get(method, method)) for method in methods}


def _columns(width: float, panels: int, most: int = 3) -> int:
    return min(most if width > ONE_COLUMN else 2, panels)


def _figure(
    width: float, heads: Sequence[str], title: str, names: Mapping[str, str], most: int = 3
) -> tuple[Figure, list[Axes]]:
    """A panel per head, at most so many side by side; margins are fixed: a layout engine takes twice as long."""
    columns = _columns(width, len(heads), most)
    lines = math.ceil(len(heads) / columns)
    more = 0.13 * max(head.count("\n") for head in heads)
    between = GAP[1] + more
    panel = (width - LEFT - RIGHT - (columns - 1) * GAP[0]) / columns
    tall = min(panel * PANEL, 2.6)
    heading = textwrap.wrap(printable(title), int(width / LETTER_OF_TITLE))
    rows_of_names = math.ceil(len(names) / _names_per_row(names.values(), width)) if names else 0
    above, below = 0.28 + 0.14 * len(heading) + more, 0.44 + 0.14 * rows_of_names
    height = above + lines * tall + (lines - 1) * between + below
    figure = Figure(figsize=(width, height))
    panels_of = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=LEFT / width,
        right=1 - RIGHT / width,
        top=1 - above / height,
        bottom=below / height,
        wspace=GAP[0] / panel,
        hspace=between / tall,
    )
    figure.suptitle("\n".join(heading), fontsize=8.5, fontweight="bold", y=1 - 0.05 / height, va="top")
    grid = list(panels_of.flat)
    for axes in grid[len(heads) :]:
        axes.set_visible(False)
    return figure, grid


def _draw_line(
    axes: Axes, line: pd.DataFrame, style: Mapping[str, Any], bands: bool, against: str = "severity"
) -> None:
    line = line.sort_values(against)
    axes.plot(line[against], line["mean"], markevery=len(line) // MOST_MARKERS + 1, **LINE, **style)
    if bands and line["low"].notna().any():
        axes.fill_between(line[against], line["low"], line["high"], color=style["color"], alpha=0.2, lw=0)


def _label_panel(axes: Axes, head: str, integers: bool = True) -> None:
    axes.set_title(head, pad=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=integers, nbins=6))


def _label_rows(grid: Sequence[Axes], panels: int, columns: int, label: str, below: str = "severity") -> None:
    """The quantity at the left of each line of panels, that of the other axis below the last panel of each column."""
    for axes in grid[:panels:columns]:
        axes.set_ylabel(label)
    for place in range(max(0, panels - columns), panels):
        grid[place].set_xlabel(below, labelpad=1)
        grid[place].tick_params(labelbottom=True)


def _names_per_row(names: Sequence[str] | Any, width: float) -> int:
    longest = max(map(len, names))
    return max(1, min(int(width / (KEY + LETTER * longest)), len(names)))


def _legend(figure: Figure, looks: Mapping[str, Mapping[str, Any]], width: float) -> None:
    entries = [(name, LINE | dict(style)) for name, style in looks.items()]
    add_legend(
        figure, entries, ncols=_names_per_row(looks.keys(), width), fontsize=7, handlelength=2, columnspacing=1.2,
        labelspacing=0.25, borderpad=0.2, borderaxespad=0.1,
    )  # fmt: skip
