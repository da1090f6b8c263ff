"""Fusion metrics: means on clean and degraded pairs, and curves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import Run, Section, add_curve, table
from bench.report.protocol import MARK, Response
from bench.report.robustness import ROBUSTNESS_METRICS
from bench.report.summary import pooled_scores, spread_scores
from bench.report.tables import NOT_APPLICABLE, Column, Table
from tsdm_bench.words import counted

REFERENCES = {
    "none": "the fused image alone",
    "clean": "compared with the clean pair (recovery)",
    "seen": "compared with the inputs as the method saw them",
}


def fusion_section(scores: pd.DataFrame, rows: pd.DataFrame, response: Response, run: Run) -> Section:
    """Fusion metrics: a table of means on clean pairs, tables and curves of the degraded ones.

    ``scores`` are those of ``rows`` (:func:`bench.report.summary.fusion_scores`). Under degradation a metric that
    noise alone makes better (``response``) is marked and not ranked.
    """
    risers = response.risers()
    section = Section("fusion", "Fusion metrics", scores)
    clean = scores["factor"] == CLEAN.factor
    spreads = {part: spread_scores(rows[(rows["severity"] == 0) == part]) for part in (True, False)}
    if clean.any():
        # On a clean pair both references are the same images.
        reference = run.suite.references[0]
        note = f"Mean over {counted(run.pairs, 'pair')}."
        section.tables.append(
            _metric_table(scores[clean], spreads[True], reference, run, "Clean pairs", note, run.pairs)
        )
    for reference in run.suite.references if (~clean).any() else ():
        note = (
            f"Mean over {counted(run.pairs, 'pair')} and {counted(run.degraded, 'degraded condition')}; "
            f"full-reference metrics {REFERENCES[reference]}.{response.note(scores['metric'].unique())}"
        )
        title, full = f"Degraded pairs, reference: {reference}", run.pairs * run.degraded
        section.tables.append(_metric_table(scores[~clean], spreads[False], reference, run, title, note, full, risers))
    for (metric, reference), group in scores.groupby(["metric", "reference"], sort=False):
        card = METRICS[metric]
        name = metric if reference == "none" else f"{metric}-{reference}"
        label = card.symbol if reference == "none" else f"{card.symbol} ({reference})"
        title = f"{card.title}: {REFERENCES[reference]}" + f" ({MARK} rises with noise)" * (metric in risers)
        shown = metric in ROBUSTNESS_METRICS and reference in ("none", run.suite.references[0])
        of = (rows["metric"] == metric) & (rows["reference"] == reference)
        pooled = pooled_scores(rows[of]) if shown else None
        add_curve(group, run, name, title, label, card.direction, section, run.pairs, run.clusters, pooled)
    return section


def _metric_table(
    scores: pd.DataFrame, spread: pd.DataFrame, reference: str, run: Run, title: str, note: str, full: int,
    risers: Collection[str] = (),
) -> Table:  # fmt: skip
    """Means of the metrics with one reference; ``full`` is how many values that of a complete method rests on."""
    scores, spread = (of[of["reference"].isin(["none", reference])] for of in (scores, spread))
    groups = scores.groupby(["method", "metric"], sort=False)
    wide, counts = groups["mean"].mean().unstack(), groups["n"].sum().unstack(fill_value=0)
    beside = spread.pivot(index="method", columns="metric", values=["std", "low", "high"])
    beside.columns = [f"{metric} {what}" for what, metric in beside.columns]
    wide = wide.join(counts.add_suffix(" n")).join(beside)
    names = list(scores["metric"].unique())
    columns = [
        Column(
            name, METRICS[name].symbol + f" {MARK}" * (name in risers), METRICS[name].direction, count=f"{name} n",
            full=full, std=f"{name} std", further=(f"{name} low", f"{name} high"), ranked=name not in risers,
        )
        for name in names
    ]  # fmt: skip
    ids = ", ".join(f"{METRICS[name].symbol} = {name}" for name in names)
    note = f"{note} Source images alone are shown for orientation and not ranked. Definitions: {ids}."
    warnings = dict.fromkeys(METRICS[name].warning for name in names)
    note = " ".join(filter(None, [note, *warnings]))
    if run.unfused:
        wide = wide.reindex([*wide.index, *run.unfused])
        note += f" {NOT_APPLICABLE}: {', '.join(run.titles[name] for name in run.unfused)} make no fused image."
    made = table(title, note, wide, columns, run, run.sources)
    return replace(made, of="fusion metrics", without=frozenset(run.titles[name] for name in run.unfused))
