"""How much of the detector's precision survives degradation, and how long fusing helps.

P, mPC and rPC after Michaelis et al., "Benchmarking Robustness in Object Detection", 2019 (clean performance, mean
performance under corruption, and their ratio); fusion gain and crossover severity are defined here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from bench.statistics.detection import ALL, DetectionSamples
from bench.statistics.intervals import LEVEL, interval

SOURCES = ("ir", "vis")
"""The methods that show one modality alone: what fusing has to beat."""


def robustness_table(
    samples: DetectionSamples, measure: str = "AP", name: str = ALL, level: float = LEVEL
) -> pd.DataFrame:
    """P, mPC and rPC of each method: a row over everything (factor ``all``) and one per factor and modality.

    mPC is the mean over the conditions with severity above 0, rPC = mPC / P, and ``gain`` the mean of the fusion gain
    (:func:`fusion_gain`) over the same conditions. Columns: method, factor, modality, severities, then P, mPC, rPC and
    gain each with ``_low`` and ``_high``. rPC is NaN where P is 0, gain for the sources and in runs without both.
    """
    value, cells, rows = samples.of(measure, name), samples.cells, []
    gain = np.full_like(value, np.nan)
    for _, _, index, of_cell in _gains(samples, measure, name, SOURCES):
        gain[index] = of_cell
    for method, own in cells.groupby("method", sort=False):
        clean = _clean(value, own)
        degraded = own[own["severity"] > 0]
        groups = [((ALL, ALL), degraded), *degraded.groupby(["factor", "modality"], sort=False)]
        for (factor, modality), group in groups if len(degraded) else []:
            mean = value[group.index].mean(axis=0)
            ratio = np.divide(mean, clean, out=np.full_like(mean, np.nan), where=clean > 0)
            row = {"method": method, "factor": factor, "modality": modality}
            row["severities"] = ",".join(map(str, sorted(set(group["severity"]))))
            gained = gain[group.index].mean(axis=0)
            for label, of in (("P", clean), ("mPC", mean), ("rPC", ratio), ("gain", gained)):
                row[label] = of[0]
                row[f"{label}_low"], row[f"{label}_high"] = interval(of[1:], level)
            rows.append(row)
    return pd.DataFrame(rows)


def fusion_gain(
    samples: DetectionSamples,
    measure: str = "AP",
    name: str = ALL,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """AP(method) − max(AP(ir), AP(vis)) of every condition and fusion method, with a paired interval.

    Columns: factor, severity, modality, method, gain, low, high. Conditions without both sources are left out.
    """
    rows = []
    for key, method, _, gain in _gains(samples, measure, name, sources):
        low, high = interval(gain[1:], level)
        rows.append((*key, method, gain[0], low, high))
    return pd.DataFrame(rows, columns=["factor", "severity", "modality", "method", "gain", "low", "high"])


def crossover_table(
    samples: DetectionSamples,
    measure: str = "AP",
    name: str = ALL,
    sources: Sequence[str] = SOURCES,
    level: float = LEVEL,
) -> pd.DataFrame:
    """The severity at which the fusion gain of each method is lost, per factor and modality.

    The first place where the gain, linear between the severities that were run (0 is clean), falls to zero: 0 where
    there is none to begin with, infinite where it lasts to the highest severity run. Columns: factor, modality,
    method, crossover, low, high, highest (severity run).
    """
    curves: dict[tuple[str, str, str], dict[int, np.ndarray]] = {}
    clean: dict[str, np.ndarray] = {}
    for (factor, severity, modality), method, _, gain in _gains(samples, measure, name, sources):
        if severity == 0:
            clean[method] = gain
        else:
            curves.setdefault((factor, modality, method), {})[severity] = gain
    rows = []
    for (factor, modality, method), by_severity in curves.items():
        if method not in clean:
            raise ValueError(f"no clean condition for method {method!r}: run severity 0 as well")
        steps = {0: clean[method], **dict(sorted(by_severity.items()))}
        where = crossover(np.array(list(steps)), np.stack(list(steps.values())))
        tails = [(1 - level) / 2, (1 + level) / 2]  # of numbers that may be infinite: no interpolation
        low, high = np.quantile(where[1:], tails, method="inverted_cdf") if where.size > 1 else (np.nan, np.nan)
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
    samples: DetectionSamples, measure: str = "AP", name: str = ALL, level: float = LEVEL
) -> pd.DataFrame:
    """Kendall's τ-b between the order of the methods on clean pairs and under each degraded condition.

    Methods that a condition lacks are left out of it. Columns: factor, severity, modality, methods (how many), tau,
    low, high.
    """
    value, cells, rows = samples.of(measure, name), samples.cells, []
    clean = {method: _clean(value, own) for method, own in cells.groupby("method", sort=False)}
    degraded = cells[cells["severity"] > 0]
    for key, group in degraded.groupby(["factor", "severity", "modality"], sort=False):
        tau = kendall_tau(np.stack([clean[method] for method in group["method"]]), value[group.index])
        rows.append((*key, len(group), tau[0], *interval(tau[1:], level)))
    return pd.DataFrame(rows, columns=["factor", "severity", "modality", "methods", "tau", "low", "high"])


def kendall_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kendall's τ-b over the first axis of two methods×samples arrays, NaN where one of them is all ties."""
    i, j = np.triu_indices(len(first), k=1)
    a, b = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
    size = np.sqrt((a != 0).sum(axis=0) * (b != 0).sum(axis=0).astype(float))
    return np.divide((a * b).sum(axis=0), size, out=np.full(size.shape, np.nan), where=size > 0)


def paired_difference(
    samples: DetectionSamples,
    selected: np.ndarray,
    measure: str = "AP",
    name: str = ALL,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Difference of every two methods, each the mean over its ``selected`` cells (bool), with a paired interval.

    ``p`` is the two-sided bootstrap probability that the difference has the other sign. Columns: first, second,
    difference (first − second), low, high, p.
    """
    value, rows = samples.of(measure, name), []
    own = samples.cells[np.asarray(selected)]
    mean = {method: value[cells.index].mean(axis=0) for method, cells in own.groupby("method", sort=False)}
    for first, second in combinations(mean, 2):
        difference = mean[first] - mean[second]
        draws = difference[1:][np.isfinite(difference[1:])]
        tail = min((draws <= 0).sum(), (draws >= 0).sum())
        p = min(1.0, 2 * (tail + 1) / (len(draws) + 1))  # Davison & Hinkley 1997, eq. 4.12
        rows.append((first, second, difference[0], *interval(difference[1:], level), p))
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p"])


def _clean(value: np.ndarray, own: pd.DataFrame) -> np.ndarray:
    clean = own.index[own["severity"] == 0]
    if len(clean) == 0:
        raise ValueError(f"no clean condition for method {own['method'].iloc[0]!r}: run severity 0 as well")
    return value[clean[0]]


def _gains(
    samples: DetectionSamples, measure: str, name: str, sources: Sequence[str]
) -> Iterator[tuple[tuple, str, int, np.ndarray]]:
    """(condition, method, cell, gain per sample) for every fusion method of every condition that has all sources."""
    value = samples.of(measure, name)
    for key, group in samples.cells.groupby(["factor", "severity", "modality"], sort=False):
        row = dict(zip(group["method"], group.index, strict=True))
        if not all(source in row for source in sources):
            continue
        alone = np.max([value[row[source]] for source in sources], axis=0)
        for method, index in row.items():
            if method not in sources:
                yield key, method, index, value[index] - alone
