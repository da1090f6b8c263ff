"""Where the tests find real data: the same environment variables that the harness uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


def _folder(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"needs {what}: set {variable}")
    return Path(value)


@pytest.fixture(scope="session")
def data_root() -> Path:
    return _folder("TSDM_BENCH_DATA", "the published datasets")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return _folder("TSDM_BENCH_WEIGHTS", "method and detector weights")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return _folder("TSDM_BENCH_GOLDEN", "golden reference values")
