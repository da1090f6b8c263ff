"""What restoring first changes: each method behind restorers beside the method itself, on clean and degraded inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import Run, Section, detector_name, factor_title, interval_note, labelled
from bench.report.precision import Precision
from bench.report.robustness import ROBUSTNESS_METRICS
from bench.report.tables import Column, Table
from bench.statistics.robustness import paired_difference

HARM = "Clean inputs (harm)"
Place = tuple[str, str]


def restoration_section(scores: pd.DataFrame, precision: Precision | None, run: Run) -> Section | None:
    """Differences that restoring first makes; None where no method stands beside itself behind restorers."""
    bases = {name: run.record.methods[name].restores for name in run.suite.methods if name in run.shown}
    bases = {name: base for name, base in bases.items() if base in run.shown}
    if not bases:
        return None
    places = dict.fromkeys((factor, modality) for factor, _, modality in sorted(run.basis.conditions))
    places = {place: None for place in [(CLEAN.factor, CLEAN.modality), *places] if place in places}
    parts = list(_of_metrics(scores, bases))
    if precision:
        parts = [pd.DataFrame(_of_detection(precision, bases, list(places))), *parts]
    tidy = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    section = Section("restoration", "Restoring before fusing", tidy)
    for metric, part in tidy.groupby("metric", sort=False):
        section.tables.append(_table(part, str(metric), list(places), precision, run))
    return section


def _of_metrics(scores: pd.DataFrame, bases: dict[str, str]) -> Iterator[pd.DataFrame]:
    """Of each metric that the robustness tables show, against the clean pair: differences of the means."""
    shown = scores[scores["metric"].isin(ROBUSTNESS_METRICS) & scores["reference"].isin(["none", "clean"])]
    keys = ["metric", "factor", "modality"]
    for name, base in bases.items():
        both = [shown[shown["method"] == each].set_index([*keys, "severity"])["mean"] for each in (name, base)]
        mean = (both[0] - both[1]).dropna().groupby(level=keys, sort=False).mean()
        yield mean.rename("difference").reset_index().assign(method=name, base=base, low=np.nan, high=np.nan)


def _of_detection(precision: Precision, bases: dict[str, str], places: list[Place]) -> Iterator[dict]:
    """Of mAP50, with paired intervals over the same resampled scenes."""
    samples, measure = precision.samples, precision.measure
    cells = samples.cells
    for name, base in bases.items():
        of_both = cells["method"].isin([name, base])
        for factor, modality in places:
            selected = of_both & (cells["factor"] == factor) & (cells["modality"] == modality)
            for row in paired_difference(samples, selected.to_numpy(), measure, precision.name).itertuples():
                sign = 1 if row.first == name else -1
                low, high = sorted((sign * row.low, sign * row.high))
                yield {
                    "metric": precision.head,
                    "factor": factor,
                    "modality": modality,
                    "difference": sign * row.difference + 0.0,  # no negative zero
                    "method": name,
                    "base": base,
                    "low": low,
                    "high": high,
                }


def _table(part: pd.DataFrame, metric: str, places: list[Place], precision: Precision | None, run: Run) -> Table:
    titles = {place: HARM if place[0] == CLEAN.factor else factor_title(place, run) for place in places}
    keys = list(zip(part["factor"], part["modality"], strict=True))
    named = part.assign(place=[titles[key] for key in keys])
    wide = named.pivot(index="place", columns="method", values=["difference", "low", "high"])
    wide = wide.reindex([title for title in titles.values() if title in wide.index])
    methods = list(dict.fromkeys(part["method"]))
    wide.columns = [f"{method} {value}" for value, method in wide.columns]
    of_detector = precision is not None and metric in precision.quantities
    columns = [
        Column(
            f"{method} difference",
            run.titles[method],
            "",
            3,
            (f"{method} low", f"{method} high") if of_detector else None,
        )
        for method in methods
    ]
    symbol = metric if of_detector else METRICS[metric].symbol
    better = "more" if of_detector or METRICS[metric].direction == "higher" else "less"
    note = (
        f"{symbol} with restored inputs minus {symbol} of the same method without, mean over the severities that were "
        f"run; {better} is better. The row of clean inputs says what restoring costs where there is nothing to restore."
    )
    if of_detector and precision:
        note += f" {interval_note(precision.samples.clusters)} Detector {detector_name(run)}. {precision.note}"
    else:
        note += " Compared with the clean pair."
    title = labelled(f"What restoring first changes: {symbol}", run)
    return Table(title, note, wide, columns, rows="inputs")
