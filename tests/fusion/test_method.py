"""The common protocol around a method: colour, padding, keys and what is refused."""

from __future__ import annotations

import cv2
import kornia
import numpy as np
import pytest
import torch

from fusion.method import Method, prepare, rgb_to_ycbcr, ycbcr_to_rgb


def card(core, **fields) -> Method:
    defaults = {"name": "own", "title": "Own", "kind": "external", "description": "", "source": ""}
    return Method(**defaults | fields, load=lambda weights, device: core)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 1, 10, 13, generator=generator), torch.rand(2, 3, 10, 13, generator=generator)


def test_luma_and_chroma_equal_kornia(pair):
    expected = kornia.color.rgb_to_ycbcr(pair[1])
    torch.testing.assert_close(torch.cat(rgb_to_ycbcr(pair[1]), dim=1), expected, atol=1e-6, rtol=0)


def test_luma_equals_opencv_to_a_grey_level():
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    luma = rgb_to_ycbcr(torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255)[0][0, 0].numpy() * 255
    np.testing.assert_allclose(luma, cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 0], atol=0.51)


def test_colour_round_trip(pair):
    torch.testing.assert_close(ycbcr_to_rgb(*rgb_to_ycbcr(pair[1])), pair[1], atol=2e-3, rtol=0)


def test_luma_method_that_returns_the_visible_luma_gives_the_visible_image(pair):
    fuse = prepare(card(lambda ir, y: y, luma=True))
    torch.testing.assert_close(fuse(*pair), pair[1], atol=2e-3, rtol=0)


def test_luma_method_keeps_the_chroma_of_the_visible_image(pair):
    ir, vis = pair[0], 0.4 + 0.2 * pair[1]  # colours that no clamp touches
    fused = prepare(card(lambda ir, y: 0.5 * y + 0.25, luma=True))(ir, vis)
    for got, expected in zip(rgb_to_ycbcr(fused)[1:], rgb_to_ycbcr(vis)[1:], strict=True):
        torch.testing.assert_close(got, expected, atol=2e-3, rtol=0)


def test_sizes_are_padded_to_the_multiple_by_replication_and_cropped_back(pair):
    seen = []

    def core(ir, vis):
        seen.append((ir, vis))
        return vis

    fused = prepare(card(core, multiple=8))(*pair)
    assert seen[0][0].shape == (2, 1, 16, 16)
    assert seen[0][1].shape == (2, 3, 16, 16)
    assert torch.equal(seen[0][0][..., :10, 15], pair[0][..., 12])
    assert torch.equal(fused, pair[1])


def test_grey_result_becomes_rgb_within_bounds(pair):
    fused = prepare(card(lambda ir, vis: 3 * ir - 1))(*pair)
    assert fused.shape == (2, 3, 10, 13)
    assert torch.equal(fused[:, 0], fused[:, 2])
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_keyed_method_receives_the_key(pair):
    fuse = prepare(card(lambda ir, vis, key: ir * key["severity"], keyed=True))
    assert torch.equal(fuse(*pair, {"severity": 0}), torch.zeros(2, 3, 10, 13))


@pytest.mark.parametrize("shape", [(2, 3, 10, 12), (2, 1, 10, 13), (3, 10, 13)])
def test_pair_that_does_not_match_is_named(pair, shape):
    with pytest.raises(ValueError, match=r"own: expected ir N×1×H×W and vis N×3×H×W of one size, got"):
        prepare(card(lambda ir, vis: vis))(pair[0], torch.zeros(shape))
