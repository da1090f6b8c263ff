"""The numbers of a report: tidy frames derived from the stored rows and detections, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.executors.local import available_cores
from bench.metrics import resolve
from bench.plan import CLEAN, Condition, conditions
from bench.run.store import RunFolder
from bench.statistics.detection import ALL, DetectionSamples, detection_by_scene, sample_detection
from bench.statistics.intervals import mean_with_interval
from bench.suite import Suite

CONDITION = ["factor", "severity", "modality"]
DETECTION_QUANTITIES = {"AP50": "mAP50", "AP": "mAP50:95"}
CELLS_WORTH_A_POOL = 200


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


class Labelled(NamedTuple):
    """What detection is scored from: ``truth``, ``detections`` and ``cells`` of ``sample_detection``."""

    truth: pd.DataFrame
    detections: pd.DataFrame
    cells: pd.DataFrame


def labelled_part(folder: RunFolder, suite: Suite, rows: pd.DataFrame) -> Labelled | None:
    """The labelled pairs of a run; None where there is no object or no detector.

    A (condition, method) counts the images that it has rows for, so that an unfinished run is not taken for misses.
    """
    pairs, truth = folder.pairs(), folder.truth()
    labelled = set(pairs.loc[pairs["labelled"], "image"])
    cells = rows[rows["image"].isin(labelled)]
    if suite.detector is None or not truth["image"].isin(cells["image"]).any():
        return None
    return Labelled(truth, selected(folder.detections(), suite, labelled), cells)


def detection_samples(part: Labelled, classes: list[str]) -> DetectionSamples:
    """AP of every method under every condition over the labelled images, with bootstrap samples."""
    workers = available_cores() if part.cells.groupby([*CONDITION, "method"]).ngroups >= CELLS_WORTH_A_POOL else 1
    return sample_detection(*part, classes, workers=workers)


def clean_by_scene(part: Labelled, classes: list[str]) -> pd.DataFrame:
    """AP of every method on the clean pairs of each scene; empty where the pairs are of one scene only."""
    clean = part._replace(cells=part.cells[part.cells["factor"] == CLEAN.factor])
    clean = clean._replace(detections=part.detections[part.detections["factor"] == CLEAN.factor])
    return detection_by_scene(*clean, classes) if clean.cells["scene"].nunique() > 1 else pd.DataFrame()


def with_bounds(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """``table`` with ``key`` and its bounds as mean, low and high, the columns that curves are drawn from."""
    return table.assign(mean=table[key], low=table[f"{key}_low"], high=table[f"{key}_high"])


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


def robustness_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """P (clean), mPC (mean over factors × severities ≥ 1) and rPC = mPC / P of the fusion metrics.

    Overall and per factor, with the columns of :func:`bench.statistics.robustness.robustness_table` but for the
    intervals. Factor ``all`` is the mean over factors.
    """
    by = ["metric", "reference", "method"]
    degraded = scores[scores["severity"] > 0]
    per_factor = degraded.groupby([*by, "factor", "modality"], sort=False)["mean"].mean().rename("mPC").reset_index()
    overall = per_factor.groupby(by, sort=False)["mPC"].mean().reset_index().assign(factor=ALL, modality=ALL)
    clean = scores.loc[scores["factor"] == CLEAN.factor, [*by, "mean"]].rename(columns={"mean": "P"})
    table = pd.concat([overall, per_factor], ignore_index=True).merge(clean, on=by, how="left")
    table["rPC"] = table["mPC"] / table["P"]
    return table[[*by, "factor", "modality", "P", "mPC", "rPC"]]
