"""How much of each quantity survives degradation."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import (
    Run,
    Section,
    detector_name,
    factor_title,
    interval_note,
    labelled,
    per_factor,
    table,
)
from bench.report.precision import Precision
from bench.report.summary import in_order, robustness_scores
from bench.report.tables import Column, Direction, Table
from bench.statistics.robustness import crossover_table, rank_agreement, robustness_table
from detectors.evaluation import ALL
from tsdm_bench.words import counted

ROBUSTNESS_METRICS = ("vif", "qabf", "ssim_mean")
"""What stands in the robustness tables of a run without detection."""
QUANTITIES = {"P": "P (clean)", "mPC": "mPC", "rPC": "rPC", "gain": "fusion gain"}
PER_FACTOR = ", and mPC per factor."
COUNTS = {"P": ["P_n"], "mPC": ["mPC_n"], "rPC": ["P_n", "mPC_n"], "gain": ["mPC_n"]}
"""Numbers of values that each quantity rests on."""


def robustness_section(scores: pd.DataFrame, precision: Precision | None, run: Run) -> Section:
    """P, mPC, rPC and fusion gain of every method, and what each factor costs it."""
    parts = [robustness_scores(scores)]
    if precision and CLEAN in run.basis.conditions:
        shown = [(head, measure, precision.name) for head, measure in precision.quantities.items()]
        beside = [(head, *of) for head, of in precision.beside.items()]
        for head, measure, name in [*beside, *shown[::-1]]:
            part = robustness_table(precision.samples, measure, name)
            parts.append(part.assign(metric=head, reference="none"))
    tidy = in_order(pd.concat(parts[::-1], ignore_index=True), run.suite)
    section = Section("robustness", "Robustness", tidy)
    section.tables += _tables(tidy, precision, run).values()
    if precision and precision.ranked and CLEAN in run.basis.conditions:
        section.tables += _crossover_table(precision, run)
    return section


def main_table(tidy: pd.DataFrame, precision: Precision | None, run: Run) -> Table | None:
    """The numbers that a reader looks for first: P, mPC, rPC and gain of one quantity, and mPC of the others.

    ``tidy`` is that of the section; None where there is none of the quantities.
    """
    tables = _tables(tidy, precision, run)
    if not tables:
        return None
    (name, first), *others = tables.items()
    frame, columns = first.frame, [replace(c, head=f"{name} {c.head}") for c in first.columns if c.key in QUANTITIES]
    for name, other in others:
        key, count = f"{name} mPC", f"{name} count"
        frame = frame.assign(**{key: other.frame["mPC"], count: other.frame["mPC count"]})
        column = next(column for column in other.columns if column.key == "mPC")
        columns.append(replace(column, key=key, head=key, interval=None, count=count))
    return replace(first, note=first.note.replace(PER_FACTOR, "."), frame=frame, columns=columns)


def _tables(tidy: pd.DataFrame, precision: Precision | None, run: Run) -> dict[str, Table]:
    """Name for the reader → the table of each quantity: of detection where there is any, else of fusion metrics."""
    found = set(tidy["metric"])
    of_detection = [head for head in precision.quantities if head in found] if precision else []
    tables = {}
    for head in of_detection or [name for name in ROBUSTNESS_METRICS if name in found]:
        part = tidy[(tidy["metric"] == head) & tidy["reference"].isin(["none", "clean"])]
        if not part.empty:
            name = head if of_detection else METRICS[head].symbol
            tables[name] = _robustness_table(part, head, precision, run)
    return tables


def agreement_section(precision: Precision, run: Run) -> Section | None:
    """Whether the order of the methods on clean pairs is still theirs under degradation.

    None where there is no order: of fewer than two fused methods, without the clean condition, or by too few objects.
    """
    if not precision.ranked:
        return None
    agreement = in_order(
        rank_agreement(precision.samples, precision.measure, precision.name, tuple(run.sources)), run.suite
    )
    if agreement.empty:
        return None
    section = Section("agreement", "Does the clean order hold?", agreement)
    keys = list(zip(agreement["factor"], agreement["modality"], strict=True))
    places = {of: factor_title(of, run) for of in keys}
    named = agreement.assign(place=[places[of] for of in keys])
    wide = named.pivot(index="place", columns="severity", values=["tau", "low", "high"]).reindex(places.values())
    wide.columns = [f"{severity} {name}" for name, severity in wide.columns]
    columns = [
        Column(f"{severity} tau", f"severity {severity}", "", 2, (f"{severity} low", f"{severity} high"))
        for severity in sorted(agreement["severity"].unique())
    ]
    note = (
        f"Kendall's τ-b between the order of {int(agreement['methods'].max())} fusion methods by {precision.head} on "
        f"clean pairs and under each degradation: 1 the same order, 0 unrelated, −1 reversed. "
        f"{interval_note(precision.samples.clusters)} Detector {detector_name(run)}. {precision.note}"
    )
    section.tables.append(Table(labelled(precision.titled("Rank agreement"), run), note, wide, columns, rows="factor"))
    return section


def _robustness_table(part: pd.DataFrame, metric: str, precision: Precision | None, run: Run) -> Table:
    of_detector = precision if precision is not None and metric in precision.quantities else None
    direction: Direction
    head, direction = metric, "higher"
    if not of_detector:
        head, direction = METRICS[metric].symbol, METRICS[metric].direction
    pairs, ranked = (of_detector.samples.images, of_detector.ranked) if of_detector else (run.pairs, True)
    overall = part[part["factor"] == ALL].set_index("method")
    factors = part[part["factor"] != ALL]
    of_factors, counts = per_factor(factors, "mPC"), per_factor(factors, "mPC_n")
    wide = pd.concat([overall, of_factors], axis=1)
    full = {"P": pairs, "mPC": pairs * run.degraded, "rPC": pairs * (run.degraded + 1), "gain": pairs * run.degraded}
    columns = []
    for key, title in QUANTITIES.items():
        if key in overall and overall[key].notna().any():
            count, bounds = f"{key} count", (f"{key}_low", f"{key}_high") if of_detector else None
            wide[count] = overall[COUNTS[key]].sum(axis=1)
            columns.append(Column(key, title, direction, 3, bounds, count, full[key], ranked=ranked))
    for key in of_factors:
        count = f"{key} count"
        wide[count] = counts[key]
        values = pairs * sum((factor, modality) == key for factor, _, modality in run.basis.conditions)
        columns.append(Column(key, factor_title(key, run), direction, 3, None, count, values, ranked=ranked))
    note = (
        f"{head} on {counted(pairs, 'clean pair')} (P), its mean over factors and over the severities from 1 "
        f"that were run (mPC), rPC = mPC / P{PER_FACTOR} Source images alone are not ranked."
    )
    if of_detector:
        note += (
            f" Fusion gain: what the method has more than the better single source, mean over the same conditions. "
            f"{interval_note(of_detector.samples.clusters)} Detector {detector_name(run)}. {of_detector.note}"
        )
    else:
        note += " Compared with the clean pair."
    return table(f"Robustness of {head}", note, wide, columns, run, run.sources)


def _crossover_table(precision: Precision, run: Run) -> list[Table]:
    crossover = crossover_table(precision.samples, precision.measure, precision.name)
    if crossover.empty:
        return []
    crossover = in_order(crossover, run.suite)
    wide = per_factor(crossover, "crossover")
    heads, bounds = list(wide), {}
    for end in ("low", "high"):
        of_end = per_factor(crossover, end)
        bounds[end] = [f"{place} {end}" for place in range(len(heads))]
        wide[bounds[end]] = of_end[heads].to_numpy()
    columns = [
        Column(key, factor_title(key, run), "higher", 2, (low, high))
        for key, low, high in zip(heads, bounds["low"], bounds["high"], strict=True)
    ]
    note = (
        f"The severity at which {precision.head} falls to that of the better single source, interpolated; 0: no gain "
        f"to begin with, ∞: the gain lasts to severity {int(crossover['highest'].max())}, the highest run. "
        f"{interval_note(precision.samples.clusters)} {precision.note}"
    )
    return [table(precision.titled("Severity at which the fusion gain is lost"), note, wide, columns, run, run.sources)]
