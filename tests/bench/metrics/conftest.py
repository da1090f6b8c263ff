"""Folders to score."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from synthetic_triple import natural


@pytest.fixture
def folders(tmp_path):
    """Four pairs and the results of two methods, in several file formats."""
    for name in ("ir", "vis", "out/first", "out/second"):
        (tmp_path / name).mkdir(parents=True)
    for index in range(4):
        ir, vis, fused = natural(60, 72, seed=index)
        Image.fromarray(ir).save(tmp_path / "ir" / f"{index:02d}.png")
        Image.fromarray(np.stack([vis] * 3, -1)).save(tmp_path / "vis" / f"{index:02d}.bmp")
        Image.fromarray(fused).save(tmp_path / "out/first" / f"{index:02d}.png")
        Image.fromarray(np.stack([ir, ir, ir], -1)).save(tmp_path / "out/second" / f"{index:02d}.tif")
    return tmp_path
