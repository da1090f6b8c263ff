"""Methods that are Python functions, and the check of what they return."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch

from fusion.external import parse
from fusion.method import prepare

MODULE = """
    import numpy as np
    import torch

    from fusion.method import Method

    def mean(ir, vis):
        return (ir + vis) / 2

    def numpy_maximum(ir, vis):
        return torch.from_numpy(np.maximum(ir.cpu().numpy(), vis.cpu().numpy()))

    def luma_maximum(ir, y):
        assert y.shape[1] == 1
        return torch.maximum(ir, y)

    def eight_bits(ir, vis):
        return vis * 255

    def tanh(ir, vis):
        return (ir + vis) - 1

    def negative(ir, vis):
        return -0.05 - 0.05 * vis

    def standardised(ir, vis):
        return (vis - vis.mean()) / vis.std()

    def divided_twice(ir, vis):
        return vis / 255

    def overshooting(ir, vis):
        return vis + 0.09 * torch.sign(vis - 0.5)

    def black(ir, vis):
        return vis * 0

    def not_a_number(ir, vis):
        return torch.where(vis == vis.max(), float("nan"), vis)

    def infinite(ir, vis):
        return 1 / (vis - vis.min())

    def two_channels(ir, vis):
        return vis[:, :2]

    def turned(ir, vis):
        return vis.transpose(2, 3)

    def smaller(ir, vis):
        return vis[..., 1:, 1:]

    def without_batch(ir, vis):
        return vis[0]

    def integers(ir, vis):
        return (vis * 255).to(torch.uint8)

    def not_a_tensor(ir, vis):
        return vis.numpy()

    class Blend(torch.nn.Module):
        def forward(self, ir, vis):
            return 0.5 * ir + 0.5 * vis

    blend = Blend()

    CARD = Method(
        name="card", title="Card", kind="external", description="", source="", load=lambda weights, device: mean
    )
    TANH_CARD = Method(
        name="card", title="Card", kind="learned", description="", source="", load=lambda weights, device: tanh
    )
"""


@pytest.fixture
def module(tmp_path) -> Path:
    path = tmp_path / "own_fusion.py"
    path.write_text(textwrap.dedent(MODULE))
    return path


def test_python_function_by_file_and_by_module(module, pair, monkeypatch):
    by_file = parse(f"{module}:mean")
    assert by_file.name == "mean"
    torch.testing.assert_close(prepare(by_file)(*pair), (pair[0] + pair[1]) / 2)
    monkeypatch.syspath_prepend(module.parent)
    for spec in ("own_fusion:mean", "python:own_fusion:mean"):
        torch.testing.assert_close(prepare(parse(spec))(*pair), (pair[0] + pair[1]) / 2)


def test_python_function_with_numpy_and_with_luma(module, pair):
    torch.testing.assert_close(prepare(parse(f"{module}:numpy_maximum"))(*pair), torch.maximum(*pair))
    fused = prepare(parse(f"{module}:luma_maximum?luma=1"))(*pair)
    assert fused.shape == pair[1].shape


def test_python_module_instance_and_method_card(module, pair):
    torch.testing.assert_close(prepare(parse(f"{module}:blend"))(*pair), (pair[0] + pair[1]) / 2)
    assert parse(f"{module}:CARD").name == "card"
    assert parse(f"mine={module}:CARD").name == "mine"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("eight_bits", r"values from .* to 25\d.*; expected \[0, 1\] \(divide 8-bit values by 255\)"),
        ("tanh", r"values from -\d.*; expected \[0, 1\], \d+% of them are more than 0\.1 outside .*\(x \+ 1\) / 2"),
        ("TANH_CARD", r"values from -\d.*; expected \[0, 1\]"),
        ("negative", r"values from -0\.\d+ to -0\.\d+; expected \[0, 1\]"),
        ("standardised", r"expected \[0, 1\], \d+% of them"),
        ("divided_twice", r"something brighter than 1/255 \(is it divided by 255 twice\?\)"),
        ("not_a_number", "values that are not finite"),
        ("infinite", "values that are not finite"),
        ("two_channels", r"must be 1×1×20×28 or 1×3×20×28 .*got 1×2×20×28"),
        ("turned", r"got 1×3×28×20"),
        ("smaller", r"got 1×3×19×27"),
        ("without_batch", r"got 3×20×28"),
        ("integers", "expected a float tensor .* got torch.uint8 tensor"),
        ("not_a_tensor", "expected a float tensor .* got ndarray"),
    ],
)
def test_python_result_on_another_scale_or_type_is_refused(module, pair, function, message):
    with pytest.raises(ValueError, match=message):
        prepare(parse(f"{module}:{function}"))(*pair)


@pytest.mark.parametrize("function", ["overshooting", "black"])
def test_a_small_overshoot_is_clamped_and_black_is_an_image(module, pair, function):
    fused = prepare(parse(f"{module}:{function}"))(*pair)
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_one_image_of_a_batch_on_another_scale_is_enough(module, pair):
    ir, vis = torch.cat([pair[0] * 0 + 1, pair[0]]), torch.cat([pair[1], pair[1]])
    with pytest.raises(ValueError, match=r"values from -\d"):
        prepare(parse(f"{module}:tanh"))(ir, vis)


def test_python_file_that_fails_to_import_is_told(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('missing weights')")
    with pytest.raises(ValueError, match=r"cannot import .*broken.py .*RuntimeError: missing weights"):
        parse(f"{tmp_path}/broken.py:fuse")
