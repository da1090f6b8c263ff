"""Why detection falls: what becomes of the objects as severity grows, and what each kind of error costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.report.curves import STYLE, TWO_COLUMNS
from bench.report.drawing import Drawing
from bench.report.layout import Run, Section, detector_name, factor_title, labelled, table
from bench.report.lettering import text_style
from bench.report.precision import Precision, workers_for
from bench.report.summary import Labelled, curve_points, in_order
from bench.report.tables import Column, Table
from bench.statistics.diagnosis import Diagnosed, diagnose_cells, falls
from bench.statistics.objects import SEEN, SIZE, sights, sizes
from detectors.evaluation.fates import FOUND, NEAR, SHOWN_FROM
from tsdm_bench.errors import printable
from tsdm_bench.words import counted

COSTS = {
    "missed": "missed",
    "localisation": "misplaced",
    "classification": "wrong class",
    "both": "class and place",
    "background": "nothing there",
    "duplicate": "found twice",
}
"""Kinds of error for the reader."""
SHARES = {"found": "found", "misplaced": "misplaced", "mistaken": "wrong class", "missed": "missed"}
"""Fates of an object for the reader, in the order of a bar from below."""
COLOURS = ("#009E73", "#E69F00", "#CC79A7", "#D55E00")
"""Of the fates."""
FATES_OF = "What becomes of the objects"
FIGURE = "errors"


def diagnosed(part: Labelled, contrasts: pd.DataFrame, precision: Precision, run: Run) -> Diagnosed:
    """The errors in the classes that count, with the objects told apart by their size and by where they stand out."""
    groups = {SIZE: sizes(part.truth), SEEN: sights(part.truth, contrasts)}
    found = diagnose_cells(*part, precision.members, groups, workers=workers_for(part))
    return Diagnosed(*(in_order(table, run.suite) for table in found))


def diagnosis_section(rows: pd.DataFrame, precision: Precision, run: Run) -> Section:
    """What becomes of the objects under each method, and what each kind of error costs, from ``Diagnosed.errors``."""
    classes = precision.members
    section = Section("diagnosis", "Why detection falls", rows)
    is_clean = rows["severity"] == 0
    if is_clean.any():
        section.tables += _tables("on clean pairs", "", rows[is_clean], classes, precision, run)
    if not is_clean.all():
        told = " ".join(sentences(rows, run))
        told = f"From clean pairs to the highest severity, mean over the fusion methods. {told} " if told else ""
        section.tables += _tables("under degradation", told, rows[~is_clean], classes, precision, run)
    section.drawings += _figure(rows, run)
    return section


def _tables(
    title: str, told: str, rows: pd.DataFrame, classes: tuple[str, ...], precision: Precision, run: Run
) -> tuple[Table, Table]:
    conditions = len(rows[["factor", "severity", "modality"]].drop_duplicates())
    means = rows.groupby("method").mean(numeric_only=True)
    means["images"] = rows.groupby("method")["images"].sum()
    shared: dict[str, Any] = {"digits": 3, "count": "images", "full": precision.samples.images * conditions}
    over = f", mean over {counted(conditions, 'condition')}" if conditions > 1 else ""
    numbers = ", ".join(f"{name} {precision.samples.objects[name]}" for name in classes)
    last = f"Classes: {numbers}. Detector {detector_name(run)}."
    fates = [
        Column("found", SHARES["found"], ranked=precision.ranked, **shared),
        *(Column(fate, name, "lower", ranked=False, **shared) for fate, name in SHARES.items() if fate != "found"),
        Column("alarms", "false alarms", "lower", ranked=False, **shared | {"digits": 2}),
        Column("calibration_error", "ECE", "lower", ranked=False, **shared),
    ]
    note_of_fates = (
        f"{told}Shares of the objects at a score of at least {SHOWN_FROM:g}{over}. Found: hit (IoU ≥ {FOUND:g}) by a "
        f"detection of its class; misplaced: only near one (IoU ≥ {NEAR:g}); wrong class: hit by one of another class "
        f"only. False alarms per image. ECE: expected calibration error of all scores. {last}"
    )
    costs = [Column("AP50", precision.head.removesuffix(precision.definition.suffix), ranked=False, **shared)]
    costs += [Column(f"cost_{kind}", name, "lower", ranked=False, **shared) for kind, name in COSTS.items()]
    note_of_costs = (
        f"By how much mAP50 would rise if all errors of one kind, and no others, were mended{over} (ΔAP of TIDE, Bolya "
        f"et al., ECCV 2020). The costs do not add up, and where mAP50 itself is small all of them are. {last}"
    )
    return (
        table(f"{FATES_OF} {title}", note_of_fates, means, fates, run, run.sources),
        table(f"What errors cost {title}", note_of_costs, means, costs, run, run.sources),
    )


def _figure(rows: pd.DataFrame, run: Run) -> list[Drawing]:
    """A panel per factor: what becomes of the objects at each severity, the mean over the fusion methods."""
    own = fused(rows, run)
    means = own.groupby(["factor", "severity", "modality"], sort=False)[list(SHARES)].mean().reset_index()
    points = curve_points(means, run.suite)
    if points["severity"].nunique() < 2:
        return []
    keys = zip(points["factor"], points["modality"], strict=True)
    points = points.assign(factor=[factor_title(key, run) for key in keys])
    title = labelled(f"{FATES_OF}, mean over {counted(own['method'].nunique(), 'method')}", run)
    return [Drawing(Path(FIGURE), draw_shares, {"points": points, "title": title})]


def draw_shares(points: pd.DataFrame, *, title: str, width: float = TWO_COLUMNS) -> Figure:
    """Bars of ``points`` (columns factor, severity and one per fate) side by side, a panel per factor."""
    factors = list(dict.fromkeys(points["factor"]))
    columns = min(len(factors), 4)
    lines = -(-len(factors) // columns)
    with matplotlib.rc_context(STYLE | text_style()):
        figure = Figure(figsize=(width, 0.8 + 1.4 * lines), layout="constrained")
        panels = list(figure.subplots(lines, columns, sharey=True, squeeze=False).flat)
        for axes, factor in zip(panels, factors, strict=False):
            own = points[points["factor"] == factor].sort_values("severity")
            base = np.zeros(len(own))
            for colour, fate in zip(COLOURS, SHARES, strict=True):
                share = 100 * own[fate].to_numpy()
                axes.bar([str(severity) for severity in own["severity"]], share, bottom=base, color=colour, width=0.85)
                base += share
            axes.set_title(printable(factor), fontsize=8)
            axes.grid(axis="x", visible=False)
            axes.set_ylim(0, 100)
        for axes in panels[len(factors) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(factors) - columns) : len(factors)]:
            axes.set_xlabel("severity", labelpad=1)
        figure.supylabel("% of objects", fontsize=8)
        figure.suptitle(printable(title), fontsize=9, fontweight="bold")
        handles = [Patch(color=colour) for colour in COLOURS]
        figure.legend(
            handles, [*SHARES.values()], loc="outside lower center", ncols=len(SHARES), frameon=False, fontsize=7
        )
    return figure


def sentences(rows: pd.DataFrame, run: Run) -> list[str]:
    """A sentence for each factor from the rows of the section: how far mAP50 falls, and what becomes of the objects."""
    several = len(run.suite.modalities) > 1
    told = []
    for fall in falls(fused(rows, run)):
        where = factor_title((fall.factor, fall.modality), run) if several else run.factors[fall.factor]
        shares = [
            f"{100 * before:.0f} → {100 * after:.0f} % {SHARES[fate]}" for fate, (before, after) in fall.fates.items()
        ]
        told.append(
            f"{where}: at severity {fall.severity} mAP50 goes from {fall.clean:.3f} to {fall.degraded:.3f}; of the "
            f"objects {', '.join(shares)}; {fall.alarms[0]:.1f} → {fall.alarms[1]:.1f} false alarms per image."
        )
    return told


def fused(rows: pd.DataFrame, run: Run) -> pd.DataFrame:
    """The rows of the fusion methods; all where there are only sources."""
    own = rows[~rows["method"].isin(run.sources)]
    return rows if own.empty else own
