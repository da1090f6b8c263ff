from __future__ import annotations

import numpy as np
import pytest
import torch


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Even 8-bit levels, so that halving is exact."""
    levels = np.random.default_rng(0).integers(0, 128, (4, 20, 28)) * 2
    images = torch.from_numpy(levels.astype(np.float32) / 255)
    return images[None, :1], images[None, 1:]
