"""The choose-max rule of the multi-scale methods: which source a coefficient is taken from."""

from __future__ import annotations

import cv2
import numpy as np

WINDOW = np.ones((3, 3), np.uint8)
MAJORITY = 4.5  # half of the nine votes of a 3×3 window


def first_is_stronger(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where the first of two activity maps (H×W, ≥ 0) wins, as an H×W bool array.

    Li, Manjunath, Mitra, *Multisensor image fusion using the wavelet transform*, 1995: the activity of a coefficient
    is the maximum over its 3×3 neighbourhood, and the winner is the one that wins most of the 3×3 neighbourhood.
    """
    wins = cv2.dilate(first, WINDOW) > cv2.dilate(second, WINDOW)
    votes = cv2.boxFilter(wins.astype(np.float32), -1, WINDOW.shape, normalize=False, borderType=cv2.BORDER_REPLICATE)
    return votes > MAJORITY


def stronger_coefficient(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The coefficient of larger magnitude by :func:`first_is_stronger` (H×W each, real or complex)."""
    return np.where(first_is_stronger(np.abs(first), np.abs(second)), first, second)
