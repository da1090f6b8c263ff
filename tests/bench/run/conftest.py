"""Pairs that a test may change, and what was loaded to compute something."""

from __future__ import annotations

import shutil
from pathlib import Path

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
