"""Raw outputs of the restoring networks against those of the authors' networks on one 96×130 pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion.learned.layers import published_state
from fusion.restoration import aodnet, dncnn, ffdnet, prenet, sci, snrwdnn, zero_dce

TOLERANCE = 1e-5
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def state(weights_dir):
    return lambda file: published_state(weights_dir / file.name, CPU)


def assert_equal(output: torch.Tensor, expected: np.ndarray) -> None:
    assert output.numel() == expected.size
    np.testing.assert_allclose(output.numpy().reshape(expected.shape), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "file"), [("easy", sci.EASY), ("medium", sci.MEDIUM), ("difficult", sci.DIFFICULT)])
def test_sci(name, file, state, images, golden):
    weights = state(file)
    assert_equal(sci.network(weights, images["vis"]), golden[f"sci_{name}"])
    assert_equal(sci.network(weights, images["vis"] * 0.25), golden[f"sci_{name}_in_quarter"])
    if name == "medium":
        assert_equal(sci.illumination(weights, images["vis"]), golden["sci_medium_illumination"])


def test_dncnn(state, images, golden):
    assert_equal(dncnn.network(state(dncnn.GRAY), images["ir"]), golden["dncnn_gray_blind_ir"])
    assert_equal(dncnn.network(state(dncnn.COLOR), images["vis"]), golden["dncnn_color_blind_viRGB"])
    assert_equal(dncnn.network(state(dncnn.THREE), images["ir"]), golden["dncnn3_ir"])
    assert_equal(dncnn.network(state(dncnn.THREE), images["y"]), golden["dncnn3_viY"])


def test_ffdnet_with_one_level(state, images, golden):
    grey, colour = state(ffdnet.GRAY), state(ffdnet.COLOR)
    level = torch.full((1, 1, 1, 1), 25 / 255)
    assert_equal(ffdnet.network(grey, images["ir"], level), golden["ffdnet_gray_clip_ir_sigma25"])
    assert_equal(ffdnet.network(colour, images["vis"], level), golden["ffdnet_color_clip_viRGB_sigma25"])


def test_ffdnet_with_a_covariance(state, images, golden):
    levels = torch.tensor([20.0, 12, 20, 8, 12, 20]).view(1, 6, 1, 1) / 255
    expected = golden["ffdnet_color_3d_viRGB_c20_12_20_8_12_20"]
    assert_equal(ffdnet.network(state(ffdnet.COVARIANCE), images["vis"], levels), expected)


def test_snrwdnn(state, images, golden):
    weights = state(snrwdnn.WEIGHTS)
    assert_equal(snrwdnn.network(weights, images["ir"]), golden["snrwdnn_ir"])
    assert_equal(snrwdnn.network(weights, images["striped"]), golden["snrwdnn_ir_striped"])
    assert_equal(snrwdnn.network(weights, images["striped"], all_bands=True), golden["snrwdnn_all4_ir_striped"])


def test_zero_dce(state, images, golden):
    weights = state(zero_dce.WEIGHTS)
    assert_equal(zero_dce.network(weights, images["vis"]), golden["zerodce"])
    assert_equal(zero_dce.network(weights, images["vis"] * 0.25), golden["zerodce_in_quarter"])


def test_aodnet(state, images, golden):
    weights = state(aodnet.WEIGHTS)
    assert_equal(aodnet.network(weights, images["vis"]), golden["aodnet"])
    assert_equal(aodnet.network(weights, images["vis"] * 0.5 + 0.4), golden["aodnet_in_hazed"])


def test_prenet(state, images, golden):
    assert_equal(prenet.network(state(prenet.WEIGHTS), images["rainy"]), golden["prenet_Rain100L_rainy"])
