"""Quantisation to 8 bits, brightness and contrast: the operations that are defined on 8-bit images."""

from __future__ import annotations

import cv2
import numpy as np

LEVELS = np.arange(256, dtype=np.float32)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """float32 H×W×C in [0, 1] to uint8: ``255 x`` rounded half to even, the rounding of IEEE 754 and of numpy.

    >>> to_uint8(np.float32([[[0.1], [0.5]]])).ravel().tolist()
    [26, 128]
    """
    return cv2.convertScaleAbs(image, alpha=255).reshape(image.shape)


def to_float(image: np.ndarray) -> np.ndarray:
    """uint8 of any shape to float32 in [0, 1]."""
    return np.multiply(image, np.float32(1 / 255), dtype=np.float32)


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply uint8 ``image`` (any shape) by ``factor`` ≥ 0, clip, drop the fraction (PIL ``Brightness``).

    >>> brightness(np.array([10, 101, 250], np.uint8), 1.5).tolist()
    [15, 151, 255]
    """
    return _map_levels(image, np.float32(factor) * LEVELS)


def contrast(image: np.ndarray, factor: float, mean: float | None = None) -> np.ndarray:
    """Scale the distance of uint8 H×W×C (C = 1 or 3, RGB) from its mean by ``factor`` ≥ 0 (PIL ``Contrast``).

    The mean is :func:`mean_level` of the image, or ``mean`` where the image is a part of a larger one; the result is
    clipped and its fraction dropped.
    """
    level = np.float32(mean_level(image) if mean is None else mean)
    return _map_levels(image, level + np.float32(factor) * (LEVELS - level))


def mean_level(image: np.ndarray) -> float:
    """The mean of the grey image (BT.601 luma) of uint8 H×W×C (C = 1 or 3, RGB), rounded to a whole level."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[-1] == 3 else image
    return float(np.floor(grey.mean() + 0.5))


def _map_levels(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8)).reshape(image.shape)
