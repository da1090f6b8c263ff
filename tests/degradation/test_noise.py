"""The noise is the noise it says it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from degradation.noise import (
    add_color_noise,
    add_correlated_noise,
    add_gray_noise,
    random_covariance,
    standard_normal,
)

GREY = np.full((300, 400, 3), 0.5, np.float32)


def test_standard_normal_passes_for_normal() -> None:
    values = standard_normal((1000, 1000), np.random.default_rng(1)).astype(np.float64)
    assert values.mean() == pytest.approx(0, abs=4e-3)
    assert values.var() == pytest.approx(1, abs=6e-3)
    assert stats.skew(values.ravel()) == pytest.approx(0, abs=0.01)
    assert stats.kurtosis(values.ravel()) == pytest.approx(0, abs=0.02)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    for far in (2.0, 3.0, 3.5):
        expected = 2 * stats.norm.sf(far) * values.size
        assert (np.abs(values) > far).sum() == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_standard_normal_values_are_independent() -> None:
    values = standard_normal((1000, 1000), np.random.default_rng(2))
    flat = values.ravel()
    for lag in (1, 2, 3, 4, 1000):  # four numbers come from one 64-bit word
        assert abs(np.corrcoef(flat[:-lag], flat[lag:])[0, 1]) < 5e-3
        assert abs(np.corrcoef(np.abs(flat[:-lag]), np.abs(flat[lag:]))[0, 1]) < 5e-3


def test_standard_normal_of_any_shape_continues_the_stream() -> None:
    for shape in ((1,), (3, 5), (7, 11, 3)):
        assert standard_normal(shape, np.random.default_rng(0)).shape == shape
    generator = np.random.default_rng(0)
    first, second = standard_normal((8, 8), generator), standard_normal((8, 8), generator)
    assert not np.array_equal(first, second)


def test_color_noise_is_independent_between_channels() -> None:
    noise = add_color_noise(GREY, 20 / 255, np.random.default_rng(3)) - GREY
    assert np.cov(noise.reshape(-1, 3).T) * 255**2 == pytest.approx(400 * np.eye(3), abs=8)


def test_gray_noise_is_the_same_in_all_channels() -> None:
    noise = add_gray_noise(GREY, 20 / 255, np.random.default_rng(4)) - GREY
    np.testing.assert_array_equal(noise[..., 0], noise[..., 2])
    assert noise[..., 1].std() * 255 == pytest.approx(20, rel=0.01)
    single = add_gray_noise(GREY[..., :1], 20 / 255, np.random.default_rng(4)) - GREY[..., :1]
    np.testing.assert_array_equal(single[..., 0], noise[..., 0])


def test_correlated_noise_has_its_covariance() -> None:
    covariance = np.array([[300.0, 120.0, 40.0], [120.0, 200.0, 90.0], [40.0, 90.0, 150.0]]) / 255**2
    noise = add_correlated_noise(GREY, covariance, np.random.default_rng(5)) - GREY
    assert np.cov(noise.reshape(-1, 3).T) * 255**2 == pytest.approx(covariance * 255**2, abs=6)


def test_random_covariance_is_a_covariance_of_the_stated_size() -> None:
    generator = np.random.default_rng(6)
    drawn = np.array([random_covariance(20.0, generator) for _ in range(3000)])
    assert (drawn >= 0).all()
    np.testing.assert_allclose(drawn, drawn.transpose(0, 2, 1), atol=1e-9)
    assert np.linalg.eigvalsh(drawn).min() > -1e-9
    variances = np.trace(drawn, axis1=1, axis2=2) / 3
    assert variances.max() <= 400
    assert variances.mean() == pytest.approx(200, rel=0.03)  # the mean of D is one half
    assert variances.std() == pytest.approx(400 / np.sqrt(36), rel=0.06)  # three uniform numbers, averaged


def test_noise_is_clipped_to_the_range() -> None:
    black = np.zeros((50, 50, 3), np.float32)
    for noisy in (
        add_color_noise(black, 0.5, np.random.default_rng(0)),
        add_gray_noise(black + 1, 0.5, np.random.default_rng(0)),
        add_correlated_noise(black, np.eye(3), np.random.default_rng(0)),
    ):
        assert noisy.min() >= 0
        assert noisy.max() <= 1
    assert black.max() == 0
