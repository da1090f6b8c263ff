"""A small labelled dataset of our own for whole runs: street scenes at thumbnail size, saved in the folder layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

SIZE = (96, 128)


@pytest.fixture(scope="session")
def small_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs with a bright square in each, the object ``Car``; the folder layout with YOLO labels."""
    root = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(7)
    for folder in ("ir", "vis", "labels"):
        (root / folder).mkdir()
    (root / "classes.txt").write_text("Car\n")
    for index in range(3):
        vis = cv2.resize(generator.integers(0, 200, (12, 16, 3), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        ir = cv2.resize(generator.integers(0, 200, (12, 16), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        left, top = 10 + 20 * index, 20
        ir[top : top + 24, left : left + 32] = 250
        cv2.imwrite(str(root / f"ir/{index}.png"), ir)
        cv2.imwrite(str(root / f"vis/{index}.png"), vis)
        box = ((left + 16) / SIZE[1], (top + 12) / SIZE[0], 32 / SIZE[1], 24 / SIZE[0])
        (root / f"labels/{index}.txt").write_text("0 " + " ".join(f"{value:.6f}" for value in box) + "\n")
    return root


@pytest.fixture(autouse=True, scope="session")
def _idle_machine() -> Iterator[None]:
    """Costs are measured although tests may run beside other work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.run.cost.busy", lambda: 0.0)
        yield
