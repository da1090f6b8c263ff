"""The numbers of a report: tidy frames derived from the stored rows and detections, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bench.methods import find_method
from bench.metrics import METRICS, resolve
from bench.plan import CLEAN, Condition, conditions
from bench.statistics.intervals import mean_with_interval
from bench.store import RunFolder
from bench.suite import Suite
from detectors.average_precision import average_precision

CONDITION = ["factor", "severity", "modality"]
DETECTION_QUANTITIES = {"AP50": "mAP50", "AP": "mAP50:95"}


def selected(frame: pd.DataFrame, suite: Suite, images: Iterable[str]) -> pd.DataFrame:
    """The part of a stored table that the suite asks for: a run folder may hold more, from a wider run before."""
    wanted = set(conditions(suite))
    keep = frame["method"].isin(suite.methods) & frame["image"].isin(set(images))
    keep &= np.array([Condition(*key) in wanted for key in frame[CONDITION].itertuples(index=False)], dtype=bool)
    return in_order(frame[keep], suite)


def in_order(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Rows in the order in which the suite names its factors, methods and metrics."""
    orders = {"factor": [CLEAN.factor, *suite.factors], "method": suite.methods, "metric": resolve(suite.metrics)}
    columns = [name for name in ("factor", "severity", "modality", "method", "metric") if name in frame]
    places = {name: {value: place for place, value in enumerate(order)} for name, order in orders.items()}
    return frame.sort_values(
        columns, key=lambda column: column.map(places[column.name]) if column.name in places else column,
        kind="stable", ignore_index=True,
    )  # fmt: skip


def fusion_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, std, n and 95 % interval per condition × method × metric × reference."""
    return mean_with_interval(rows, (*CONDITION, "method", "metric", "reference"))


def detection_scores(folder: RunFolder, suite: Suite, classes: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    """AP, AP50, AP75, by size and AR per condition × method × class (and ``all``), over the labelled images.

    A (condition, method) counts the images that it has rows for, so that an unfinished run is not taken for misses.
    """
    pairs, truth = folder.pairs(), folder.truth()
    labelled = set(pairs.loc[pairs["labelled"], "image"])
    found = selected(folder.detections(), suite, labelled)
    by_cell = dict(list(found.groupby([*CONDITION, "method"])))
    tables = []
    for key, group in rows[rows["image"].isin(labelled)].groupby([*CONDITION, "method"], sort=False):
        images = sorted(group["image"].unique())
        table = average_precision(truth, by_cell.get(key, found.iloc[:0]), images, classes)
        tables.append(table.assign(**dict(zip([*CONDITION, "method"], key, strict=True)), images=len(images)))
    if not tables:
        return pd.DataFrame()
    frame = pd.concat(tables, ignore_index=True)
    return frame[
        [*CONDITION, "method", "class", *frame.columns.difference([*CONDITION, "method", "class"], sort=False)]
    ]


def curve_points(scores: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Points of curves (factor, modality, severity, method, mean, low, high), the clean point repeated per factor."""
    clean = scores[scores["factor"] == CLEAN.factor]
    panels = dict.fromkeys(
        (condition.factor, condition.modality) for condition in conditions(suite) if condition != CLEAN
    )
    parts = []
    for factor, modality in panels:
        degraded = scores[(scores["factor"] == factor) & (scores["modality"] == modality)]
        parts += [clean.assign(factor=factor, modality=modality), degraded]
    return pd.concat(parts, ignore_index=True) if parts else scores.iloc[:0]


def robustness_scores(scores: pd.DataFrame, quantity: list[str]) -> pd.DataFrame:
    """P (clean), mPC (mean over factors × severities ≥ 1) and rPC = mPC / P, overall and per factor.

    ``scores`` has the columns of :data:`CONDITION`, method, the columns ``quantity`` that name what is measured, and
    ``mean``. Factor ``all`` is the mean over factors. Michaelis et al., Benchmarking Robustness in Object Detection,
    2019.
    """
    by = [*quantity, "method"]
    degraded = scores[scores["severity"] > 0]
    per_factor = degraded.groupby([*by, "factor", "modality"], sort=False)["mean"].mean().rename("mPC").reset_index()
    overall = per_factor.groupby(by, sort=False)["mPC"].mean().reset_index().assign(factor="all", modality="all")
    clean = scores.loc[scores["factor"] == CLEAN.factor, [*by, "mean"]].rename(columns={"mean": "P"})
    table = pd.concat([overall, per_factor], ignore_index=True).merge(clean, on=by, how="left")
    table["rPC"] = table["mPC"] / table["P"]
    return table[[*by, "factor", "modality", "P", "mPC", "rPC"]]


def ranks(scores: pd.DataFrame, unranked: Iterable[str]) -> pd.DataFrame:
    """Rank of each method (1 = best, ties share the mean rank) per condition, metric and reference.

    Metrics whose best value is 0 are ranked by magnitude. Methods in ``unranked`` take no part.
    """
    table = scores[~scores["method"].isin(set(unranked))].copy()
    directions = {name: METRICS[name].direction for name in table["metric"].unique()}
    signs = table["metric"].map({name: -1.0 if way == "higher" else 1.0 for name, way in directions.items()})
    magnitudes = table["metric"].map({name: way == "zero" for name, way in directions.items()})
    badness = (table["mean"] * signs).where(~magnitudes, table["mean"].abs())
    table["rank"] = badness.groupby([table[c] for c in (*CONDITION, "metric", "reference")]).rank(method="average")
    return table[[*CONDITION, "metric", "reference", "method", "rank"]]


def source_methods(names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` that only show one source."""
    return frozenset(name for name in names if find_method(name).kind == "source")
