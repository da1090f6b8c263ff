"""Who ranks where over the fusion metrics, and which ranks the data can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.drawing import Drawing
from bench.report.layout import Run, Section, labelled, table
from bench.report.overview import draw_difference, draw_ranks
from bench.report.summary import CONDITION
from bench.report.tables import Column
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.ranks import cluster_ranks, nemenyi, rank_table
from tsdm_bench.words import counted

PARTS = {True: "Clean pairs", False: "Degraded pairs"}


def ranking_section(rows: pd.DataFrame, run: Run) -> Section | None:
    """Mean ranks with tests of significance (CSV), and their mean over the metrics (tables); None where none competes.

    Only methods that have every pair under every condition are ranked, and none by metrics without a reference alone.
    """
    directions = {name: METRICS[name].direction for name in rows["metric"].unique()}
    if not any(METRICS[name].reference for name in directions):
        return None  # metrics of the fused image alone reward noise and sharpening: no order rests on them only
    fused = [name for name in run.suite.methods if name not in run.sources]
    ranked = [name for name in fused if name in run.basis.complete]
    rows = rows[rows["method"].isin(ranked)]
    tidy = rank_table(rows, directions, (*CONDITION, "metric", "reference"))
    if tidy.empty or len(ranked) < 2:
        return None
    section = Section("ranking", "Ranking", tidy)
    references = ["none", run.suite.references[0]]
    tidy = tidy[tidy["reference"].isin(references)]
    clean = tidy["factor"] == CLEAN.factor
    parts: dict[Any, tuple[str, pd.DataFrame]]
    parts = {
        "clean": ("clean", tidy[clean]),
        "degraded": ("degraded", tidy[~clean]),
    }
    parts |= {("factor", name): (run.factors[name], tidy[tidy["factor"] == name]) for name in run.factors}
    shown = {key: (head, of.groupby("method")["mean_rank"].mean()) for key, (head, of) in parts.items() if len(of)}
    wide = pd.DataFrame({place: ranks for place, (_, ranks) in enumerate(shown.values())})
    columns = [Column(place, head, "lower", 2) for place, (head, _) in enumerate(shown.values())]
    metrics = ", ".join(METRICS[name].symbol for name in directions)
    clusters = int(tidy["clusters"].min())
    note = (
        f"Rank on each scene (1 = best of {len(wide)}), mean over {counted(run.pairs, 'pair')} in "
        f"{counted(run.clusters, 'scene cluster')} and over {metrics} (reference: {run.suite.references[0]}); source "
        f"images alone take no part."
    )
    if clusters < FEWEST_CLUSTERS:
        note += f" No tests of significance: n too small ({counted(clusters, 'cluster')})."
    else:
        note += " Friedman's and Wilcoxon's tests per metric, p corrected by Holm, are in ranking.csv."
    if left := [run.titles[name] for name in fused if name not in ranked]:
        note += f" Not ranked, since pairs or conditions are missing: {', '.join(left)}."
    section.tables.append(table("Mean rank over the fusion metrics", note, wide, columns, run))
    section.drawings += _overview(tidy, run) + _difference(rows[rows["reference"].isin(references)], directions, run)
    return section


def _overview(tidy: pd.DataFrame, run: Run) -> list[Drawing]:
    """The mean rank of each method by each metric."""
    ranks = {}
    for is_clean, head in PARTS.items():
        part = tidy[(tidy["factor"] == CLEAN.factor) == is_clean]
        if len(part):
            means = part.groupby(["method", "metric"], sort=False)["mean_rank"].mean().unstack()
            ranks[head] = means[list(part["metric"].unique())].rename(columns=lambda name: METRICS[name].symbol)
    title = labelled("Mean rank by metric, 1 is best", run)
    return [_drawing("ranks", draw_ranks, run, ranks=ranks, title=title)]


def _difference(rows: pd.DataFrame, directions: dict, run: Run) -> list[Drawing]:
    """Which mean ranks over all metrics can be told apart, on clean and on degraded pairs."""
    parts = {}
    for is_clean, head in PARTS.items():
        of_clusters = cluster_ranks(rows[(rows["factor"] == CLEAN.factor) == is_clean], directions)
        if not of_clusters.empty and (found := nemenyi(of_clusters)):
            parts[head] = found
    title = labelled("Mean rank over the fusion metrics; bars join methods that do not differ (Nemenyi, 0.05)", run)
    return [_drawing("critical-difference", draw_difference, run, parts=parts, title=title)] if parts else []


def _drawing(name: str, draw: Any, run: Run, **arguments: Any) -> Drawing:
    return Drawing(Path(name), draw, arguments | {"titles": run.titles, "order": run.suite.methods})
