"""Deterministic 96×128 images made of integers alone: the triple on which the MATLAB originals were run."""

from __future__ import annotations

import numpy as np
import torch

from bench.metrics.metric import Plane

HEIGHT, WIDTH = 96, 128
SUMS = (1048199, 1343183, 1394406)


def noise(seed: int, levels: int) -> np.ndarray:
    """Values below ``levels`` from a linear congruential generator, row by row."""
    state, values = seed, np.empty(HEIGHT * WIDTH, np.int64)
    for index in range(HEIGHT * WIDTH):
        state = (1103515245 * state + 12345) % 2**31
        values[index] = (state >> 16) % levels
    return values.reshape(HEIGHT, WIDTH)


def triple() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Infrared, visible and fused image, uint8."""
    i, j = np.mgrid[0:HEIGHT, 0:WIDTH]
    ir = 40 + (3 * i + 2 * j) % 64 + np.where((i - 40) ** 2 + (j - 90) ** 2 < 324, 120, 0) + noise(1, 9)
    vis = 30 + (i * j // 24) % 128 + np.where((i // 12 + j // 16) % 2 == 1, 50, 0) + noise(2, 7)
    fused = (3 * np.maximum(ir, vis) + ir + vis) // 5 + noise(3, 5)
    return tuple(np.clip(image, 0, 254).astype(np.uint8) for image in (ir, vis, fused))


def plane(image: np.ndarray) -> Plane:
    """A plane of one grey image H×W."""
    return Plane(torch.from_numpy(np.asarray(image, np.float32))[None, None])


def natural(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A triple with flat and saturated areas, edges, gradients and noise; uint8."""
    random = np.random.default_rng(seed)
    i, j = np.mgrid[0:height, 0:width]
    ir = (
        30
        + 100 * np.exp(-((i - height / 3) ** 2 + (j - width / 2) ** 2) / 300)
        + random.integers(0, 6, (height, width))
    )
    vis = 128 + 90 * np.sin(i / 7) * np.cos(j / 11) + random.normal(0, 5, (height, width))
    fused = np.maximum(0.7 * ir, vis) * 0.6 + 0.3 * (ir + vis)
    ir[: height // 4], vis[: height // 5, : width // 2], fused[: height // 6] = 20, 255, 255
    vis[-height // 5 :, : width // 3] = fused[-height // 6 :, : width // 4] = 0
    return tuple(np.clip(np.round(image), 0, 255).astype(np.uint8) for image in (ir, vis, fused))
