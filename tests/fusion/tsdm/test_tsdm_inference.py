from __future__ import annotations

import pytest
import torch
from plain_student import plain_student
from reference_run import filled, pattern

from fusion.tsdm.inference import RECEPTIVE_RADIUS, fuse_tiled, fuse_whole, pad_to_windows
from fusion.tsdm.networks.student import Student


@pytest.fixture(scope="module")
def student():
    return filled(Student())


@pytest.mark.parametrize(("size", "padded"), [((16, 24), (24, 32)), ((17, 31), (24, 32)), ((1, 23), (8, 24))])
def test_padding_is_the_papers(size, padded):
    x = pattern(*size, 3, 0.5)
    result = pad_to_windows(x)
    assert result.shape[-2:] == padded
    torch.testing.assert_close(result[..., : size[0], : size[1]], x)
    torch.testing.assert_close(result[..., -1, -1], x[..., -1, -1])


@torch.no_grad()
def test_any_size_gives_the_padded_network_cropped(student):
    ir, vis = pattern(19, 30, 1, 0.8), pattern(19, 30, 3, 2.2)
    plain = plain_student(student.state_dict(), pad_to_windows(ir), pad_to_windows(vis))[..., :19, :30]
    torch.testing.assert_close(fuse_whole(student, ir, vis), plain, atol=1e-4, rtol=0)


def test_no_input_pixel_reaches_further_than_the_stated_radius(student):
    """Input gradients of the output pixels at both ends of a window: the one furthest from its neighbours' far ends."""
    width = 2 * RECEPTIVE_RADIUS + 40
    reach = 0
    for column in (120, 127):
        ir = pattern(8, width, 1, 0.8).requires_grad_()
        student(ir, pattern(8, width, 3, 2.2))[0, 0, 3, column].backward()
        seen = ir.grad[0, 0].abs().amax(0).nonzero().flatten()
        reach = max(reach, column - seen.min().item(), seen.max().item() - column)
    assert reach == 103 < RECEPTIVE_RADIUS


@torch.no_grad()
@pytest.mark.parametrize("blend", [0, 16])
def test_tiles_with_the_full_halo_give_the_whole_image_everywhere(student, blend):
    ir, vis = pattern(21, 340, 1, 0.8), pattern(21, 340, 3, 2.2)
    whole = fuse_whole(student, ir, vis)
    tiled = fuse_tiled(student, ir, vis, tile=264, blend=blend)
    torch.testing.assert_close(tiled, whole, atol=2e-4, rtol=0)


def test_tiles_cover_every_pixel_once_in_sum():
    """With a network that copies its input, blending must give the input back, whatever the tiling."""
    ir, vis = pattern(70, 201, 1, 0.8), pattern(70, 201, 3, 2.2)
    for tile, halo, blend in ((64, 8, 8), (64, 16, 8), (48, 0, 16), (32, 8, 0), (512, 104, 16)):
        tiled = fuse_tiled(lambda ir, vis: vis, ir, vis, tile, halo, blend)
        torch.testing.assert_close(tiled, vis)


def test_a_small_halo_is_close_but_not_equal():
    """The halo matters: without it the windows at a seam see another neighbourhood."""
    student = filled(Student())
    ir, vis = pattern(16, 120, 1, 0.8), pattern(16, 120, 3, 2.2)
    with torch.no_grad():
        whole = fuse_whole(student, ir, vis)
        assert (fuse_tiled(student, ir, vis, tile=64, halo=0, blend=0) - whole).abs().max() > 1e-3


@pytest.mark.parametrize(("tile", "halo", "blend"), [(100, 8, 8), (64, 12, 0), (64, 24, 8), (64, -8, 0)])
def test_impossible_tilings_are_refused(tile, halo, blend):
    with pytest.raises(ValueError, match="multiples of 8 with tile >"):
        fuse_tiled(lambda ir, vis: vis, pattern(16, 16, 1, 0), pattern(16, 16, 3, 0), tile, halo, blend)
