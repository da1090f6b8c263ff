"""``tsdm_lite``: the network, its card, the files that other programs run."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_run import pattern

from fusion.method import prepare
from fusion.tsdm.lite import LITE, AnySize, export_lite
from fusion.tsdm.networks.lite import CELL, LiteStudent, overview
from fusion.tsdm.training.checkpoints import export


@pytest.fixture(scope="module")
def network() -> LiteStudent:
    """Random weights everywhere, those included that start at zero."""
    torch.manual_seed(0)
    network = LiteStudent().eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    return network


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tsdm_lite.safetensors"
    export(network.state_dict(), path)
    return path


def test_it_is_as_small_as_its_card_says(network):
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == LITE.parameters <= 250_000


def test_before_training_it_is_the_smooth_average_in_the_colours_of_the_visible_image():
    ramp = torch.linspace(0, 1, 96).expand(1, 1, 64, 96)
    ir, vis = 0.2 + 0.5 * ramp, torch.cat([0.5 * ramp, 0.3 + 0.5 * ramp, 0.9 - 0.5 * ramp], 1)
    with torch.no_grad():
        fused = LiteStudent()(ir, vis)
    weight = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    y = (vis * weight).sum(1, keepdim=True)
    away = (..., slice(CELL, -CELL))  # from the left and right border, where a cell has one neighbour
    torch.testing.assert_close(fused[away], ((ir + y) / 2 + vis - y)[away], atol=1e-3, rtol=0)


def test_light_and_shade_follow_from_the_sources_not_from_the_deep_network(network):
    ir, vis = pattern(32, 48, 1, 0.8), pattern(32, 48, 3, 2.2)
    brighter = copy.deepcopy(network)
    brighter.head.bias[:4] += 0.3
    torch.testing.assert_close(brighter(ir, vis), network(ir, vis), atol=1e-5, rtol=0)


def test_a_grey_pair_gives_a_grey_result_whatever_the_weights_are(network):
    grey = pattern(32, 48, 1, 2.2)
    fused = network(pattern(32, 48, 1, 0.8), grey.expand(-1, 3, -1, -1))
    assert (fused.amax(1) - fused.amin(1)).max() < 1e-4
    coloured = network(pattern(32, 48, 1, 0.8), pattern(32, 48, 3, 2.2))
    assert (coloured.amax(1) - coloured.amin(1)).max() > 0.1


def test_every_size_and_every_batch(network, weights):
    fuse = prepare(LITE, {weights.name: weights})
    ir = torch.cat([pattern(37, 50, 1, p) for p in (0.1, 0.9)])
    vis = torch.cat([pattern(37, 50, 3, p) for p in (0.4, 1.7)])
    fused = fuse(ir, vis)
    assert fused.shape == (2, 3, 37, 50)
    alone = torch.cat([fuse(ir[i : i + 1], vis[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(fused, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(fused, AnySize(network)(ir, vis), atol=1e-6, rtol=0)


def test_the_overview_is_that_of_the_cells():
    ir, vis = pattern(48, 64, 1, 0.8), pattern(48, 64, 3, 2.2)
    cells = torch.cat([ir, vis], 1)[0].numpy().reshape(4, 3, CELL, 4, CELL).mean((2, 4)).reshape(4, -1)
    expected = np.concatenate([cells.mean(1), cells.std(1), cells.min(1), cells.max(1)])
    np.testing.assert_allclose(overview(ir, vis)[0], expected, atol=1e-4)


@pytest.mark.parametrize("suffix", [".ts", ".onnx"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_exported_files_give_what_the_network_gives(network, weights, tmp_path, suffix):
    path = tmp_path / f"lite{suffix}"
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    export_lite(weights, path)
    assert path.stat().st_size < 1_500_000
    for number, height, width in ((1, 64, 80), (2, 37, 51)):
        ir = torch.cat([pattern(height, width, 1, p) for p in range(number)])
        vis = torch.cat([pattern(height, width, 3, p + 0.5) for p in range(number)])
        torch.testing.assert_close(run_file(path, ir, vis), AnySize(network)(ir, vis), atol=1e-5, rtol=0)
    assert str(Path(__file__).parents[3]).encode() not in path.read_bytes()


def run_file(path, ir, vis):
    if path.suffix == ".ts":
        return torch.jit.load(path)(ir, vis)
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return torch.from_numpy(session.run(None, {"ir": ir.numpy(), "vis": vis.numpy()})[0])


def test_an_export_of_another_kind_is_refused_by_name(weights, tmp_path):
    with pytest.raises(ValueError, match=r"lite\.pb: expected a file name that ends in \.ts or \.onnx"):
        export_lite(weights, tmp_path / "lite.pb")
    export({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="does not fit LiteStudent"):
        export_lite(tmp_path / "other.safetensors", tmp_path / "lite.ts")
