"""What the detectors have in common that tests put in the place of real ones."""

from __future__ import annotations

import torch

from detectors.detector import Detection


class StandIn:
    """A detector that looks at batches by ``detect``, image by image."""

    def detect_levels(self, levels: torch.Tensor) -> list[list[Detection]]:
        return self.detect(list(levels.permute(0, 2, 3, 1).cpu().numpy()))
