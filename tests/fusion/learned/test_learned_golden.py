"""Raw network outputs against those of the authors' own networks on one 96×130 pair."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from fusion.learned import ifcnn, lrrnet
from fusion.learned.layers import published_state
from fusion.learned.saving import stretched

TOLERANCE = 1e-4
SAME_AS_LOADED = {
    "auif": "auif",
    "datfuse": "datfuse",
    "didfuse": "didfuse",
    "lutfuse": "lutfuse_rgb",
    "mfeif": "mfeif",
    "mmdrfuse": "mmdrfuse",
    "mufusion": "mufusion_roadscene",
    "reconet": "reconet",
    "sage": "sage",
    "sdnet": "sdnet",
    "seafusion": "seafusion",
    "stdfusionnet": "stdfusion",
    "tardal": "tardal_dt",
    "u2fusion": "u2fusion",
    "ydtr": "ydtr",
}
"""Module and key of the methods whose loaded function is the raw network."""


@pytest.fixture(scope="module")
def golden(golden_dir):
    return np.load(golden_dir / "networks_96x130.npz")


@pytest.fixture(scope="module")
def pair(golden):
    """Infrared, visible luma and visible RGB in [0, 1]."""
    ir, y, rgb = (torch.from_numpy(golden[key]).float() / 255 for key in ("ir_u8", "viY_u8", "viRGB_u8"))
    return ir[None, None], y[None, None], rgb.permute(2, 0, 1)[None]


def assert_equal(output: torch.Tensor, expected: np.ndarray, scale: float = 1.0) -> None:
    assert output.shape == expected.shape
    np.testing.assert_allclose(output.numpy(), expected, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("module", SAME_AS_LOADED)
def test_raw_output_is_that_of_the_authors_network(module, golden, pair, paths):
    ir, y, rgb = pair
    method = importlib.import_module(f"fusion.learned.{module}").METHOD
    fuse = method.load(paths(method), torch.device("cpu"))
    with torch.inference_mode():
        assert_equal(fuse(ir, y if method.luma else rgb), golden[SAME_AS_LOADED[module]])


def test_densefuse_works_on_grey_levels(golden, pair, paths, methods):
    ir, y, _ = pair
    method = methods["densefuse"]
    with torch.inference_mode():
        output = method.load(paths(method), torch.device("cpu"))(ir, y)
    assert_equal(output * 255, golden["densefuse"], scale=255)


def test_ifcnn_on_grey_images(golden, pair, weights_dir):
    state = published_state(weights_dir / ifcnn.WEIGHTS.name, torch.device("cpu"))
    ir, y = (x.expand(-1, 3, -1, -1) for x in pair[:2])
    assert_equal(ifcnn.network(state, ir, y), golden["ifcnn_max"])


@pytest.mark.parametrize("pixels_at_once", [1000, 1 << 20])
def test_lrrnet_for_any_number_of_pixels_at_once(golden, pair, weights_dir, monkeypatch, pixels_at_once):
    monkeypatch.setitem(lrrnet.PIXELS_AT_ONCE, "cpu", pixels_at_once)
    state = published_state(weights_dir / lrrnet.WEIGHTS.name, torch.device("cpu"))
    ir, y = (stretched(x, lrrnet.STRETCH_EPSILON) for x in pair[:2])
    with torch.inference_mode():
        assert_equal(lrrnet.network(state, ir, y), golden["lrrnet"])
