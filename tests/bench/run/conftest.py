"""Pairs that a test may change, and what was loaded to compute something."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.cell.sources import Bench


@pytest.fixture
def pairs(small_pairs: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(small_pairs, tmp_path / "pairs"))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods that were loaded: only those have something to compute."""
    names: list[str] = []
    original = Bench._load
    monkeypatch.setattr(Bench, "_load", lambda self, name: names.append(name) or original(self, name))
    return names


@pytest.fixture(scope="module")
def labelled_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve thumbnail pairs with a bright square each; no splits, so every third is held out."""
    root, random = tmp_path_factory.mktemp("pairs"), np.random.default_rng(3)
    for folder in ("ir", "vis", "labels"):
        (root / folder).mkdir()
    (root / "classes.txt").write_text("Car\n")
    for index in range(12):
        ir, vis = random.integers(0, 120, (48, 64), np.uint8), random.integers(0, 120, (48, 64, 3), np.uint8)
        ir[10:30, 20:50] = 250
        cv2.imwrite(str(root / f"ir/{index:02d}.png"), ir)
        cv2.imwrite(str(root / f"vis/{index:02d}.png"), vis)
        (root / f"labels/{index:02d}.txt").write_text("0 0.546875 0.416667 0.468750 0.416667\n")
    return root
