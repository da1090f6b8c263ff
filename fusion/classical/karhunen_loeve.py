"""Karhunen–Loève (principal-component) weights of two images."""

from __future__ import annotations

import numpy as np

SMALLEST_SUM = 0.25  # of the components of the leading eigenvector, below which their ratio to it means nothing


def principal_direction(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The leading unit eigenvector (2 values, sum ≥ 0) of the 2×2 covariance of two images of one shape.

    Images without any variation get equal components.
    """
    values, vectors = np.linalg.eigh(np.cov(first.ravel(), second.ravel()))
    if values[-1] <= np.finfo(np.float32).eps ** 2:
        return np.full(2, np.sqrt(0.5))
    leading = vectors[:, -1]
    return leading if leading.sum() >= 0 else -leading


def karhunen_loeve_weights(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The components of :func:`principal_direction` divided by their sum, as ADF and FPDE weigh their details.

    Between negatively correlated images one weight is negative and the other above 1, as in the published results;
    they grow without bound as the components cancel. Below :data:`SMALLEST_SUM` their magnitudes are weighed instead.
    """
    direction = principal_direction(first, second)
    if direction.sum() < SMALLEST_SUM:
        direction = np.abs(direction)
    first_weight, second_weight = direction / direction.sum()
    return float(first_weight), float(second_weight)
