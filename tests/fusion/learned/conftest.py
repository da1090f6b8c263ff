"""The learned baselines, found as the harness finds them, and loaded once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion.method import Method, prepare
from tsdm_bench.cards import Registry
from tsdm_bench.weights.location import locate

METHODS = dict(Registry("method", Method, ("fusion.learned",), "tsdm_bench.no_plug_ins"))


@pytest.fixture(scope="session")
def methods() -> dict[str, Method]:
    return METHODS


@pytest.fixture(params=sorted(METHODS))
def method(request) -> Method:
    """Each learned baseline in turn."""
    return METHODS[request.param]


@pytest.fixture(scope="session")
def paths(weights_dir: Path):
    """Local paths of the weights of a method, as its ``load`` takes them."""
    return lambda method: {file.name: locate(file, weights_dir) for file in method.weights}


@pytest.fixture(scope="session")
def prepared(paths):
    return lambda method: prepare(method, paths(method))
