"""Patches of whole images: targets made once, and brightness and contrast as a test changes them."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from degradation.mixture import Part, draw_mixed_steps
from degradation.photometry import contrast
from degradation.random_model import RandomModel
from fusion.method import rgb_to_ycbcr
from fusion.tsdm.networks.lite import overview
from fusion.tsdm.training.config import StudentConfig
from fusion.tsdm.training.whole_images import WholeImagePatches, fused_target, reduced

FLAT = RandomModel(contrast_ir=(0.5, 0.5), contrast_vis=(0.5, 0.5), brightness_probability_vis=0)
CLEAN = ({"share": 1, "step_probability": 0},)


def image(number: int, height: int = 96, width: int = 128) -> SimpleNamespace:
    noise = np.random.default_rng(number).integers(0, 256, (height, width, 4), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4).astype(np.float32)
    smooth = ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)
    return SimpleNamespace(image=str(number), read=lambda: (smooth[..., 0].copy(), smooth[..., 1:].copy()))


def average(ir, y):
    return (ir + y) / 2


def patches(tmp_path, pairs, teacher=average, variety=CLEAN, **data) -> WholeImagePatches:
    fields = {"sources": ("test",), "patch": (32, 48), "crops_per_pair": 4, "whole_images": True} | data
    config = StudentConfig(
        data=fields, sharpen=False, variety=variety, degradation=FLAT, loss={"adversarial_weight": 0}
    )
    return WholeImagePatches(pairs, config, teacher, "average", tmp_path / "targets")


def test_a_clean_patch_has_its_part_of_the_target(tmp_path):
    items = patches(tmp_path, [image(0)], flips=True, permute_colours=True, smallest_scale=0.5)
    for number in range(4):
        item = items[1, number]
        assert item["seen_ir"].shape == (1, 32, 48)
        y = rgb_to_ycbcr(item["target"][None])[0][0]
        expected = (item["seen_ir"] + rgb_to_ycbcr(item["seen_vis"][None])[0][0]) / 2
        unclipped = (item["target"].amin(0) > 0.01) & (item["target"].amax(0) < 0.99)
        assert (y - expected)[0][unclipped].abs().max() < 2.5 / 255


def test_the_teacher_is_asked_once_a_pair(tmp_path):
    asked = []

    def teacher(ir, y):
        asked.append(1)
        return average(ir, y)

    first = patches(tmp_path, [image(0), image(1)], teacher)
    again = patches(tmp_path, [image(1), image(0)], teacher)
    assert len(asked) == 2
    np.testing.assert_array_equal(first.images[0][2], again.images[1][2])
    patches(tmp_path, [image(2)], teacher)
    assert len(asked) == 3


def test_contrast_pulls_a_patch_towards_the_mean_of_its_whole_image(tmp_path):
    only_contrast = FLAT.model_copy(update={"noise_sigma": (0, 0), "blur_sigma": 0.01, "anisotropic_probability": 0})
    only_contrast = only_contrast.model_copy(update={"jpeg_quality": (100, 100), "second_jpeg_probability": 0})
    only_contrast = only_contrast.model_copy(update={"color_noise_probability": 1, "gray_noise_probability": 0})
    items = patches(tmp_path, [image(0)], variety=({"share": 1, "model": only_contrast.model_dump()},))
    ir, vis = image(0).read()
    whole = contrast(ir[..., None], 0.5)[..., 0]
    found = cv2.matchTemplate(whole, (items[1, 0]["seen_ir"][0].numpy() * 255).round().astype(np.uint8), cv2.TM_SQDIFF)
    assert np.sqrt(found.min() / (32 * 48)) < 1.5
    cells = torch.from_numpy(np.dstack([whole, contrast(vis, 0.5)])).permute(2, 0, 1)[None].float() / 255
    torch.testing.assert_close(items[1, 0]["overview"], overview(cells[:, :1], cells[:, 1:])[0], atol=0.012, rtol=0)


def test_a_scene_of_less_contrast_has_a_target_of_less_contrast(tmp_path):
    half, whole = (patches(tmp_path, [image(0)], scene_contrast=(each, each))[1, 0] for each in (0.5, 1.0))
    for name in ("seen_ir", "seen_vis", "target"):
        spread = (half[name].std() / whole[name].std()).item()
        assert spread == pytest.approx(0.5, abs=0.02), name
    y = rgb_to_ycbcr(half["target"][None])[0][0]
    expected = (half["seen_ir"] + rgb_to_ycbcr(half["seen_vis"][None])[0][0]) / 2
    assert (y - expected).abs().max() < 3 / 255
    deviations = [item["overview"].view(4, 4)[1] for item in (half, whole)]
    torch.testing.assert_close(deviations[0], deviations[1] / 2, atol=0.01, rtol=0)


def test_grey_patches_have_grey_targets(tmp_path):
    for number, item in enumerate(patches(tmp_path, [image(0)], grey_probability=1)[1, n] for n in range(2)):
        for name in ("seen_vis", "target"):
            assert (item[name].amax(0) == item[name].amin(0)).all(), (number, name)
        red, green, blue = item["overview"].view(4, 4)[:, 1:].unbind(1)
        torch.testing.assert_close(red, green)
        torch.testing.assert_close(red, blue)


def test_sharpened_sources_make_other_targets(tmp_path):
    ir, vis = image(0).read()
    plain, sharp = (fused_target(ir, vis, sharpen, average, "average", tmp_path) for sharpen in (False, True))
    assert sharp.std() > plain.std() + 2


def test_large_images_are_shrunk_and_small_ones_enlarged(tmp_path):
    assert reduced(np.zeros((100, 200, 3), np.uint8), 50).shape == (25, 50, 3)
    assert reduced(np.zeros((100, 200), np.uint8), None).shape == (100, 200)
    item = patches(tmp_path, [image(0, 24, 40)], smallest_scale=0.5)[1, 0]
    assert item["target"].shape == (3, 32, 48)


def test_the_same_draws_whatever_was_drawn_before(tmp_path):
    variety = ({"share": 0.5, "step_probability": 0.5},)
    one, other = (patches(tmp_path, [image(0), image(1)], variety=variety) for _ in range(2))
    for number in (5, 0, 3):
        item = other[2, number]
    for name, value in one[2, 3].items():
        torch.testing.assert_close(value, item[name], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"sources": ["a"], "grey_probability": 0.1}}, "data.grey_probability needs data.whole_images: true"),
        ({"sharpen": False}, "variety and sharpen: false need data.whole_images: true"),
        ({"variety": [{"share": 0.6}, {"share": 0.5}]}, "the shares sum to more than 1"),
    ],
)
def test_settings_that_do_not_fit_say_why(changes, message):
    with pytest.raises(ValueError, match=message):
        StudentConfig(**{"data": {"sources": ["a"]}} | changes)


def test_parts_have_their_shares():
    parts = [Part(share=0.25, step_probability=0), Part(share=0.25, model=FLAT)]
    generator = np.random.default_rng(0)
    drawn = [draw_mixed_steps("ir", generator, parts) for _ in range(2000)]
    factors = [next((step["factor"] for step in steps if step["operation"] == "contrast"), None) for steps in drawn]
    assert factors.count(None) == pytest.approx(500, abs=60)
    assert factors.count(0.5) == pytest.approx(500, abs=60)
    assert all(0.6 <= factor <= 0.8 for factor in factors if factor not in (None, 0.5))
