"""The numbers of a report: tidy frames derived from the stored rows and detections, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.metrics import resolve
from bench.plan import CLEAN, Condition, conditions, factors_of
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from bench.statistics.intervals import mean_with_interval
from bench.suite import Suite
from detectors.evaluation import ALL

CONDITION = ["factor", "severity", "modality"]
UNFUSED = "unfused"
"""The kind of the methods that give a detector both images: their cells have detections and no rows."""


def selected(frame: pd.DataFrame, suite: Suite, images: Iterable[str]) -> pd.DataFrame:
    """The part of a stored table that the suite asks for, in its order."""
    return in_order(asked_for(frame, suite, images), suite)


def asked_for(frame: pd.DataFrame, suite: Suite, images: Iterable[str]) -> pd.DataFrame:
    """The part of a stored table that the suite asks for: a run folder may hold more, from a wider run before."""
    wanted = set(conditions(suite))
    keep = frame["method"].isin(suite.methods) & frame["image"].isin(set(images))
    shown = frame[CONDITION].drop_duplicates()
    asked = np.array([Condition(*key) in wanted for key in shown.itertuples(index=False)], dtype=bool)
    keep &= asked[frame.groupby(CONDITION, sort=False).ngroup()]
    return frame if keep.all() else frame[keep]


def computed(folder: RunFolder, rows: pd.DataFrame, record: RunRecord, pairs: pd.DataFrame) -> pd.DataFrame:
    """image, scene, factor, severity, modality and method of every computed cell that the suite asks for.

    Of the cells of the selected ``rows``, and of those that have none.
    """
    columns = ["image", "scene", *CONDITION, "method"]
    without = {name for name in record.suite.methods if record.methods[name].kind == UNFUSED}
    if not without:
        return rows[columns].drop_duplicates()
    scenes = dict(zip(pairs["image"], pairs["scene"], strict=True))
    done = [cell for cell in folder.identities() if cell.method in without and cell.image in scenes]
    cells = pd.DataFrame([(of.image, scenes[of.image], *of.condition, of.method) for of in done], columns=columns)
    cells = cells.astype({"severity": int})
    return pd.concat([rows[columns].drop_duplicates(), selected(cells, record.suite, scenes)], ignore_index=True)


def in_order(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Rows in the order in which the suite names its factors, methods and metrics."""
    orders = {"factor": [CLEAN.factor, *factors_of(suite)], "method": suite.methods, "metric": resolve(suite.metrics)}
    columns = [name for name in ("factor", "severity", "modality", "method", "metric") if name in frame]
    ranks = []
    for name in columns:
        codes, values = pd.factorize(frame[name], sort=True)
        places = {value: place for place, value in enumerate(orders.get(name, values))}
        ranks.append(np.array([places.get(value, len(places)) for value in values], dtype=int)[codes])
    return frame.iloc[np.lexsort(ranks[::-1])].reset_index(drop=True) if columns else frame.reset_index(drop=True)


def fusion_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, std, n, clusters and 95 % interval per condition × method × metric × reference."""
    return mean_with_interval(rows, (*CONDITION, "method", "metric", "reference"))


def pooled_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Of one metric: severity, method, mean, low, high over all factors, as points of curves."""
    return mean_with_interval(rows, ("severity", "method"))


def spread_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """std over the pairs (each its mean over the conditions) and 95 % interval per method × metric × reference."""
    of = ["method", "metric", "reference"]
    by_pair = rows.groupby(["dataset", "image", "scene", *of], sort=False, observed=True)["value"].mean().reset_index()
    return mean_with_interval(by_pair, of)


class Labelled(NamedTuple):
    """What detection is scored from: ``truth``, ``detections`` and ``cells`` of ``sample_detection``."""

    truth: pd.DataFrame
    detections: pd.DataFrame
    cells: pd.DataFrame


def labelled_part(folder: RunFolder, suite: Suite, cells: pd.DataFrame) -> Labelled | None:
    """The labelled pairs of a run; None where there is no object that counts or no detector.

    A (condition, method) counts the images that it has cells for, so that an unfinished run is not taken for misses.
    Raises :class:`bench.run.objects.BoxesNotHere` where their boxes are in a dataset that is not here.
    """
    if suite.detector is None:
        return None
    pairs, truth = folder.pairs(), folder.truth()
    labelled = set(pairs.loc[pairs["labelled"], "image"])
    cells = cells[cells["image"].isin(labelled)]
    counting = truth[~truth["difficult"]] if "difficult" in truth else truth
    if not counting["image"].isin(cells["image"]).any():
        return None
    return Labelled(truth, asked_for(folder.detections(coded=True), suite, labelled), cells)


def with_bounds(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """``table`` with ``key``, its bounds and its images as mean, low, high and n, the columns of curves."""
    return table.assign(mean=table[key], low=table[f"{key}_low"], high=table[f"{key}_high"], n=table["images"])


def curve_points(scores: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Points of curves (factor, modality, severity, method, mean, low, high), the clean point repeated per factor."""
    clean = scores[scores["factor"] == CLEAN.factor]
    panels = dict.fromkeys(
        (condition.factor, condition.modality) for condition in conditions(suite) if condition != CLEAN
    )
    parts = []
    for factor, modality in panels:
        degraded = scores[(scores["factor"] == factor) & (scores["modality"] == modality)]
        if len(degraded):
            parts += [clean.assign(factor=factor, modality=modality), degraded]
    return pd.concat(parts, ignore_index=True) if parts else scores.iloc[:0]


def robustness_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """P (clean), mPC (mean over factors × severities ≥ 1) and rPC = mPC / P of the fusion metrics.

    Overall and per factor, with the columns of :func:`bench.statistics.robustness.robustness_table` but for the
    intervals. Factor ``all`` is the mean over factors.
    """
    by = ["metric", "reference", "method"]
    degraded = scores[scores["severity"] > 0].rename(columns={"mean": "mPC", "n": "mPC_n"})
    per_factor = degraded.groupby([*by, "factor", "modality"], sort=False).agg({"mPC": "mean", "mPC_n": "sum"})
    overall = per_factor.groupby(by, sort=False).agg({"mPC": "mean", "mPC_n": "sum"})
    table = pd.concat([overall.reset_index().assign(factor=ALL, modality=ALL), per_factor.reset_index()])
    clean = scores.loc[scores["factor"] == CLEAN.factor, [*by, "mean", "n"]]
    table = table.merge(clean.rename(columns={"mean": "P", "n": "P_n"}), on=by, how="left")
    table["rPC"] = table["mPC"] / table["P"]
    table["P_n"] = table["P_n"].fillna(0).astype(int)
    return table[[*by, "factor", "modality", "P", "mPC", "rPC", "P_n", "mPC_n"]]
