"""How much of each quantity survives degradation."""

from __future__ import annotations

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import Run, detector_name, factor_title, labelled, per_factor, table
from bench.report.page import Section
from bench.report.summary import DETECTION_QUANTITIES, in_order, robustness_scores
from bench.report.tables import Column, Table
from bench.statistics.detection import ALL, DetectionSamples
from bench.statistics.robustness import crossover_table, rank_agreement, robustness_table

ROBUSTNESS_METRICS = ("vif", "qabf", "ssim_mean")
"""What stands in the robustness tables of a run without detection."""
QUANTITIES = {"P": "P (clean)", "mPC": "mPC", "rPC": "rPC", "gain": "fusion gain"}


def robustness_section(scores: pd.DataFrame, samples: DetectionSamples | None, run: Run) -> Section:
    fusion = robustness_scores(scores)
    parts = [fusion]
    if samples and CLEAN.severity in run.suite.severities:
        for key, head in DETECTION_QUANTITIES.items():
            parts.append(robustness_table(samples, key).assign(metric=head, reference="none"))
    tidy = in_order(pd.concat(parts[::-1], ignore_index=True), run.suite)
    section = Section("robustness", "Robustness", tidy)
    fidelity = [name for name in ROBUSTNESS_METRICS if name in set(fusion["metric"])]
    for metric in list(DETECTION_QUANTITIES.values()) if len(parts) > 1 else fidelity:
        part = tidy[(tidy["metric"] == metric) & tidy["reference"].isin(["none", "clean"])]
        if not part.empty:
            section.tables.append(_robustness_table(part, metric, run))
    if len(parts) > 1:
        section.tables += _crossover_table(samples, run)
    return section


def agreement_is_defined(samples: DetectionSamples) -> bool:
    """An order takes two methods, and something to compare it with."""
    cells = samples.cells
    return cells["method"].nunique() > 1 and {0} < set(cells["severity"])


def agreement_section(samples: DetectionSamples, run: Run) -> Section:
    """Whether the order of the methods on clean pairs is still theirs under degradation."""
    agreement = in_order(rank_agreement(samples, "AP50"), run.suite)
    section = Section("agreement", "Does the clean order hold?", agreement)
    places = {of: factor_title(of, run) for of in zip(agreement["factor"], agreement["modality"], strict=True)}
    named = agreement.assign(place=[places[of] for of in zip(agreement["factor"], agreement["modality"], strict=True)])
    wide = named.pivot(index="place", columns="severity", values=["tau", "low", "high"]).reindex(places.values())
    wide.columns = [f"{severity} {name}" for name, severity in wide.columns]
    columns = [
        Column(f"{severity} tau", f"severity {severity}", "", 2, (f"{severity} low", f"{severity} high"))
        for severity in sorted(agreement["severity"].unique())
    ]
    note = (
        f"Kendall's τ-b between the order of {int(agreement['methods'].max())} methods by mAP50 on clean pairs and "
        f"under each degradation: 1 the same order, 0 unrelated, −1 reversed; 95 % intervals over resampled scenes; "
        f"detector {detector_name(run)}."
    )
    section.tables.append(Table(labelled("Rank agreement", run), note, wide, columns, rows="factor"))
    return section


def _robustness_table(part: pd.DataFrame, metric: str, run: Run) -> Table:
    of_detector = metric in DETECTION_QUANTITIES.values()
    head, direction = (metric, "higher") if of_detector else (METRICS[metric].symbol, METRICS[metric].direction)
    overall = part[part["factor"] == ALL].set_index("method")
    of_factors = per_factor(part[part["factor"] != ALL], "mPC")
    columns = [
        Column(key, head, direction, 3, (f"{key}_low", f"{key}_high") if of_detector else None)
        for key, head in QUANTITIES.items()
        if key in overall and overall[key].notna().any()
    ]
    columns += [Column(key, factor_title(key, run), direction, 3) for key in of_factors]
    note = (
        f"{head} on clean pairs (P), its mean over factors and over the severities from 1 that were run (mPC), "
        f"rPC = mPC / P, and mPC per factor."
    )
    if of_detector:
        note += (
            f" Fusion gain: what the method has more than the better single source, mean over the same conditions. "
            f"95 % intervals over resampled scenes; detector {detector_name(run)}."
        )
    else:
        note += " Compared with the clean pair. Source images alone are not ranked."
    unranked = () if of_detector else run.sources
    wide = pd.concat([overall, of_factors], axis=1)
    return table(f"Robustness of {head}", note, wide, columns, run, unranked)


def _crossover_table(samples: DetectionSamples, run: Run) -> list[Table]:
    crossover = crossover_table(samples, "AP50")
    if crossover.empty:
        return []
    wide = per_factor(in_order(crossover, run.suite), "crossover")
    highest = int(crossover["highest"].max())
    columns = [Column(key, factor_title(key, run), "higher", 2) for key in wide]
    note = (
        f"The severity at which mAP50 falls to that of the better single source, interpolated; 0: no gain to begin "
        f"with, ∞: the gain lasts to severity {highest}, the highest run."
    )
    return [table("Severity at which the fusion gain is lost", note, wide, columns, run)]
