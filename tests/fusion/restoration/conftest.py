"""Restorers, found as the harness finds them, and their weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.restoration.restorer import Restorer, weights_of
from tsdm_bench.weights.location import locate


@pytest.fixture(scope="session")
def loaded(weights_dir: Path):
    """The function of a restorer whose weights are those of its card."""

    def load(restorer: Restorer):
        paths = {file.name: locate(file, weights_dir) for file in weights_of(restorer)}
        return restorer.load(paths, torch.device("cpu"))

    return load


@pytest.fixture(scope="session")
def golden(golden_dir: Path):
    return np.load(golden_dir / "restorers_96x130.npz")


@pytest.fixture(scope="session")
def images(golden) -> dict[str, torch.Tensor]:
    """The inputs of the golden file as N×C×H×W."""
    ir, y = (torch.from_numpy(golden[key]).float()[None, None] / 255 for key in ("ir_u8", "viY_u8"))
    vis = torch.from_numpy(golden["viRGB_u8"]).permute(2, 0, 1)[None].float() / 255
    striped = torch.from_numpy(golden["ir_striped"]).float().reshape(1, 1, 96, 130)
    rainy = torch.from_numpy(golden["viRGB_rainy"]).float()
    return {"ir": ir, "y": y, "vis": vis, "striped": striped, "rainy": rainy}
