"""Which method is better, and whether the data can tell: mean ranks, Friedman's test, Wilcoxon tests with Holm's
correction (Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006).

Frames of one video are no independent evidence, so the unit is the scene cluster: values are averaged within it first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from bench.datasets.clusters import LARGEST_GAP, scene_clusters
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.intervals import GROUPS

SIGNIFICANCE = 0.05
EXACT_UP_TO = 50
Direction = Literal["higher", "lower", "zero"]
BUT_METHOD = tuple(name for name in GROUPS if name != "method")


def rank_table(
    rows: pd.DataFrame,
    directions: Mapping[str, Direction],
    by: Sequence[str] = BUT_METHOD,
    *,
    largest_gap: int = LARGEST_GAP,
) -> pd.DataFrame:
    """Rank of each method within each group of the long table, by metric direction.

    ``directions`` maps each metric id to what is better: higher, lower, or nearer to zero; other metrics are left out.
    Only images with a finite value for every method of the group take part. Columns of the result: those of ``by``,
    method, mean, mean_rank (1 is best; ties share), clusters (how many took part), friedman_p (that all methods are
    alike, Holm-corrected for the number of groups), p_best (Wilcoxon against the method of the best mean rank,
    Holm-corrected for the methods of the group) and ``tied``: not distinguishable from the best at 0.05 by both. p
    values are NaN below 10 clusters, 1 where there is one method only or all are alike.
    """
    by, tables = list(by), []
    for key, group in rows[rows["metric"].isin(list(directions))].groupby(by, dropna=False, sort=False):
        key = dict(zip(by, key, strict=True))
        metric = key.get("metric", group["metric"].iloc[0])
        wide = group.pivot_table("value", ["image", "scene"], "method", sort=False, dropna=False)
        wide = wide[np.isfinite(wide).all(axis=1)]
        if wide.empty:
            continue
        cluster = scene_clusters(
            wide.index.get_level_values("image").tolist(), wide.index.get_level_values("scene").tolist(), largest_gap
        )
        table = rank_methods(wide.groupby(cluster).mean(), directions[metric])
        table.insert(1, "mean", wide.mean().to_numpy())
        tables.append(table.assign(**key)[[*by, *table.columns]])
    if not tables:
        return pd.DataFrame()
    for table, p in zip(tables, holm([table["friedman_p"].iloc[0] for table in tables]), strict=True):
        table["friedman_p"] = p
        table["tied"] |= p > SIGNIFICANCE
    return pd.concat(tables, ignore_index=True)


def rank_methods(values: pd.DataFrame, direction: Direction = "higher") -> pd.DataFrame:
    """Compare methods (columns) over independent units (rows); the columns are those of :func:`rank_table`."""
    cost = {"higher": -values, "lower": values, "zero": values.abs()}[direction].to_numpy(dtype=np.float64)
    units, methods = cost.shape
    mean_rank = rankdata(cost, axis=1).mean(axis=0)
    best = int(mean_rank.argmin())
    few = units < FEWEST_CLUSTERS
    p_best = np.full(methods, np.nan if few else 1.0)
    others = [m for m in range(methods) if m != best]
    if others and not few:
        p_best[others] = holm([signed_rank_p(cost[:, m], cost[:, best]) for m in others])
    return pd.DataFrame(
        {
            "method": values.columns,
            "mean_rank": mean_rank,
            "clusters": units,
            "friedman_p": np.nan if few else friedman_p(cost),
            "p_best": p_best,
            "tied": ~(p_best <= SIGNIFICANCE),
        }
    )


def friedman_p(values: np.ndarray) -> float:
    """p of Friedman's test on units×methods; the signed-rank test for two methods; 1 where nothing can be tested."""
    units, methods = values.shape
    if units < 2 or methods < 2 or (values == values[:, :1]).all():
        return 1.0
    if methods == 2:
        return signed_rank_p(values[:, 0], values[:, 1])
    return float(friedmanchisquare(*values.T).pvalue)


def signed_rank_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (zero differences dropped); 1 where all are equal.

    Exact up to 50 differences without ties, else by the normal approximation.

    >>> signed_rank_p(np.array([3.0, 5.0, 9.0]), np.array([2.0, 3.0, 4.0]))
    0.25
    """
    difference = first - second
    difference = difference[difference != 0]
    if len(difference) == 0:
        return 1.0
    tied = len(np.unique(np.abs(difference))) < len(difference)
    method = "asymptotic" if tied or len(difference) > EXACT_UP_TO else "exact"
    return float(wilcoxon(difference, method=method).pvalue)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p values adjusted for their number by Holm's step-down procedure (Scand. J. Statistics 1979); NaN stays NaN.

    >>> holm([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    adjusted = np.array(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(adjusted))
    order = known[adjusted[known].argsort(kind="stable")]
    stepped = np.maximum.accumulate(adjusted[order] * np.arange(len(order), 0, -1))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
