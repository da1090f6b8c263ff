"""What the detectors have in common that tests put in the place of real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from detectors.detection import Detection


class StandIn:
    """A detector that looks at batches by ``detect``, image by image."""

    def detect_levels(self, levels: torch.Tensor) -> list[list[Detection]]:
        return self.detect(list(levels.permute(0, 2, 3, 1).cpu().numpy()))


@dataclass(frozen=True)
class Finder(StandIn):
    """Stands for a trained detector: finds one object, and says which file it was made from."""

    name: str

    def detect(self, images: list[np.ndarray]) -> list[list[Detection]]:
        return [[Detection("Car", 0.9, 20.0, 10.0, 30.0, 20.0)] for _ in images]
