"""Which class is taken for which, and what is missed: confusion matrices on clean pairs and under degradation."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.report.curves import LETTER_OF_TITLE, STYLE, TWO_COLUMNS
from bench.report.diagnosis import fused
from bench.report.drawing import Drawing
from bench.report.layout import Run, Section, labelled
from bench.report.lettering import text_style
from bench.report.precision import Precision
from bench.statistics.diagnosis import BACKGROUND
from detectors.evaluation.fates import FOUND, SHOWN_FROM
from tsdm_bench.errors import printable
from tsdm_bench.words import counted

FIGURE = "confusions"
DARK = 0.6
"""Share from which the number in a field is white."""


def confusions_section(confusions: pd.DataFrame, precision: Precision, run: Run) -> Section:
    """The matrices of ``Diagnosed.confusions``: all of them as CSV, the sums over the fusion methods as a figure."""
    section = Section("confusions", "Which class is taken for which", confusions)
    own = fused(confusions, run)
    parts = {"clean pairs": own[own["severity"] == 0], "all degraded conditions": own[own["severity"] > 0]}
    classes = [*precision.members, BACKGROUND]
    matrices = {title: _matrix(part, classes) for title, part in parts.items() if len(part)}
    if matrices:
        title = (
            f"What objects are taken for, in % of each row, over {counted(own['method'].nunique(), 'method')} "
            f"(IoU ≥ {FOUND:g}, score ≥ {SHOWN_FROM:g})"
        )
        arguments = {"matrices": matrices, "title": labelled(title, run)}
        section.drawings.append(Drawing(Path(FIGURE), draw_confusions, arguments))
    return section


def _matrix(rows: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Numbers of objects × detections, the background last in both."""
    wide = rows.pivot_table(index="object", columns="detection", values="number", aggfunc="sum", fill_value=0)
    return wide.reindex(index=classes, columns=classes, fill_value=0)


def draw_confusions(matrices: Mapping[str, pd.DataFrame], *, title: str, width: float = TWO_COLUMNS) -> Figure:
    """Matrices (class of the object × class of the detection, the background last) side by side, in % of each row.

    The last column holds objects that are missed, the last row detections of nothing.
    """
    with matplotlib.rc_context(STYLE | {"axes.grid": False} | text_style()):
        size = max(len(matrix) for matrix in matrices.values())
        figure = Figure(figsize=(width, 1.3 + 0.3 * size), layout="constrained")
        panels = figure.subplots(1, len(matrices), squeeze=False)[0]
        for axes, (head, matrix) in zip(panels, matrices.items(), strict=True):
            numbers = matrix.to_numpy(float)
            totals = numbers.sum(axis=1, keepdims=True)
            shares = np.divide(numbers, totals, out=np.zeros_like(numbers), where=totals > 0)
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for row, column in np.ndindex(shares.shape):
                if numbers[row, column]:
                    colour = "white" if shares[row, column] > DARK else "black"
                    text = f"{100 * shares[row, column]:.1f}"
                    axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
            names = [printable(name) for name in matrix.index[:-1]]
            objects = [
                f"{name} ({int(total):,})" for name, total in zip([*names, "nothing"], totals[:, 0], strict=True)
            ]
            axes.set_xticks(range(len(matrix)), [*names, "missed"], rotation=25, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(matrix)), objects)
            axes.set_title(head, fontsize=8)
            axes.set_xlabel("detected as", labelpad=1)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        panels[0].set_ylabel("object")
        heading = textwrap.fill(printable(title), int(width / LETTER_OF_TITLE))
        figure.suptitle(heading, fontsize=8.5, fontweight="bold")
    return figure
