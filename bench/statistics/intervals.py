"""Means of the long table with their spread and a confidence interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.datasets.clusters import LARGEST_GAP, scene_clusters
from bench.statistics.clusters import FEWEST_CLUSTERS, resample_counts

CONDITION = ("factor", "severity", "modality")
GROUPS = ("dataset", *CONDITION, "method", "metric", "reference")
RESAMPLES = 1000
LEVEL = 0.95


def mean_with_interval(
    rows: pd.DataFrame,
    by: Sequence[str] = GROUPS,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
    largest_gap: int = LARGEST_GAP,
) -> pd.DataFrame:
    """Mean of ``value`` over images for each group of the long table, with a cluster bootstrap interval.

    Columns of the result: those of ``by``, then mean, std (of the images, n-1), n, clusters (of those images), low,
    high (percentile interval of ``level`` over ``resamples`` draws of scene clusters, the same draws for every group;
    NaN for a group of fewer than 10 clusters) and excluded: the number of values that were not finite and take no part.
    A group with no finite value has n = 0 and NaN. See :func:`bench.datasets.clusters.scene_clusters` for what a
    cluster is.
    """
    by = list(by)
    rows = rows.reset_index(drop=True)
    groups = rows.groupby(by, dropna=False, sort=False, observed=True)
    number = groups.ngroup().to_numpy()
    table = groups.size().reset_index()[by]
    value = rows["value"].to_numpy(dtype=np.float64)
    finite = np.isfinite(value)
    identity = rows[["dataset", "image", "scene"]].drop_duplicates(["dataset", "image"])
    labels = identity["dataset"].astype(str) + "/" + identity["scene"].astype(str)
    run = scene_clusters(identity["image"].tolist(), labels.tolist(), largest_gap)
    cluster_of = dict(zip(zip(identity["dataset"], identity["image"], strict=True), run, strict=True))
    cluster = np.array([cluster_of[key] for key in zip(rows["dataset"], rows["image"], strict=True)], dtype=int)

    total = _sums(number, cluster, np.where(finite, value, 0), len(table), run.max(initial=-1) + 1)
    count = _sums(number, cluster, finite.astype(float), len(table), run.max(initial=-1) + 1)
    n = count.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        table["mean"] = total.sum(axis=1) / n
        squares = np.bincount(
            number[finite], (value[finite] - table["mean"].to_numpy()[number[finite]]) ** 2, minlength=len(table)
        )
        table["std"] = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        table["n"] = n.astype(int)
        table["clusters"] = (count > 0).sum(axis=1)
        table["low"] = table["high"] = np.zeros(len(table))
        if len(table):
            draws = resample_counts(total.shape[1], resamples, seed)
            bounds = np.stack(interval((total @ draws) / (count @ draws), level))
            table["low"], table["high"] = np.where(table["clusters"] < FEWEST_CLUSTERS, np.nan, bounds)
    table["excluded"] = np.bincount(number[~finite], minlength=len(table)).astype(int)
    return table


def interval(samples: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the last axis, leaving out undefined samples; NaN where none is defined.

    >>> [round(float(end)) for end in interval(np.arange(101.0), level=0.9)]
    [5, 95]
    """
    tail = (1 - level) / 2
    defined = np.isfinite(samples)
    if defined.size and defined.all():
        return tuple(np.quantile(samples, [tail, 1 - tail], axis=-1))
    low_high = np.full((2, *samples.shape[:-1]), np.nan)
    some = defined.any(axis=-1)
    if some.any():
        low_high[:, some] = np.nanquantile(np.where(defined, samples, np.nan)[some], [tail, 1 - tail], axis=-1)
    return low_high[0], low_high[1]


def _sums(group: np.ndarray, cluster: np.ndarray, value: np.ndarray, groups: int, clusters: int) -> np.ndarray:
    """groups×clusters: sum of the values of each group in each cluster."""
    return np.bincount(group * clusters + cluster, value, minlength=groups * clusters).reshape(groups, clusters)
