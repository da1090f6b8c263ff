"""Differences of two runs, pair by pair: what remains when both have seen the same images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from bench.statistics.detection import DetectionSamples
from bench.statistics.intervals import CONDITION, interval, mean_with_interval

SEEN = ["dataset", "image", "scene", *CONDITION, "metric", "reference"]


def paired_differences(
    first: pd.DataFrame, second: pd.DataFrame, methods: Mapping[str, tuple[str, str]], to_zero: Iterable[str] = ()
) -> pd.DataFrame:
    """Mean of second − first over the images and conditions that both runs have, with a cluster bootstrap interval.

    ``methods`` gives a label to a method of the first and one of the second run. Of the metrics ``to_zero`` the
    distances from zero are compared. Columns: label, metric, reference, condition (clean or degraded), mean, low, high,
    n, clusters; no interval below 10 clusters.
    """
    near = set(to_zero)
    parts = []
    for label, (one, other) in methods.items():
        left, right = (rows[rows["method"] == name] for rows, name in ((first, one), (second, other)))
        both = left[[*SEEN, "value"]].merge(right[[*SEEN, "value"]], on=SEEN, suffixes=("_first", "_second"))
        is_near = both["metric"].isin(near)
        values = [both[name].where(~is_near, both[name].abs()) for name in ("value_first", "value_second")]
        parts.append(both[SEEN].assign(value=values[1] - values[0], label=label))
    rows = pd.concat(parts, ignore_index=True)
    rows["condition"] = np.where(rows["severity"] > 0, "degraded", "clean")
    table = mean_with_interval(rows, ("label", "metric", "reference", "condition"))
    return table.drop(columns=["std", "excluded"])


def precision_differences(
    first: DetectionSamples,
    second: DetectionSamples,
    methods: Mapping[str, tuple[str, str]],
    measure: str,
    name: str,
) -> pd.DataFrame:
    """Average precision of the second run minus that of the first, under the same resamples of the scenes.

    Both samples have to be of the same images and seed; only cells with all images take part. Columns: label, condition
    (clean or degraded, the mean over its conditions), mean, low, high, n (images of all conditions), clusters.
    """
    rows = []
    values = [samples.of(measure, name) for samples in (first, second)]
    for label, pair in methods.items():
        cells = [
            samples.cells[(samples.cells["method"] == method) & samples.cells["whole"]].reset_index(names="cell")
            for samples, method in zip((first, second), pair, strict=True)
        ]
        both = cells[0].merge(cells[1], on=list(CONDITION), suffixes=("_first", "_second"))
        for condition, part in (("clean", both[both["severity"] == 0]), ("degraded", both[both["severity"] > 0])):
            if part.empty:
                continue
            difference = values[1][part["cell_second"]].mean(axis=0) - values[0][part["cell_first"]].mean(axis=0)
            low, high = interval(difference[1:])
            number = int(part["images_first"].sum())
            rows.append((label, condition, difference[0], low, high, number, first.clusters))
    return pd.DataFrame(rows, columns=["label", "condition", "mean", "low", "high", "n", "clusters"])
