"""Fusion metrics: means on clean and degraded pairs, curves, and who ranks where."""

from __future__ import annotations

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import Run, curve, table
from bench.report.page import Section
from bench.report.summary import CONDITION
from bench.report.tables import Column, Table
from bench.statistics.ranks import rank_table

REFERENCES = {
    "none": "the fused image alone",
    "clean": "compared with the clean pair (recovery)",
    "seen": "compared with the inputs as the method saw them",
}


def fusion_section(scores: pd.DataFrame, run: Run) -> Section:
    section = Section("fusion", "Fusion metrics", scores)
    clean = scores["factor"] == CLEAN.factor
    count = int(scores["n"].max())
    if clean.any():
        # On a clean pair both references are the same images.
        kept = scores["reference"].isin(["none", run.suite.references[0]])
        section.tables.append(_metric_table(scores[clean & kept], run, "Clean pairs", f"Mean over {count} pairs."))
    for reference in run.suite.references if (~clean).any() else ():
        kept = scores["reference"].isin(["none", reference])
        note = f"Mean over {count} pairs and all degraded conditions; full-reference metrics {REFERENCES[reference]}."
        title = f"Degraded pairs, reference: {reference}"
        section.tables.append(_metric_table(scores[~clean & kept], run, title, note))
    for (metric, reference), group in scores.groupby(["metric", "reference"], sort=False):
        card = METRICS[metric]
        path = run.curves / (metric if reference == "none" else f"{metric}-{reference}")
        label = card.symbol if reference == "none" else f"{card.symbol} ({reference})"
        curve(group, run, path, f"{card.title}: {REFERENCES[reference]}", label, card.direction, section)
    return section


def efficiency_section(table_: pd.DataFrame, run: Run) -> Section:
    """What each method costs on the machine of the run (:mod:`bench.run.cost`)."""
    section = Section("efficiency", "Efficiency", table_)
    wide = table_.drop_duplicates("method", keep="last").set_index("method")
    wide = wide.assign(thousands=wide["parameters"].astype(float) / 1000)
    first = wide.iloc[0]
    columns = [
        Column("thousands", "parameters (thousands)", "lower", 1),
        Column("gflops_per_megapixel", "Gflop per megapixel", "lower", 1),
        Column("seconds_per_megapixel", "seconds per megapixel", "lower", 3),
    ]
    note = (
        f"Measured warm on one {first['width']}×{first['height']} pair, {first['device']}, {first['threads']} threads, "
        f"colour conversion included. Operations are those of convolutions and matrix products; – where there are none."
    )
    section.tables.append(table("Cost", note, wide, columns, run, run.sources))
    return section


def _metric_table(scores: pd.DataFrame, run: Run, title: str, note: str) -> Table:
    wide = scores.pivot_table(index="method", columns="metric", values="mean", sort=False)
    names = [name for name in scores["metric"].unique() if name in wide]
    columns = [Column(name, METRICS[name].symbol, METRICS[name].direction) for name in names]
    ids = ", ".join(f"{METRICS[name].symbol} = {name}" for name in names)
    note = f"{note} Source images alone are shown for orientation and not ranked. Definitions: {ids}."
    return table(title, note, wide, columns, run, run.sources)


def ranking_section(rows: pd.DataFrame, run: Run) -> Section:
    """Mean ranks with tests of significance (CSV), and their mean over the metrics (tables)."""
    directions = {name: METRICS[name].direction for name in rows["metric"].unique()}
    fused = rows[~rows["method"].isin(run.sources)]
    tidy = rank_table(fused, directions, (*CONDITION, "metric", "reference"))
    section = Section("ranking", "Ranking", tidy)
    if tidy.empty:
        return section
    tidy = tidy[tidy["reference"].isin(["none", run.suite.references[0]])]
    clean = tidy["factor"] == CLEAN.factor
    parts = {"clean": tidy[clean], "degraded": tidy[~clean]}
    parts |= {name: tidy[tidy["factor"] == name] for name in run.suite.factors}
    wide = pd.DataFrame({name: of.groupby("method")["mean_rank"].mean() for name, of in parts.items() if len(of)})
    columns = [Column(name, run.titles.get(name, name), "lower", 2) for name in wide]
    metrics = ", ".join(METRICS[name].symbol for name in directions)
    note = (
        f"Rank on each scene (1 = best of {len(wide)}), mean over {int(tidy['clusters'].max())} scenes and over "
        f"{metrics} (reference: {run.suite.references[0]}); source images alone take no part. Friedman's and "
        f"Wilcoxon's tests per metric are in ranking.csv."
    )
    section.tables.append(table("Mean rank over the fusion metrics", note, wide, columns, run))
    return section
