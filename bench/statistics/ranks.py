"""Which method is better, and whether the data can tell: mean ranks, Friedman's test, Wilcoxon tests with Holm's
correction (Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006).

Frames of one video are no independent evidence, so the unit is the scene cluster: values are averaged within it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import scipy  # its parts are loaded when they are used: `stats` takes half a second

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
    for key, wide, units in _by_group(rows, directions, by, largest_gap):
        table = rank_methods(units, directions[_metric(rows, key)])
        table.insert(1, "mean", wide.mean().to_numpy())
        tables.append(table.assign(**key)[[*by, *table.columns]])
    if not tables:
        return pd.DataFrame()
    for table, p in zip(tables, holm([table["friedman_p"].iloc[0] for table in tables]), strict=True):
        table["friedman_p"] = p
        table["tied"] |= p > SIGNIFICANCE
    return pd.concat(tables, ignore_index=True)


def cluster_ranks(
    rows: pd.DataFrame,
    directions: Mapping[str, Direction],
    by: Sequence[str] = BUT_METHOD,
    *,
    largest_gap: int = LARGEST_GAP,
) -> pd.DataFrame:
    """Clusters × methods: the mean rank of each method within each cluster, over the groups of :func:`rank_table`.

    Only groups in which every cluster takes part count, so that all ranks are means of the same; empty where there is
    none.
    """
    ranks = []
    for key, _, units in _by_group(rows, directions, list(by), largest_gap):
        cost = _cost(units, directions[_metric(rows, key)])
        ranks.append(pd.DataFrame(cost, units.index, units.columns).rank(axis=1))
    most = max((len(of) for of in ranks), default=0)
    whole = [of for of in ranks if len(of) == most]
    return sum(whole[1:], start=whole[0]) / len(whole) if whole else pd.DataFrame()


class Difference(NamedTuple):
    """What Friedman's and Nemenyi's tests say of methods that were ranked on the same clusters."""

    mean_rank: pd.Series
    """Of each method, 1 the best."""
    p: pd.DataFrame
    """Methods × methods: Nemenyi's p that two do not differ."""
    friedman_p: float
    critical: float
    """Mean ranks that differ by less are not told apart at 0.05."""
    clusters: int


def nemenyi(scores: pd.DataFrame) -> Difference | None:
    """Friedman's test and Nemenyi's after it (Demšar 2006) on clusters × methods, the smallest score the best.

    None for fewer than three methods or 10 clusters: no p then.
    """
    clusters, methods = scores.shape
    if methods < 3 or clusters < FEWEST_CLUSTERS:
        return None
    from scikit_posthocs import posthoc_nemenyi_friedman

    ranks = scores.rank(axis=1)
    q = scipy.stats.studentized_range.ppf(1 - SIGNIFICANCE, methods, np.inf) / np.sqrt(2)
    critical = float(q * np.sqrt(methods * (methods + 1) / (6 * clusters)))
    p = posthoc_nemenyi_friedman(scores.set_axis(range(methods), axis=1))
    p = p.set_axis(scores.columns, axis=0).set_axis(scores.columns, axis=1)
    return Difference(ranks.mean(), p, friedman_p(scores.to_numpy()), critical, clusters)


def _by_group(
    rows: pd.DataFrame, directions: Mapping[str, Direction], by: list[str], largest_gap: int
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Of each group of rows: its key, images × methods, and their means, clusters × methods.

    Only images count that have a finite value for every method of the group; groups without any are left out.
    """
    rows = rows[rows["metric"].isin(list(directions))]
    place = rows.groupby([*by, "image", "scene"], sort=False, dropna=False, observed=True).ngroup().to_numpy()
    method, names = pd.factorize(rows["method"])
    values = np.full((place.max(initial=-1) + 1, len(names)), np.nan)
    values[place, method] = rows["value"]
    shown = np.zeros(values.shape, dtype=bool)
    shown[place, method] = True
    images = rows[[*by, "image", "scene"]].iloc[np.unique(place, return_index=True)[1]].reset_index(drop=True)
    clusters: dict[tuple[tuple[str, str], ...], np.ndarray] = {}
    for key, part in images.groupby(by, dropna=False, sort=False, observed=True):
        here = shown[part.index].any(axis=0)
        own = values[part.index][:, here]
        whole = np.isfinite(own).all(axis=1)
        if not whole.any():
            continue
        wide = pd.DataFrame(own[whole], columns=names[here])
        seen = tuple(zip(part["image"][whole], part["scene"][whole], strict=True))
        if seen not in clusters:
            clusters[seen] = scene_clusters([name for name, _ in seen], [scene for _, scene in seen], largest_gap)
        yield dict(zip(by, key, strict=True)), wide, wide.groupby(clusters[seen]).mean()


def _metric(rows: pd.DataFrame, key: Mapping[str, Any]) -> str:
    return key.get("metric", rows["metric"].iloc[0])


def _cost(values: pd.DataFrame, direction: Direction) -> np.ndarray:
    """``values`` so that less is better."""
    return {"higher": -values, "lower": values, "zero": values.abs()}[direction].to_numpy(dtype=np.float64)


def rank_methods(values: pd.DataFrame, direction: Direction = "higher") -> pd.DataFrame:
    """Compare methods (columns) over independent units (rows); the columns are those of :func:`rank_table`."""
    cost = _cost(values, direction)
    units, methods = cost.shape
    mean_rank = pd.DataFrame(cost).rank(axis=1).mean().to_numpy()
    best = int(mean_rank.argmin())
    few = units < FEWEST_CLUSTERS
    p_best = np.full(methods, np.nan if few else 1.0)
    others = [m for m in range(methods) if m != best]
    if others and not few:
        p_best[others] = holm(_signed_rank(cost[:, others] - cost[:, [best]]))
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
    return float(scipy.stats.friedmanchisquare(*values.T).pvalue)


def signed_rank_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (zero differences dropped); 1 where all are equal.

    Exact up to 50 differences without ties, else by the normal approximation.

    >>> signed_rank_p(np.array([3.0, 5.0, 9.0]), np.array([2.0, 3.0, 4.0]))
    0.25
    """
    return float(_signed_rank((first - second)[:, None])[0])


def _signed_rank(differences: np.ndarray) -> np.ndarray:
    """The test of :func:`signed_rank_p` on each column of units×tests; those by approximation in one call."""
    p, approximate = np.ones(differences.shape[1]), []
    for place, difference in enumerate(differences.T):
        difference = difference[difference != 0]
        tied = len(np.unique(np.abs(difference))) < len(difference)
        if tied or len(difference) > EXACT_UP_TO:
            approximate.append(place)
        elif len(difference):
            p[place] = scipy.stats.wilcoxon(difference, method="exact").pvalue
    if approximate:
        p[approximate] = scipy.stats.wilcoxon(differences[:, approximate], axis=0, method="asymptotic").pvalue
    return p


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
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
