"""What holds for every learned baseline."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy.io import loadmat
from torch import Tensor

from fusion.learned import mufusion, single_token_transformer
from fusion.learned.saving import stretched, truncated
from tsdm_bench.weights.state import load_state
from tsdm_bench.weights.tensor_bundle import read_tensor_bundle

BUFFERS = ("running_", "relative_positions", "invconv.p", "invconv.sign_s")
"""What training moves by no gradient."""


def random_pair(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(count, channels, height, width, generator=generator) for channels in (1, 3))


def trained_values(state: dict) -> int:
    """Number of values of a state dict that training moves by gradients (no running statistics, no counters)."""
    return sum(
        trained_values(value)
        if isinstance(value, dict)
        else value.numel() * (value.is_floating_point() and not any(buffer in key for buffer in BUFFERS))
        for key, value in state.items()
        if isinstance(value, (dict, Tensor)) and not stored_twice(key, state)
    )


def stored_twice(key: str, state: dict) -> bool:
    """ReFusion's file has every kernel under two names."""
    return key.endswith(".conv.weight") and key.replace(".conv.weight", ".weight") in state


def test_parameters_of_the_card_are_those_of_the_files(method, paths):
    counted, located = 0, paths(method)
    for file, path in located.items():
        if file.endswith(".index"):
            counted += sum(x.size for x in read_tensor_bundle(path, located[file.replace(".index", ".data")]).values())
        elif file.endswith(".npy"):
            counted += 16**4
        elif file.endswith(".mat"):
            counted += loadmat(path)["centroid"].size
        elif not file.endswith(".data"):
            state = load_state(path)
            counted += trained_values(state.get("state_dict", state))  # a checkpoint also holds its optimiser
    assert counted == method.parameters


def test_card_is_complete(method):
    assert method.kind == "learned"
    assert method.year
    assert method.venue
    assert "github.com/" in method.source
    assert method.weights


def test_any_size_and_batch_equals_loop(method, prepared):
    ir, vis = random_pair(2, 61, 75)
    fuse = prepared(method)
    batch = fuse(ir, vis)
    loop = torch.cat([fuse(ir[i : i + 1], vis[i : i + 1]) for i in range(2)])
    assert batch.shape == vis.shape
    assert batch.isfinite().all()
    assert batch.std() > 0.01
    assert_same(batch, loop)


def assert_same(batch: Tensor, loop: Tensor) -> None:
    """Equal within 1e-4, or within one grey level on at most 0.1 % of the values of an image in whole levels.

    Sums of another order, as other processors and batch sizes have them, may fall on the other side of a rounding.
    """
    differs = (batch - loop).abs()
    levels = batch * 255
    if (levels - levels.round()).abs().max() < 1e-3:
        assert (differs > 1e-4).double().mean() <= 1e-3
        assert differs.max() <= 1 / 255 + 1e-4
    else:
        assert differs.max() <= 1e-4


def test_whole_levels_may_differ_by_one_on_a_thousandth_of_the_values():
    image = torch.arange(4000).remainder(250).view(1, 1, 40, 100) / 255
    other = image.clone()
    other[0, 0, 0, :4] += 1 / 255
    assert_same(image, other)
    other[0, 0, 0, 4] += 1 / 255
    with pytest.raises(AssertionError):
        assert_same(image, other)
    with pytest.raises(AssertionError):
        assert_same(image, image + torch.eye(40, 100) * 2 / 255)
    with pytest.raises(AssertionError):
        assert_same(image / 2, image / 2 + torch.eye(40, 100) / 255)


def test_tokens_do_not_see_each_other(paths, methods, monkeypatch):
    method = methods["datfuse"]
    state = load_state(paths(method)["DATFuse.pth"])
    x = torch.rand(1, 16, 20, 30)
    whole = single_token_transformer.transform(x, state)
    monkeypatch.setattr(single_token_transformer, "TOKENS_AT_ONCE", 7)
    torch.testing.assert_close(single_token_transformer.transform(x, state), whole)


def test_stretched_uses_the_range_of_each_image():
    x = torch.tensor([[0.2, 0.4], [0.0, 0.8]]).view(2, 1, 1, 2)
    torch.testing.assert_close(stretched(x).flatten(), torch.tensor([0.0, 1.0, 0.0, 1.0]))
    assert stretched(torch.full((1, 1, 2, 2), 0.3)).eq(0).all()


def test_truncated_keeps_what_a_cast_to_uint8_keeps():
    x = torch.rand(1000)
    torch.testing.assert_close((truncated(x) * 255).round().to(torch.uint8), (x * 255).to(torch.uint8))


def test_official_patches_of_mufusion_cover_the_image():
    assert mufusion._starts(128) == [0]
    assert mufusion._starts(60) == [0]
    assert mufusion._starts(130) == [0, 2]
    assert mufusion._starts(252) == [0, 124]
    assert mufusion._starts(768) == [0, 124, 248, 372, 496, 620, 640]


def test_official_patches_of_mufusion_are_the_network_where_one_patch_covers_the_image(paths, methods):
    ir, vis = random_pair(1, 100, 128)
    whole, patches = (
        methods[name].load(paths(methods[name]), torch.device("cpu")) for name in ("mufusion", "mufusion_official")
    )
    torch.testing.assert_close(patches(ir, vis[:, :1]), whole(ir, vis[:, :1]))


def test_official_lutfuse_fuses_at_multiples_of_16(prepared, methods):
    """The way there and back is compared with OpenCV's bilinear resizing."""
    ir, vis = random_pair(1, 75, 101)
    smaller = [torch.from_numpy(np.atleast_3d(resized(x, 96, 64)).transpose(2, 0, 1))[None] for x in (ir, vis)]
    expected = resized(prepared(methods["lutfuse"])(*smaller), 101, 75)
    official = prepared(methods["lutfuse_official"])(ir, vis)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(official, expected, rtol=0, atol=1e-4)


def resized(image: Tensor, width: int, height: int) -> np.ndarray:
    return cv2.resize(image[0].permute(1, 2, 0).contiguous().numpy(), (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (9, 20)])
def test_official_lutfuse_leaves_multiples_of_16_alone_and_takes_any_size(prepared, methods, height, width):
    ir, vis = random_pair(1, height, width)
    fused = prepared(methods["lutfuse_official"])(ir, vis)
    assert fused.shape == vis.shape
    if height % 16 == 0:
        assert torch.equal(fused, prepared(methods["lutfuse"])(ir, vis))


def test_lrrnet_leaves_the_number_of_threads_as_it_was(prepared, methods):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        prepared(methods["lrrnet"])(*random_pair(1, 20, 30))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
