"""The batched form degrades like the single one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from degradation.batched import apply_steps_batch, degrade_ir_batch, degrade_vis_batch, usm_sharpen_batch
from degradation.batched_jpeg import jpeg_batch
from degradation.calibration import psnr
from degradation.jpeg import jpeg
from degradation.kernels.sharpening import usm_sharpen
from degradation.random_model import apply_steps, degrade_vis

STEPS = [
    [
        {"operation": "brightness", "factor": 1.23},
        {"operation": "contrast", "factor": 0.77},
        {"operation": "noise", "kind": "color", "sigma": 0},
        {"operation": "blur", "kind": "anisotropic", "size": 13, "variances": [2.1, 0.4], "angle": 0.8},
        {"operation": "jpeg", "quality": 81},
    ],
    [
        {"operation": "contrast", "factor": 0.66},
        {"operation": "blur", "kind": "gaussian", "size": 7, "sigma": 0.9},
        {"operation": "noise", "kind": "gray", "sigma": 0},
        {"operation": "jpeg", "quality": 75},
        {"operation": "jpeg", "quality": 33},
    ],
]


def as_batch(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()


def as_image(batch: Tensor) -> np.ndarray:
    return batch.permute(1, 2, 0).contiguous().numpy()


def test_same_steps_give_the_same_image(vis_float: np.ndarray) -> None:
    images = torch.cat([as_batch(vis_float), as_batch(vis_float[:, ::-1].copy())])
    batch = apply_steps_batch(images, STEPS, noise_seed=0)
    for image, result, steps in zip(images, batch, STEPS, strict=True):
        expected = apply_steps(as_image(image), steps, np.random.default_rng(0))
        difference = np.abs(as_image(result) - expected) * 255
        assert difference.mean() < 0.02  # float rounding before a codec: now and then another level
        assert (difference > 0.5).mean() < 0.02


def test_noise_has_the_strength_of_its_step() -> None:
    flat = torch.full((3, 3, 200, 200), 0.5)
    covariance = [[300.0, 120.0, 40.0], [120.0, 200.0, 90.0], [40.0, 90.0, 150.0]]
    kinds = [
        {"kind": "color", "sigma": 20},
        {"kind": "gray", "sigma": 12},
        {"kind": "correlated", "covariance": covariance},
    ]
    rest = [{"operation": "blur", "kind": "gaussian", "size": 7, "sigma": 1e-3}]
    steps = [[*rest, {"operation": "noise", **kind}] for kind in kinds]
    noise = (apply_steps_batch(flat, steps, noise_seed=1) - 0.5).permute(0, 2, 3, 1).reshape(3, -1, 3).numpy() * 255
    measured = [np.cov(channel.T) for channel in noise]
    assert measured[0] == pytest.approx(400 * np.eye(3), abs=12)
    assert measured[1] == pytest.approx(np.full((3, 3), 144), abs=5)
    assert measured[2] == pytest.approx(np.array(covariance), abs=9)


def test_same_distribution_as_the_single_form(vis_float: np.ndarray) -> None:
    """Strength over draws: the mean PSNR of two independent samples agrees within their standard errors."""
    generator = np.random.default_rng(0)
    clean = (vis_float * 255).astype(np.uint8)
    single = [psnr(clean, np.rint(degrade_vis(vis_float, generator) * 255).astype(np.uint8)) for _ in range(150)]
    batch = degrade_vis_batch(as_batch(vis_float).expand(150, -1, -1, -1), generator)
    batched = [psnr(clean, np.rint(as_image(image) * 255).astype(np.uint8)) for image in batch]
    error = np.hypot(np.std(single), np.std(batched)) / np.sqrt(150)
    assert np.mean(batched) == pytest.approx(np.mean(single), abs=4 * error)
    assert np.std(batched) == pytest.approx(np.std(single), rel=0.3)


def test_every_image_has_its_own_draw(ir_float: np.ndarray) -> None:
    images = as_batch(ir_float).expand(4, -1, -1, -1)
    first, again, other = (degrade_ir_batch(images, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == images.shape
    assert 0 <= first.min() <= first.max() <= 1
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    assert len({image.numpy().tobytes() for image in first}) == 4


@pytest.mark.parametrize("quality", [95, 85, 70, 50, 31, 10])
def test_torch_jpeg_loses_what_the_codec_loses(pair: tuple, quality: int) -> None:
    """Textured, saturated images of odd size: what differs from the codec is far below what both lose."""
    for image in (pair[1], np.repeat(pair[0][..., None], 3, axis=2)[:61, :83]):
        image = np.ascontiguousarray(image)
        codec = jpeg(image, quality)
        ours = as_image(jpeg_batch(as_batch(image).float(), torch.tensor([quality]))[0]).astype(np.uint8)
        assert psnr(image, ours) == pytest.approx(psnr(image, codec), abs=0.05)
        assert psnr(codec, ours) > max(46, psnr(image, codec) + 10)


def test_torch_jpeg_takes_a_quality_per_image(pair: tuple) -> None:
    image = as_batch(pair[1]).float()
    qualities = torch.tensor([80, 20])
    batch = jpeg_batch(image.expand(2, -1, -1, -1), qualities)
    for index in range(2):
        torch.testing.assert_close(batch[index : index + 1], jpeg_batch(image, qualities[index : index + 1]))


def test_usm_matches_the_single_form(vis_float: np.ndarray) -> None:
    difference = np.abs(as_image(usm_sharpen_batch(as_batch(vis_float))[0]) - usm_sharpen(vis_float))
    assert difference.max() < 2e-3  # one pixel at the threshold moves the soft mask by 0.0025
    assert difference.mean() < 1e-5


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 8, 8), "N×3×H×W"),
        (torch.zeros(3, 8, 8), "N×3×H×W"),
        (torch.zeros(1, 3, 1, 1), "at least 8×8"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"),
        (torch.full((1, 3, 8, 8), 2.0), "2 to 2"),
        (torch.full((1, 3, 8, 8), float("nan")), "nan"),
    ],
)
def test_bad_batches_are_refused(images: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        degrade_vis_batch(images, np.random.default_rng(0))
