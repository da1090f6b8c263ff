"""The arithmetic of robustness on chosen numbers."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from bench.statistics.robustness import crossover, kendall_tau


def test_crossover_is_interpolated():
    severity = np.array([0, 1, 3, 5])
    gain = np.array([[0.2, 0.1, -0.1, -0.3], [0.2, 0.1, 0.1, 0.1], [-0.1, 0.5, 0.5, 0.5], [0.3, 0.0, 0.2, -1.0]]).T
    np.testing.assert_allclose(crossover(severity, gain), [2.0, np.inf, 0.0, 1.0])


def test_kendall_equals_scipy_with_ties():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 5, (2, 9, 40))
    expected = [kendalltau(first[:, s], second[:, s]).statistic for s in range(40)]
    np.testing.assert_allclose(kendall_tau(first, second), expected)
