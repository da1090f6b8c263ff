"""What degradation itself does to a metric: the rank correlation of severity and value on the source images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.statistics.robustness import SOURCES

BY = ["metric", "factor", "modality", "method"]


def severity_correlation(rows: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ between severity and value of every metric without a reference, on the images of each source.

    ``rows`` is the long table. Only the methods ``ir`` and ``vis`` count, each under the conditions that hit it: their
    result is the degraded image itself, so that ρ says what degradation does to the metric, whatever fusing does. Per
    image over its severities, the clean image included where it was run; then the mean over images. Images that lack a
    severity are left out, and so is one whose value never changes. Columns: metric, factor, modality, method, rho,
    images, severities; no row where fewer than two severities were run.

    >>> rows = pd.DataFrame({"image": "1", "method": "ir", "metric": "en", "reference": "none", "modality": "both",
    ...                      "factor": ["clean", "noise", "noise"], "severity": [0, 1, 3], "value": [5.0, 6.0, 7.0]})
    >>> severity_correlation(rows)["rho"].tolist()
    [1.0]
    """
    rows = rows[(rows["reference"] == "none") & rows["method"].isin(SOURCES)]
    clean = rows[rows["severity"] == 0]
    hit = (rows["modality"] == "both") | (rows["modality"] == rows["method"])
    found = []
    for key, group in rows[hit & (rows["severity"] > 0)].groupby(BY, sort=False):
        of = dict(zip(BY, key, strict=True))
        start = clean[(clean["metric"] == of["metric"]) & (clean["method"] == of["method"])]
        wide = pd.concat([start, group]).pivot_table("value", "image", "severity", dropna=False)
        wide = wide[np.isfinite(wide).all(axis=1)]
        if wide.shape[1] < 2 or wide.empty:
            continue
        rho = _spearman(wide.columns.to_numpy(dtype=float), wide.to_numpy(dtype=float))
        rho = rho[np.isfinite(rho)]
        mean = float(rho.mean()) if rho.size else np.nan
        found.append(of | {"rho": mean, "images": rho.size, "severities": ", ".join(map(str, wide.columns))})
    return pd.DataFrame(found, columns=[*BY, "rho", "images", "severities"])


def _spearman(severity: np.ndarray, values: np.ndarray) -> np.ndarray:
    """ρ of each row of images×severities with the severities; NaN where a row is constant."""
    ranks, order = pd.DataFrame(values).rank(axis=1).to_numpy(), pd.Series(severity).rank().to_numpy()
    ranks, order = ranks - ranks.mean(axis=1, keepdims=True), order - order.mean()
    size = np.sqrt((ranks**2).sum(axis=1) * (order**2).sum())
    return np.divide(ranks @ order, size, out=np.full(len(ranks), np.nan), where=size > 0)
