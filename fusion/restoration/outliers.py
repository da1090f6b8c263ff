"""Single wrong pixels replaced by the median of their neighbourhood; all others stay as they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.restoration.restorer import Restorer

SIDE = 3
LEAST_DISTANCE = 0.1
"""From the median, in units of [0, 1], at which a pixel counts as wrong."""


def without_outliers(channel: np.ndarray) -> np.ndarray:
    """An H×W float32 channel in [0, 1] whose pixels far from the median of their 3×3 neighbours are that median."""
    median = cv2.medianBlur(channel, SIDE)
    return np.where(np.abs(channel - median) > LEAST_DISTANCE, median, channel)


def _load(weights: dict[str, Path], device: torch.device):
    def restore(image: Tensor) -> Tensor:
        channels = image.flatten(0, 1).cpu().numpy()
        cleaned = np.stack([without_outliers(channel) for channel in channels])
        return torch.from_numpy(cleaned).to(image).view(image.shape)

    return restore


RESTORER = Restorer(
    name="median",
    title="Median at outliers",
    kind="classical",
    description="A pixel that is more than 0.1 away from the median of its 3×3 neighbourhood becomes that median.",
    source="conditional median filter; OpenCV medianBlur",
    removes=("dead_pixels", "snow"),
    modalities=("ir", "vis"),
    load=_load,
)
