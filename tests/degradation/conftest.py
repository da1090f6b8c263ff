"""A test pair without any file."""

from __future__ import annotations

import numpy as np
import pytest


def make_pair(height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Fields with the 1/f amplitude spectrum of natural images, and a few bright boxes; the same on every call."""
    random = np.random.default_rng(7)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]).clip(1 / width)
    fields = []
    for _ in range(4):
        phase = np.exp(2j * np.pi * random.random(frequency.shape))
        field = np.fft.irfft2(phase / frequency, s=(height, width))
        fields.append(0.4 + 0.16 * (field - field.mean()) / field.std())
    image = np.stack(fields, axis=-1)
    for _ in range(8):
        top, left = random.integers(0, height - 12), random.integers(0, width - 12)
        image[top : top + 12, left : left + 9] += random.uniform(-0.3, 0.5, 4)
    levels = (255 * np.clip(image, 0, 1)).astype(np.uint8)
    return levels[..., 3].copy(), levels[..., :3].copy()


@pytest.fixture(scope="session")
def pair() -> tuple[np.ndarray, np.ndarray]:
    return make_pair()


@pytest.fixture(scope="session")
def vis_float(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return pair[1].astype(np.float32) / 255


@pytest.fixture(scope="session")
def ir_float(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return pair[0][..., None].astype(np.float32) / 255
