"""Pairs that a test may change, and what was loaded to compute something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from stand_ins import Finder

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


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """Training replaced by a note of what it was given; the checkpoint holds the hash of its images."""
    noted: list[SimpleNamespace] = []

    def train(training_set, recipe, folder, *, initial, device, progress):
        from detectors.training.loop import detector_path

        names = sorted(path.stem for path in (training_set.folder / "images").iterdir())
        facts = {"sha256": training_set.sha256, "channels": training_set.channels}
        noted.append(SimpleNamespace(names=names, recipe=recipe, initial=initial, **facts))
        path = detector_path(training_set, recipe, folder, initial)
        path.write_text(training_set.sha256 + (initial.read_text() if initial else ""))
        facts = {"images": training_set.images, "training_set": training_set.sha256}
        path.with_suffix(".json").write_text(json.dumps(facts | {"seconds": 0.0, "resumed_after": None}))
        progress(recipe.epochs)
        return path

    monkeypatch.setattr("bench.run.retraining.train_detector", train)
    monkeypatch.setattr("bench.cell.setup.open_detector", lambda spec, **_: Finder(Path(spec).stem))
    return noted
