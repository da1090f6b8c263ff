"""Which fusion metric predicts detection: does it order the methods as their average precision does?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.statistics.detection import DetectionSamples, image_weights
from bench.statistics.intervals import CONDITION, LEVEL, interval
from bench.statistics.ranks import Direction
from bench.statistics.robustness import SOURCES, complete_methods, kendall_tau
from detectors.evaluation import COUNTED

FEWEST_METHODS = 4
"""Of fewer, an order says too little: three methods have six of them."""
ALL_DEGRADED = "degraded"


def metric_agreement(
    rows: pd.DataFrame,
    samples: DetectionSamples,
    directions: Mapping[str, Direction],
    measure: str = "AP50",
    name: str = COUNTED,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Kendall's τ-b between the order of the methods by each metric and by average precision, condition by condition.

    ``rows`` is the long table; ``directions`` maps each metric to what is better: higher, lower, or nearer to zero. τ
    is 1 for the same order, 0 for unrelated ones, −1 for the reverse. Both orders are of the same images, those of
    ``samples``, and of the same methods: sources take no part, nor do methods that lack an image. The interval
    resamples scene clusters, the same draws for the metric and for average precision. Images on which the metric is not
    finite for every method are left out of its mean.

    Columns: metric, reference, factor, severity, modality, methods (how many), images, tau, low, high. The rows of
    factor ``degraded`` (severity -1) are the mean of τ over all degraded conditions. No rows for fewer than four
    methods.
    """
    methods = [method for method in complete_methods(samples) if method not in sources]
    if len(methods) < FEWEST_METHODS:
        return pd.DataFrame(columns=["metric", "reference", *CONDITION, "methods", "images", "tau", "low", "high"])
    precision = samples.of(measure, name)
    cell = samples.cells.reset_index().set_index([*CONDITION, "method"])["index"]
    images, weights = image_weights(rows)
    weights = weights[:, : precision.shape[1]]
    found: list[dict] = []
    for (metric, reference), of_metric in rows[rows["method"].isin(methods)].groupby(
        ["metric", "reference"], sort=False
    ):
        degraded = []
        for key, group in of_metric.groupby(list(CONDITION), sort=False):
            wide = group.pivot_table("value", "method", "image", dropna=False).reindex(methods, columns=images)
            value = _oriented(wide.to_numpy(dtype=float), directions[metric])
            finite = np.isfinite(value).all(axis=0)
            of_method = np.stack([precision[cell.loc[(*key, method)]] for method in methods])
            tau = kendall_tau(_means(value[:, finite], weights[finite]), of_method)
            degraded += [tau] if key[1] else []
            row = {"metric": metric, "reference": reference, **dict(zip(CONDITION, key, strict=True))}
            found.append(row | _told(tau, level) | {"methods": len(methods), "images": int(finite.sum())})
        if degraded:
            row = {"metric": metric, "reference": reference, "factor": ALL_DEGRADED, "severity": -1, "modality": "both"}
            mean = np.nanmean(degraded, axis=0)
            found.append(row | _told(mean, level) | {"methods": len(methods), "images": len(images)})
    return pd.DataFrame(found)[["metric", "reference", *CONDITION, "methods", "images", "tau", "low", "high"]]


def _oriented(value: np.ndarray, direction: Direction) -> np.ndarray:
    """Values of which more is better."""
    return {"higher": value, "lower": -value, "zero": -np.abs(value)}[direction]


def _means(value: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """methods×samples: the mean over images (methods×images) in every resample (images×samples)."""
    total = weights.sum(axis=0)
    return np.divide(value @ weights, total, out=np.full((len(value), len(total)), np.nan), where=total > 0)


def _told(tau: np.ndarray, level: float) -> dict[str, float]:
    low, high = interval(tau[1:], level)
    return {"tau": float(tau[0]), "low": float(low), "high": float(high)}
