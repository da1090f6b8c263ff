"""The reference run of the authors' release: networks filled with weights by rule, and what they gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor


class Reference(NamedTuple):
    arrays: dict[str, np.ndarray]
    facts: dict

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """IR 1×1×64×96, visible 1×3×64×96, its luma 1×1×64×96."""
        ir, vis = self.tensor("ir")[None], self.tensor("vi")[None]
        return ir, vis, 0.299 * vis[:, :1] + 0.587 * vis[:, 1:2] + 0.114 * vis[:, 2:]


@pytest.fixture(scope="session")
def reference(golden_dir: Path) -> Reference:
    with np.load(golden_dir / "tsdm_reference.npz") as arrays:
        return Reference(dict(arrays), json.loads((golden_dir / "tsdm_reference.json").read_text()))
