"""How often each cluster of images (:mod:`bench.datasets.clusters`) is drawn in a bootstrap resample."""

from __future__ import annotations

import numpy as np

FEWEST_CLUSTERS = 10
"""Below it a resample is nearly one of the clusters again: no interval and no p value."""


def resample_counts(clusters: int, resamples: int, seed: int = 0) -> np.ndarray:
    """clusters×resamples: how often each cluster is drawn when as many clusters as there are are drawn with return.

    Fewer than :data:`FEWEST_CLUSTERS` clusters have no resamples (clusters×0): what is computed from them has no
    interval.

    >>> resample_counts(12, 1000).shape, resample_counts(9, 1000).shape
    ((12, 1000), (9, 0))
    """
    if clusters < 1:
        raise ValueError("a bootstrap needs at least one cluster of images, got none")
    if clusters < FEWEST_CLUSTERS:
        return np.zeros((clusters, 0), dtype=int)
    generator = np.random.default_rng(seed)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).T
