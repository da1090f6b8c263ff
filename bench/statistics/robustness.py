"""How much of the detector's precision survives degradation, and how long fusing helps.

P, mPC and rPC after Michaelis et al., "Benchmarking Robustness in Object Detection", 2019 (clean performance, mean
performance under corruption, and their ratio); fusion gain and crossover severity are defined here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from bench.statistics.detection import DetectionSamples
from bench.statistics.intervals import LEVEL, interval
from bench.statistics.ranks import holm
from detectors.evaluation import ALL, COUNTED

SOURCES = ("ir", "vis")
"""The methods that show one modality alone: what fusing has to beat."""


def robustness_table(
    samples: DetectionSamples, measure: str = "AP", name: str = COUNTED, level: float = LEVEL
) -> pd.DataFrame:
    """P, mPC and rPC of each method: a row over everything (factor ``all``) and one per factor and modality.

    mPC is the mean over the conditions with severity above 0, rPC = mPC / P, and ``gain`` the mean of the fusion gain
    (:func:`fusion_gain`) over the same conditions. Columns: method, factor, modality, severities, then P, mPC, rPC and
    gain each with ``_low`` and ``_high``, and how many images P and how many images of all conditions mPC rest on
    (``P_n``, ``mPC_n``). rPC is NaN where P is 0, gain for the sources and in runs without both, P for a method without
    the clean condition. Raises ``ValueError`` where no method has it.
    """
    value, cells, rows = samples.of(measure, name), samples.cells, []
    clean = _clean(value, cells)
    gain = np.full_like(value, np.nan)
    for _, _, index, of_cell in _gains(samples, measure, name, SOURCES):
        gain[index] = of_cell
    for method, own in cells.groupby("method", sort=False):
        start = clean.get(method, np.full(value.shape[1], np.nan))
        degraded = own[own["severity"] > 0]
        groups = [((ALL, ALL), degraded), *degraded.groupby(["factor", "modality"], sort=False)]
        for (factor, modality), group in groups if len(degraded) else []:
            mean = value[group.index].mean(axis=0)
            ratio = np.divide(mean, start, out=np.full_like(mean, np.nan), where=start > 0)
            row = {"method": method, "factor": factor, "modality": modality}
            row["severities"] = ",".join(map(str, sorted(set(group["severity"]))))
            gained = gain[group.index].mean(axis=0)
            for label, of in (("P", start), ("mPC", mean), ("rPC", ratio), ("gain", gained)):
                row[label] = of[0]
                row[f"{label}_low"], row[f"{label}_high"] = interval(of[1:], level)
            row["P_n"] = int(own.loc[own["severity"] == 0, "images"].sum())
            row["mPC_n"] = int(group["images"].sum())
            rows.append(row)
    return pd.DataFrame(rows)


def fusion_gain(
    samples: DetectionSamples,
    measure: str = "AP",
    name: str = COUNTED,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """AP(method) − max(AP(ir), AP(vis)) of every condition and fusion method, with a paired interval.

    Columns: factor, severity, modality, method, images, gain, low, high. Conditions without both sources are left out,
    and so are cells that lack an image: what is compared is seen on the same images.
    """
    rows = []
    for key, method, index, gain in _gains(samples, measure, name, sources):
        low, high = interval(gain[1:], level)
        rows.append((*key, method, samples.cells.at[index, "images"], gain[0], low, high))
    return pd.DataFrame(rows, columns=["factor", "severity", "modality", "method", "images", "gain", "low", "high"])


def mean_gain(
    samples: DetectionSamples, measure: str, name: str, rivals: Sequence[str], level: float = LEVEL
) -> pd.DataFrame:
    """What each method has more than the best of ``rivals`` under each condition: on clean pairs, and mean of degraded.

    Columns: part (``clean`` or ``degraded``), method, gain, low, high, with paired intervals. Methods that lack an
    image or a condition are left out, and so are the rivals.
    """
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for key, method, _, gain in _gains(samples, measure, name, rivals):
        found.setdefault(("degraded" if key[1] else "clean", method), []).append(gain)
    number = {part: max(len(of) for (where, _), of in found.items() if where == part) for part, _ in found}
    rows = []
    for (part, method), gains in sorted(found.items(), key=lambda item: item[0][0]):
        if len(gains) == number[part]:
            mean = np.mean(gains, axis=0)
            rows.append((part, method, mean[0], *interval(mean[1:], level)))
    return pd.DataFrame(rows, columns=["part", "method", "gain", "low", "high"])


def crossover_table(
    samples: DetectionSamples,
    measure: str = "AP",
    name: str = COUNTED,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """The severity at which the fusion gain of each method is lost, per factor and modality.

    The first place where the gain, linear between the severities that were run (0 is clean), falls to zero: 0 where
    there is none to begin with, infinite where it lasts to the highest severity run. A method that lacks a severity is
    left out of the factor, one without the clean condition of all. Columns: factor, modality, method, crossover, low,
    high, highest (severity run). Raises ``ValueError`` where no method has the clean condition.
    """
    _clean(samples.of(measure, name), samples.cells)
    curves: dict[tuple[str, str, str], dict[int, np.ndarray]] = {}
    clean: dict[str, np.ndarray] = {}
    for (factor, severity, modality), method, _, gain in _gains(samples, measure, name, sources):
        if severity == 0:
            clean[method] = gain
        else:
            curves.setdefault((factor, modality, method), {})[severity] = gain
    run = samples.cells.groupby(["factor", "modality"])["severity"].agg(set)
    rows = []
    for (factor, modality, method), by_severity in curves.items():
        if method not in clean or set(by_severity) != run[factor, modality]:
            continue
        steps = {0: clean[method], **dict(sorted(by_severity.items()))}
        where = crossover(np.array(list(steps)), np.stack(list(steps.values())))
        draws = where[1:][np.isfinite(clean[method][1:])]  # of no resample, no interval
        tails = [(1 - level) / 2, (1 + level) / 2]  # of numbers that may be infinite: no interpolation
        low, high = np.quantile(draws, tails, method="inverted_cdf") if draws.size else (np.nan, np.nan)
        rows.append((factor, modality, method, where[0], low, high, max(steps)))
    return pd.DataFrame(rows, columns=["factor", "modality", "method", "crossover", "low", "high", "highest"])


def crossover(severity: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Severity (per sample) at which ``gain`` (severities×samples) first falls to zero; see :func:`crossover_table`."""
    lost = gain <= 0
    first = lost.argmax(axis=0)
    before = np.maximum(first - 1, 0)
    column = np.arange(gain.shape[1])
    upper, lower = gain[before, column], gain[first, column]
    fall = np.where(upper > lower, upper - lower, 1)
    between = severity[before] + (severity[first] - severity[before]) * upper / fall
    return np.where(lost.any(axis=0), np.where(first == 0, severity[0], between), np.inf)


def rank_agreement(
    samples: DetectionSamples,
    measure: str = "AP",
    name: str = COUNTED,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Kendall's τ-b between the order of the methods on clean pairs and under each degraded condition.

    Sources take no part, nor do methods that lack an image under any condition: every order is one of the same
    methods. Columns: factor, severity, modality, methods (how many), tau, low, high; no row for fewer than two methods.
    """
    value, rows = samples.of(measure, name), []
    cells = samples.cells[samples.cells["method"].isin(complete_methods(samples)) & samples.cells["whole"]]
    cells = cells[~cells["method"].isin(list(sources))]
    clean = {method: value[index] for index, method in cells.loc[cells["severity"] == 0, "method"].items()}
    for key, group in cells[cells["severity"] > 0].groupby(["factor", "severity", "modality"], sort=False):
        if len(group) > 1 and clean:
            tau = kendall_tau(np.stack([clean[method] for method in group["method"]]), value[group.index])
            rows.append((*key, len(group), tau[0], *interval(tau[1:], level)))
    return pd.DataFrame(rows, columns=["factor", "severity", "modality", "methods", "tau", "low", "high"])


def complete_methods(samples: DetectionSamples, selected: np.ndarray | None = None) -> list[str]:
    """The methods that have every image under every condition (or under those of the ``selected`` cells, bool)."""
    cells = samples.cells if selected is None else samples.cells[np.asarray(selected)]
    conditions = len(cells[["factor", "severity", "modality"]].drop_duplicates())
    whole = cells.groupby("method", sort=False)["whole"].sum()
    return whole.index[whole == conditions].tolist()


def kendall_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kendall's τ-b over the first axis of two methods×samples arrays, NaN where one of them is all ties.

    >>> kendall_tau(np.array([[1], [2], [3]]), np.array([[10], [30], [20]])).round(3).tolist()
    [0.333]
    """
    i, j = np.triu_indices(len(first), k=1)
    a, b = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
    size = np.sqrt((a != 0).sum(axis=0) * (b != 0).sum(axis=0).astype(float))
    return np.divide((a * b).sum(axis=0), size, out=np.full(size.shape, np.nan), where=size > 0)


def paired_difference(
    samples: DetectionSamples,
    selected: np.ndarray,
    measure: str = "AP",
    name: str = COUNTED,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Difference of every two methods, each the mean over its ``selected`` cells (bool), with a paired interval.

    Methods that lack an image or a condition of them are left out. ``p`` is the two-sided bootstrap probability that
    the difference has the other sign, NaN below 10 clusters. Columns: first, second, difference (first − second), low,
    high, p.
    """
    value, rows = samples.of(measure, name), []
    own = samples.cells[np.asarray(selected)]
    own = own[own["method"].isin(complete_methods(samples, selected))]
    mean = {method: value[cells.index].mean(axis=0) for method, cells in own.groupby("method", sort=False)}
    for first, second in combinations(mean, 2):
        difference = mean[first] - mean[second]
        draws = difference[1:][np.isfinite(difference[1:])]
        tail = min((draws <= 0).sum(), (draws >= 0).sum())
        p = min(1.0, 2 * (tail + 1) / (len(draws) + 1)) if len(draws) else np.nan  # Davison & Hinkley 1997, eq. 4.12
        rows.append((first, second, difference[0], *interval(difference[1:], level), p))
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p"])


def difference_to(samples: DetectionSamples, best: str, measure: str = "AP", name: str = COUNTED) -> pd.DataFrame:
    """Difference of every other method to ``best``: a row on clean pairs and one over all degraded conditions.

    Columns: part (``clean`` or ``degraded``), method, difference (method − best), low, high, p: of
    :func:`paired_difference`, corrected by Holm's procedure for the number of rows.
    """
    parts = []
    severity = samples.cells["severity"]
    for part, selected in (("clean", severity == 0), ("degraded", severity > 0)):
        pairs = paired_difference(samples, selected, measure, name)
        swapped = pairs.assign(first=pairs["second"], second=pairs["first"], difference=-pairs["difference"])
        swapped[["low", "high"]] = -pairs[["high", "low"]].to_numpy()
        parts.append(pd.concat([pairs, swapped]).query("second == @best").assign(part=part))
    table = pd.concat(parts, ignore_index=True).rename(columns={"first": "method"})
    table["p"] = holm(table["p"])
    return table[["part", "method", "difference", "low", "high", "p"]]


def _clean(value: np.ndarray, cells: pd.DataFrame) -> dict[str, np.ndarray]:
    """The values of each method on clean pairs."""
    clean = {method: value[index] for index, method in cells.loc[cells["severity"] == 0, "method"].items()}
    if not clean:
        raise ValueError(f"no clean condition for method {cells['method'].iloc[0]!r}: run severity 0 as well")
    return clean


def _gains(
    samples: DetectionSamples, measure: str, name: str, sources: Sequence[str]
) -> Iterator[tuple[tuple, str, int, np.ndarray]]:
    """(condition, method, cell, gain per sample) for every fusion method of every condition that has all sources.

    Only cells with all images take part: a gain over other images than those of the sources is none.
    """
    value = samples.of(measure, name)
    whole = samples.cells[samples.cells["whole"]]
    for key, group in whole.groupby(["factor", "severity", "modality"], sort=False):
        row = dict(zip(group["method"], group.index, strict=True))
        if not all(source in row for source in sources):
            continue
        alone = np.max([value[row[source]] for source in sources], axis=0)
        for method, index in row.items():
            if method not in sources:
                yield key, method, index, value[index] - alone
