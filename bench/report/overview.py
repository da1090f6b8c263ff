"""Figures of all methods at once: ranks over the metrics, speed against quality, and which ranks can be told apart."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.curves import LETTER, LETTER_OF_TITLE, STYLE, TWO_COLUMNS
from bench.report.lettering import add_legend, text_style
from bench.report.look import line_styles
from bench.report.tables import ARROWS, Direction
from bench.statistics.ranks import Difference
from tsdm_bench.errors import printable

LINE_HEIGHT = 0.2
"""Inches of a method in the overview of ranks."""
DOT: dict[str, Any] = {"linestyle": "none", "ms": 6}


def draw_ranks(
    ranks: Mapping[str, pd.DataFrame],
    *,
    title: str,
    titles: Mapping[str, str],
    order: Sequence[str],
    width: float = TWO_COLUMNS,
) -> Figure:
    """Mean ranks as shaded numbers: a panel per part (clean, degraded), methods × metrics, the best method on top.

    ``ranks`` maps the head of a panel to a frame of methods × metrics (1 the best). The rows of all panels are in the
    order of their overall mean.
    """
    overall = pd.concat([of.mean(axis=1) for of in ranks.values()], axis=1).mean(axis=1).sort_values(kind="stable")
    methods, styles = list(overall.index), line_styles(order)
    names = {method: printable(titles.get(method, method)) for method in methods}
    left = 0.25 + LETTER * max(map(len, names.values()))
    heading = _heading(title, width)
    above = 0.5 + 0.14 * len(heading) + 0.05 * max(len(str(name)) for of in ranks.values() for name in of)
    height = above + LINE_HEIGHT * len(methods) + 0.12
    with matplotlib.rc_context(STYLE | text_style() | {"axes.grid": False}):
        figure = Figure(figsize=(width, height))
        columns = [max(of.shape[1], 1) for of in ranks.values()]
        panels = figure.subplots(1, len(ranks), width_ratios=columns, squeeze=False)[0]
        figure.subplots_adjust(
            left=left / width, right=1 - 0.08 / width, top=1 - above / height, bottom=0.12 / height, wspace=0.06
        )
        for axes, (head, of) in zip(panels, ranks.items(), strict=True):
            _shade(axes, of.loc[methods], len(methods))
            axes.set_xlabel(printable(head), fontsize=8, labelpad=3)
            axes.xaxis.set_label_position("top")
        for row, method in enumerate(methods):
            inches = panels[0].get_position().width * width / columns[0]
            at = -0.5 - 0.1 / inches
            panels[0].text(at - 0.12 / inches, row, names[method], ha="right", va="center", fontsize=7)
            panels[0].plot([at], [row], clip_on=False, **DOT | {"ms": 4} | _dot(styles[method]))
            panels[0].set_xlim(-0.5, columns[0] - 0.5)
        _entitle(figure, heading)
    return figure


def draw_speed(
    points: pd.DataFrame,
    *,
    title: str,
    label: str,
    direction: Direction,
    titles: Mapping[str, str],
    order: Sequence[str],
    width: float = TWO_COLUMNS / 2,
) -> Figure:
    """Quality against seconds per megapixel (columns method, seconds, quality), the latter on a logarithmic axis."""
    styles = line_styles(order)
    names = {method: printable(titles.get(method, method)) for method in points["method"]}
    heading = _heading(title, width)
    per_row = max(1, min(int(width / (0.3 + LETTER * max(map(len, names.values())))), len(names)))
    above, below = 0.1 + 0.14 * len(heading), 0.48 + 0.14 * math.ceil(len(names) / per_row)
    height = above + below + 2.0
    with matplotlib.rc_context(STYLE | text_style()):
        figure = Figure(figsize=(width, height))
        axes = figure.subplots()
        figure.subplots_adjust(left=0.6 / width, right=1 - 0.1 / width, top=1 - above / height, bottom=below / height)
        for method, seconds, quality in points[["method", "seconds", "quality"]].itertuples(index=False):
            axes.plot([seconds], [quality], **DOT | _dot(styles[method]))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")  # powers would be set as formulas, which text is not
        axes.xaxis.set_minor_formatter("")
        if direction == "lower":
            axes.invert_yaxis()  # better is higher up
        axes.set_xlabel("seconds per megapixel ↓", labelpad=1)
        axes.set_ylabel(f"{label} {ARROWS[direction]}".strip())
        entries = [(name, DOT | {"ms": 4} | _dot(styles[method])) for method, name in names.items()]
        add_legend(figure, entries, ncols=per_row, fontsize=7, handlelength=1, columnspacing=1, labelspacing=0.25)
        _entitle(figure, heading)
    return figure


def draw_difference(
    parts: Mapping[str, Difference],
    *,
    title: str,
    titles: Mapping[str, str],
    order: Sequence[str],
    units: str = "scene clusters",
    width: float = TWO_COLUMNS,
) -> Figure:
    """Critical-difference diagrams (Demšar 2006), one below the other: mean ranks, joined where they do not differ."""
    from scikit_posthocs import critical_difference_diagram

    styles = line_styles(order)
    most = max(len(of.mean_rank) for of in parts.values())
    heading = _heading(title, width)
    above, tall = 0.1 + 0.14 * len(heading), 0.75 + 0.11 * most
    height = above + tall * len(parts)
    with matplotlib.rc_context(STYLE | text_style() | {"axes.grid": False}):
        figure = Figure(figsize=(width, height))
        longest = LETTER * max(len(titles.get(name, name)) for of in parts.values() for name in of.mean_rank.index)
        for place, (head, of) in enumerate(parts.items()):
            bottom = height - above - (place + 1) * tall
            inner = (longest + 0.1) / width
            axes = figure.add_axes((inner, (bottom + 0.05) / height, 1 - 2 * inner, (tall - 0.55) / height))
            # Each once, whatever its title. Numbers: the order of the bars comes from sets, and of texts it is random.
            names = {method: 1000 * place + number for number, method in enumerate(of.mean_rank.index)}
            critical_difference_diagram(
                of.mean_rank.rename(names),
                of.p.rename(index=names, columns=names),
                ax=axes,
                label_fmt_left="{label}",
                label_fmt_right="{label}",
                label_props={"fontsize": 7},
                color_palette={names[method]: styles[method]["color"] for method in names},
                crossbar_props={"color": "#333333", "linewidth": 2.2},
                elbow_props={"linewidth": 1.0},
                marker_props={"s": 14},
                text_h_margin=0.04,
            )
            shown = {
                str(name): f"{printable(titles.get(method, method))} {of.mean_rank[method]:.2f}"
                for method, name in names.items()
            }
            for text in axes.texts:
                name = shown.get(text.get_text().strip(), text.get_text())
                text.set_text(f" {name}" if text.get_horizontalalignment() == "left" else f"{name} ")
            axes.set_title(_words(head, of, units), fontsize=8, pad=6)
            axes.tick_params(labelsize=7)
        _entitle(figure, heading)
    return figure


def _words(head: str, of: Difference, units: str) -> str:
    p = "p < 0.001" if of.friedman_p < 0.001 else f"p = {of.friedman_p:.3f}"
    return printable(f"{head}: {of.clusters} {units}, Friedman {p}, critical difference {of.critical:.2f}")


def _shade(axes: Axes, ranks: pd.DataFrame, methods: int) -> None:
    """Methods × metrics as numbers on a shade: dark is a low rank, which is good."""
    axes.imshow(ranks.to_numpy(), aspect="auto", cmap="Blues_r", vmin=1 - 0.4 * methods, vmax=1.2 * methods)
    for row, values in enumerate(ranks.to_numpy()):
        for column, value in enumerate(values):
            if not math.isnan(value):
                axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=6.5)
    heads = [printable(str(name)) for name in ranks.columns]
    axes.set_xticks(range(ranks.shape[1]), heads, fontsize=6.5, rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=1)
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _dot(style: Mapping[str, Any]) -> dict[str, Any]:
    return {"color": style["color"], "marker": style.get("marker", "|")}


def _heading(title: str, width: float) -> list[str]:
    return textwrap.wrap(printable(title), int(width / LETTER_OF_TITLE))


def _entitle(figure: Figure, heading: Sequence[str]) -> None:
    height = figure.get_figheight()
    figure.suptitle("\n".join(heading), fontsize=8.5, fontweight="bold", y=1 - 0.05 / height, va="top")
