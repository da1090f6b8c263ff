"""Things that fall through the picture: their places, their shapes, and the layer that they make together."""

from __future__ import annotations

import math

import numpy as np


def scatter(
    shape: tuple[int, int], density: float, weakest: float, particle: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """A layer of copies of ``particle`` (float32 K×K, K odd) at random places: float32 of ``shape``, in [0, 1].

    Every pixel, and every one so near to the border that its particle reaches into the image, holds the centre of a
    particle with probability ``density``; its strength is uniform from ``weakest`` to 1. Where particles overlap they
    add up, to 1 at most.
    """
    reach = len(particle) // 2
    height, width = shape[0] + 2 * reach, shape[1] + 2 * reach
    count = generator.binomial(height * width, density)
    places = generator.choice(height * width, size=count, replace=False, shuffle=False)
    strengths = generator.uniform(weakest, 1, count).astype(np.float32)
    size = len(particle)
    layer = np.zeros((height + 2 * reach, width + 2 * reach), np.float32)
    for top, left, strength in zip(*divmod(places, width), strengths, strict=True):  # few and small: no convolution
        layer[top : top + size, left : left + size] += strength * particle
    inside = layer[2 * reach : 2 * reach + shape[0], 2 * reach : 2 * reach + shape[1]]
    return np.minimum(inside, 1)


def line(length: float, angle: float, width: float) -> np.ndarray:
    """A straight stroke of ``length`` px, float32 K×K (K odd), peak 1.

    ``angle`` (radians) is measured from the vertical. Along the stroke the profile is a trapezoid whose ends fall off
    over 3 px, across it a Gaussian with standard deviation ``width`` px.

    >>> (100 * line(5, 0.0, 0.8)[:, 4]).astype(int).tolist()  # upright
    [0, 33, 66, 100, 100, 100, 66, 33, 0]
    """
    reach = math.ceil(length / 2 + 1.5)
    axis = np.arange(-reach, reach + 1)
    x, y = np.meshgrid(axis, axis)
    along = math.sin(angle) * x + math.cos(angle) * y
    across = math.cos(angle) * x - math.sin(angle) * y
    ends = np.clip((length / 2 - np.abs(along)) / 3 + 0.5, 0, 1)
    return (ends * np.exp(-(across**2) / (2 * width**2))).astype(np.float32)


def disc(radius: float) -> np.ndarray:
    """A disc of ``radius`` px with a rim that is one pixel soft, float32 K×K (K odd), peak 1."""
    reach = math.ceil(radius + 0.5)
    axis = np.arange(-reach, reach + 1)
    distance = np.hypot(*np.meshgrid(axis, axis))
    return np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
