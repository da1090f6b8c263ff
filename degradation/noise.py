"""Sensor noise of the TSDM degradation model: independent per channel, shared by the channels, or correlated."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import ndtri


def _normal_quantiles(count: int) -> np.ndarray:
    quantiles = ndtri((np.arange(count) + 0.5) / count)
    return (quantiles / quantiles.std()).astype(np.float32)


NORMAL_QUANTILES = _normal_quantiles(1 << 16)
"""The standard normal distribution in 65,536 equal steps (±4.3), of unit variance."""

BLOCK = 1 << 16


def draw_quantiles(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Independent uniform uint16 numbers; as indices of ``NORMAL_QUANTILES`` they draw from the normal distribution."""
    count = int(np.prod(shape))
    words = generator.integers(0, 1 << 64, size=-(-count // 4), dtype=np.uint64)
    return words.view(np.uint16)[:count].reshape(shape)


def standard_normal(shape: tuple[int, ...], generator: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """Independent N(0, ``scale``²) float32 numbers by inversion of 16 random bits, in a fifth of the ziggurat's time.

    The distribution function is that of the normal within 1/131,072 everywhere; the step between neighbouring values
    stays below a thousandth of ``scale`` up to 3 standard deviations, the largest value is 4.3 of them.
    """
    indices = draw_quantiles(shape, generator).ravel()
    quantiles = NORMAL_QUANTILES * np.float32(scale)
    result = np.empty(indices.size, np.float32)
    for start in range(0, indices.size, BLOCK):  # in blocks, because numpy widens indices to 64 bits before it looks up
        block = slice(start, start + BLOCK)
        np.take(quantiles, indices[block], out=result[block], mode="clip")
    return result.reshape(shape)


def add_color_noise(image: np.ndarray, sigma: float, generator: np.random.Generator) -> np.ndarray:
    """Add N(0, ``sigma``²) to every sample of float32 H×W×C, independently; ``sigma`` in units of the range [0, 1]."""
    return _add(image, standard_normal(image.shape, generator, sigma))


def add_gray_noise(image: np.ndarray, sigma: float, generator: np.random.Generator) -> np.ndarray:
    """Add one N(0, ``sigma``²) map to all channels of float32 H×W×C."""
    noise = standard_normal(image.shape[:2], generator, sigma)
    return _add(image, cv2.merge([noise] * image.shape[-1]).reshape(image.shape))


def add_correlated_noise(image: np.ndarray, covariance: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Add N(0, ``covariance``) to every pixel of float32 H×W×3."""
    return _add(image, cv2.transform(standard_normal(image.shape, generator), covariance_root(covariance)))


def covariance_root(covariance: np.ndarray) -> np.ndarray:
    """R, float32 C×C, such that R w has the C×C ``covariance`` (R Rᵀ) where w is white noise of variance 1."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)


def random_covariance(scale: float, generator: np.random.Generator) -> np.ndarray:
    """The channel covariance |``scale``² Uᵀ D U| (3×3): D diagonal and uniform in [0, 1], U a random rotation.

    U is the orthonormal basis of a 3×3 matrix of uniform numbers. The absolute value of a positive semi-definite 3×3
    matrix is positive semi-definite again.
    """
    variances = np.diag(generator.random(3))
    basis = np.linalg.svd(generator.random((3, 3)))[0]
    return np.abs(scale**2 * basis.T @ variances @ basis)


def _add(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    np.add(image, noise, out=noise)
    return np.clip(noise, 0, 1, out=noise)
