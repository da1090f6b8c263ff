"""Precision against recall of each method: on clean pairs, and at the highest severity of each factor."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.plan import CLEAN
from bench.report.curves import draw_curves
from bench.report.drawing import Drawing
from bench.report.layout import Run, Section, detector_name, factor_title, labelled
from bench.report.precision import Precision
from bench.report.summary import CONDITION

FIGURE = "precision-recall"


def precision_recall_section(curves: pd.DataFrame, precision: Precision, run: Run) -> Section:
    """The curves of ``Diagnosed.curves``: all of them as CSV, clean and worst ones as a figure."""
    section = Section("precision_recall", "Precision and recall", curves)
    parts = []
    for (factor, modality), part in curves.groupby(["factor", "modality"], sort=False):
        severity = part["severity"].max()
        key = (factor, modality)
        head = "clean" if factor == CLEAN.factor else f"{factor_title(key, run)}, severity {severity}"
        parts.append(part[part["severity"] == severity].assign(factor=head))
    points = pd.concat(parts).rename(columns={"precision": "mean"}).drop(columns=CONDITION[1:])
    head = precision.head.removesuffix(precision.definition.suffix)  # the curves are COCO's
    title = (
        f"Precision at IoU 0.5, mean over {', '.join(precision.members)}: the area under a curve is {head}. "
        f"{detector_name(run)}"
    )
    arguments = {
        "points": points.assign(low=float("nan"), high=float("nan")),
        "title": labelled(title, run),
        "label": "precision",
        "direction": "higher",
        "titles": run.titles,
        "order": run.suite.methods,
        "against": "recall",
    }
    section.drawings.append(Drawing(Path(FIGURE), draw_curves, arguments))
    return section
