"""The batched form degrades like the single one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from degradation.batched import as_draw, degrade_batch, draw, usm_sharpen_batch
from degradation.batched_jpeg import jpeg_batch
from degradation.jpeg import jpeg
from degradation.kernels.sharpening import usm_sharpen
from degradation.random_model import PAPER, RandomModel, apply_steps, degrade_ir, degrade_vis

SINGLE = {"ir": degrade_ir, "vis": degrade_vis}


def as_batch(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()


def as_image(batch: Tensor) -> np.ndarray:
    return batch.permute(1, 2, 0).contiguous().numpy()


def levels(pair: tuple, modality: str) -> np.ndarray:
    return pair[0][..., None] if modality == "ir" else pair[1]


def drawn(modality: str, images: np.ndarray, seeds: range, model: RandomModel = PAPER) -> tuple[Tensor, list]:
    """One image degraded by many draws, as a batch and one by one."""
    draws = [draw(modality, images.shape[:2], np.random.default_rng(seed), model) for seed in seeds]
    batch = degrade_batch(as_batch(images).expand(len(seeds), -1, -1, -1), default_collate(draws))
    single = [SINGLE[modality](images.astype(np.float32) / 255, np.random.default_rng(seed), model) for seed in seeds]
    return batch, single


@pytest.mark.parametrize("modality", ["ir", "vis"])
def test_a_batch_is_degraded_as_its_images_one_by_one(pair: tuple, modality: str) -> None:
    """Same draws, same pixels; a level that is rounded otherwise before JPEG may change the 8×8 block around it."""
    batch, single = drawn(modality, levels(pair, modality), range(40))
    assert batch.dtype == torch.float32
    assert 0 <= batch.min() <= batch.max() <= 1
    difference = np.abs(np.stack([as_image(image) for image in batch]) - np.stack(single)).max(axis=-1) * 255
    assert (difference > 1).mean() <= 1e-3
    assert (difference > 0.01).mean() <= 1e-3
    assert len({image.numpy().tobytes() for image in batch}) == 40


NOISE = [
    {"kind": "color", "sigma": 20},
    {"kind": "gray", "sigma": 12},
    {"kind": "correlated", "covariance": [[300.0, 120.0, 40.0], [120.0, 200.0, 90.0], [40.0, 90.0, 150.0]]},
]


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: noise["kind"])
@pytest.mark.parametrize("noise_first", [True, False])
@pytest.mark.parametrize("size", [(61, 83), (5, 4)])
def test_without_jpeg_the_forms_differ_by_rounding_alone(
    pair: tuple, noise: dict, noise_first: bool, size: tuple[int, int]
) -> None:
    blur = {"operation": "blur", "kind": "anisotropic", "size": 13, "variances": [2.1, 0.4], "angle": 0.8}
    chain = [{"operation": "noise", **noise}, blur]
    steps = [
        {"operation": "brightness", "factor": 1.23},
        {"operation": "contrast", "factor": 0.77},
        *(chain if noise_first else chain[::-1]),
    ]
    for image in (pair[0][..., None], pair[1]):
        image = np.ascontiguousarray(image[: size[0], : size[1]])
        single = apply_steps(image, steps, np.random.default_rng(3))
        batch = degrade_batch(as_batch(image), default_collate([as_draw(steps, size, np.random.default_rng(3), 15)]))
        difference = np.abs(as_image(batch[0]) - single) * 255
        assert difference.max() < 0.51  # the single form is left unrounded where no JPEG follows


def test_kernels_of_a_model_of_ones_own_are_stacked(pair: tuple) -> None:
    model = RandomModel(kernel_sizes=(3, 21), blur_sigma=4.0, blur_variance=9.0)
    batch, single = drawn("vis", pair[1], range(6), model)
    difference = np.abs(np.stack([as_image(image) for image in batch]) - np.stack(single)) * 255
    assert (difference > 1).mean() <= 1e-2  # OpenCV's transform of a 21×21 kernel rounds more
    assert difference.mean() < 0.05


@pytest.mark.parametrize("quality", [100, 95, 75, 51, 50, 31, 10, 1])
@pytest.mark.parametrize("size", [(96, 128), (61, 83), (18, 33), (7, 4), (1, 1)])
def test_torch_jpeg_is_the_codec(pair: tuple, quality: int, size: tuple[int, int]) -> None:
    """Textured, saturated and random images whose sides fill blocks or do not."""
    random = np.random.default_rng(quality).integers(0, 256, (*size, 3), dtype=np.uint8)
    grey = np.repeat(pair[0][..., None], 3, axis=2)
    for image in (random, pair[1][: size[0], : size[1]], grey[: size[0], : size[1]]):
        image = np.ascontiguousarray(image)
        ours = as_image(jpeg_batch(as_batch(image).float(), torch.tensor([quality]))[0])
        np.testing.assert_array_equal(ours, jpeg(image, quality))


def test_torch_jpeg_takes_a_quality_per_image(pair: tuple) -> None:
    image = as_batch(pair[1]).float()
    qualities = torch.tensor([80, 20])
    batch = jpeg_batch(image.expand(2, -1, -1, -1), qualities)
    for index in range(2):
        torch.testing.assert_close(batch[index : index + 1], jpeg_batch(image, qualities[index : index + 1]))


@pytest.mark.parametrize("size", [(96, 128), (16, 20)])
def test_usm_matches_the_single_form(vis_float: np.ndarray, size: tuple[int, int]) -> None:
    image = np.ascontiguousarray(vis_float[: size[0], : size[1]])
    difference = np.abs(as_image(usm_sharpen_batch(as_batch(image))[0]) - usm_sharpen(image))
    assert difference.max() < 2e-3  # one pixel at the threshold moves the soft mask by 0.0025
    assert difference.mean() < 1e-5


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 2, 8, 8, dtype=torch.uint8), "expected uint8 N×1×H×W or N×3×H×W"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "expected uint8"),
        (torch.zeros(1, 3, 8, 8), "float32"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), r"noise of shape \(2, 3, 8, 8\), got \(1, 3, 8, 8\)"),
        (torch.zeros(1, 3, 9, 8, dtype=torch.uint8), r"noise of shape \(1, 3, 9, 8\)"),
    ],
)
def test_bad_batches_are_refused(images: Tensor, message: str) -> None:
    draws = default_collate([draw("vis", (8, 8), np.random.default_rng(0))])
    with pytest.raises(ValueError, match=message):
        degrade_batch(images, draws)
