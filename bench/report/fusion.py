"""Fusion metrics: means on clean and degraded pairs, curves, and who ranks where."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import Run, Section, curve, table
from bench.report.summary import CONDITION
from bench.report.tables import Column, Table
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.ranks import rank_table
from tsdm_bench.words import counted

REFERENCES = {
    "none": "the fused image alone",
    "clean": "compared with the clean pair (recovery)",
    "seen": "compared with the inputs as the method saw them",
}
SET_UP = ["height", "width", "device", "threads"]
"""What two costs must have in common to be compared."""


def fusion_section(scores: pd.DataFrame, run: Run) -> Section:
    """Fusion metrics: a table of means on clean pairs, tables and curves of the degraded ones."""
    section = Section("fusion", "Fusion metrics", scores)
    clean = scores["factor"] == CLEAN.factor
    if clean.any():
        # On a clean pair both references are the same images.
        kept = scores["reference"].isin(["none", run.suite.references[0]])
        note = f"Mean over {counted(run.pairs, 'pair')}."
        section.tables.append(_metric_table(scores[clean & kept], run, "Clean pairs", note, run.pairs))
    for reference in run.suite.references if (~clean).any() else ():
        kept = scores["reference"].isin(["none", reference])
        note = (
            f"Mean over {counted(run.pairs, 'pair')} and {counted(run.degraded, 'degraded condition')}; "
            f"full-reference metrics {REFERENCES[reference]}."
        )
        title = f"Degraded pairs, reference: {reference}"
        section.tables.append(_metric_table(scores[~clean & kept], run, title, note, run.pairs * run.degraded))
    for (metric, reference), group in scores.groupby(["metric", "reference"], sort=False):
        card = METRICS[metric]
        name = metric if reference == "none" else f"{metric}-{reference}"
        label = card.symbol if reference == "none" else f"{card.symbol} ({reference})"
        title = f"{card.title}: {REFERENCES[reference]}"
        curve(group, run, name, title, label, card.direction, section, run.pairs, run.clusters)
    return section


def efficiency_section(costs: pd.DataFrame, run: Run) -> Section:
    """What each method costs (:mod:`bench.run.cost`), a table per size, device and number of threads."""
    section = Section("efficiency", "Efficiency", costs)
    of_run = costs[costs["method"].isin(run.suite.methods)]
    unmeasured = of_run.groupby(SET_UP[:-1], sort=False)["threads"]
    of_run = of_run.assign(threads=unmeasured.transform(lambda threads: threads.bfill().ffill()))
    for (height, width, device, threads), group in of_run.groupby(SET_UP, dropna=False, sort=False):
        wide = group.drop_duplicates("method", keep="last").set_index("method")
        wide = wide.assign(thousands=wide["parameters"].astype(float) / 1000)
        columns = [
            Column("thousands", "parameters (thousands)", "lower", 1),
            Column("gflops_per_megapixel", "Gflop per megapixel", "lower", 1),
            Column("seconds_per_megapixel", "seconds per megapixel", "lower", 3, ("fastest", "slowest"), repeated=True),
        ]
        where = device if pd.isna(threads) else f"{device}, {counted(int(threads), 'thread')}"
        note = (
            f"Median [fastest, slowest] of repeated runs, warm, on one {width}×{height} pair, {where}, colour "
            f"conversion included; where these ranges overlap none is marked. Operations are those of convolutions and "
            f"matrix products; – where there are none."
        )
        section.tables.append(table(f"Cost on {where}", note, wide, columns, run, run.sources, of_images=False))
    return section


def _metric_table(scores: pd.DataFrame, run: Run, title: str, note: str, full: int) -> Table:
    """``full`` is how many values the mean of a complete method rests on."""
    groups = scores.groupby(["method", "metric"], sort=False)
    wide, counts = groups["mean"].mean().unstack(), groups["n"].sum().unstack(fill_value=0)
    names = list(scores["metric"].unique())
    columns = [
        Column(name, METRICS[name].symbol, METRICS[name].direction, count=f"{name} n", full=full) for name in names
    ]
    ids = ", ".join(f"{METRICS[name].symbol} = {name}" for name in names)
    note = f"{note} Source images alone are shown for orientation and not ranked. Definitions: {ids}."
    return table(title, note, wide.join(counts.add_suffix(" n")), columns, run, run.sources)


def ranking_section(rows: pd.DataFrame, run: Run) -> Section | None:
    """Mean ranks with tests of significance (CSV), and their mean over the metrics (tables); None where none competes.

    Only methods that have every pair under every condition are ranked.
    """
    directions = {name: METRICS[name].direction for name in rows["metric"].unique()}
    fused = [name for name in run.suite.methods if name not in run.sources]
    ranked = [name for name in fused if name in run.basis.complete]
    tidy = rank_table(rows[rows["method"].isin(ranked)], directions, (*CONDITION, "metric", "reference"))
    if tidy.empty or len(ranked) < 2:
        return None
    section = Section("ranking", "Ranking", tidy)
    tidy = tidy[tidy["reference"].isin(["none", run.suite.references[0]])]
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
    return section
