"""The random model has the distributions, the order and the rounding of the paper."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from degradation.photometry import to_float, to_uint8
from degradation.random_model import PAPER, RandomModel, apply_steps, degrade_ir, degrade_vis, draw_steps
from tsdm_bench.errors import UsageError

DRAWS = 4000


@pytest.fixture(scope="module", params=["ir", "vis"])
def draws(request: pytest.FixtureRequest) -> tuple[str, list[list[dict]]]:
    generator = np.random.default_rng(2024)
    return request.param, [draw_steps(request.param, generator) for _ in range(DRAWS)]


def collect(steps: list[list[dict]], operation: str) -> list[dict]:
    return [step for item in steps for step in item if step["operation"] == operation]


def assert_share(count: int, total: int, probability: float) -> None:
    assert count / total == pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / total))


def assert_uniform(values: list[float], low: float, high: float) -> None:
    assert low <= min(values)
    assert max(values) <= high
    assert stats.kstest(values, "uniform", args=(low, high - low)).pvalue > 1e-3


def assert_whole_numbers(values: list[int], low: int, high: int) -> None:
    numbers, counts = np.unique(values, return_counts=True)
    np.testing.assert_array_equal(numbers, np.arange(low, high + 1))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_order_of_the_steps(draws: tuple) -> None:
    noise_first = 0
    for item in draws[1]:
        names = [step["operation"] for step in item if step["operation"] != "brightness"]
        assert names[0] == "contrast"
        assert sorted(names[1:3]) == ["blur", "noise"]
        assert names[3:] in (["jpeg"], ["jpeg", "jpeg"])
        assert item[0]["operation"] in ("brightness", "contrast")
        noise_first += names[1] == "noise"
    assert_share(noise_first, DRAWS, 0.5)


def test_brightness_and_contrast(draws: tuple) -> None:
    modality, steps = draws
    brightness = [step["factor"] for step in collect(steps, "brightness")]
    contrast = [step["factor"] for step in collect(steps, "contrast")]
    assert len(contrast) == DRAWS
    if modality == "ir":
        assert brightness == []
        assert_uniform(contrast, 0.6, 0.8)
    else:
        assert_share(len(brightness), DRAWS, 0.3)
        assert_uniform(brightness, 0.5, 1.5)
        assert_uniform(contrast, 0.7, 0.9)


def test_noise(draws: tuple) -> None:
    noise = collect(draws[1], "noise")
    kinds = [step["kind"] for step in noise]
    for kind, probability in (("color", 0.4), ("gray", 0.4), ("correlated", 0.2)):
        assert_share(kinds.count(kind), DRAWS, probability)
    assert_whole_numbers([step["sigma"] for step in noise if "sigma" in step], 2, 20)
    covariances = np.array([step["covariance"] for step in noise if "covariance" in step])
    assert np.trace(covariances, axis1=1, axis2=2).mean() / 3 == pytest.approx(200, rel=0.05)  # L = 20, not the level


def test_blur(draws: tuple) -> None:
    blur = collect(draws[1], "blur")
    sizes, counts = np.unique([step["size"] for step in blur], return_counts=True)
    np.testing.assert_array_equal(sizes, [7, 9, 11, 13])
    assert stats.chisquare(counts).pvalue > 1e-3
    anisotropic = [step for step in blur if step["kind"] == "anisotropic"]
    assert_share(len(anisotropic), DRAWS, 0.5)
    assert_uniform([variance for step in anisotropic for variance in step["variances"]], 0, 3)
    assert_uniform([step["angle"] for step in anisotropic], 0, math.pi)
    assert_uniform([step["sigma"] for step in blur if step["kind"] == "gaussian"], 0, 1.2)


def test_jpeg(draws: tuple) -> None:
    qualities = [[step["quality"] for step in item if step["operation"] == "jpeg"] for item in draws[1]]
    assert_whole_numbers([quality[0] for quality in qualities], 70, 89)
    second = [quality[1] for quality in qualities if len(quality) == 2]
    assert_share(len(second), DRAWS, 0.5)
    assert_whole_numbers(second, 30, 69)


def test_steps_are_json(draws: tuple) -> None:
    assert json.loads(json.dumps(draws[1][:50])) == draws[1][:50]


def test_images_keep_shape_type_and_range(ir_float: np.ndarray, vis_float: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    for degrade, image in ((degrade_ir, ir_float), (degrade_vis, vis_float)):
        before = image.copy()
        for _ in range(60):
            result = degrade(image, generator)
            assert result.shape == image.shape
            assert result.dtype == np.float32
            assert 0 <= result.min() <= result.max() <= 1
            assert not np.array_equal(result, image)
        np.testing.assert_array_equal(image, before)


def test_same_generator_same_image(vis_float: np.ndarray) -> None:
    first, second, other = (degrade_vis(vis_float, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_color_noise_on_infrared_is_the_luma_of_three_channels() -> None:
    flat = np.full((400, 400, 1), 0.5, np.float32)
    step = {"operation": "noise", "kind": "color", "sigma": 20}
    noise = apply_steps(flat, [step], np.random.default_rng(0)) - flat
    assert noise.shape == flat.shape
    assert noise.std() * 255 == pytest.approx(20 * math.sqrt(0.299**2 + 0.587**2 + 0.114**2), rel=0.01)


def test_visible_ends_on_whole_levels(vis_float: np.ndarray) -> None:
    """JPEG is last, so what is seen is an 8-bit image."""
    result = degrade_vis(vis_float, np.random.default_rng(1))
    np.testing.assert_array_equal(to_float(to_uint8(result)), result)


def test_yaml_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("contrast_ir: [0.5, 0.9]\nsecond_jpeg_probability: 0\n")
    model = RandomModel.from_yaml(path)
    assert model.contrast_ir == (0.5, 0.9)
    assert model.noise_sigma == PAPER.noise_sigma
    steps = [draw_steps("ir", np.random.default_rng(seed), model) for seed in range(200)]
    assert all(len(collect([item], "jpeg")) == 1 for item in steps)
    assert max(step["factor"] for step in collect(steps, "contrast")) > 0.8
    path.write_text("")
    assert RandomModel.from_yaml(path) == PAPER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contrast: [0.5, 0.9]", "contrast = .*: no such field; the fields are .*contrast_ir"),
        ("contrast_ir: [0.9, 0.5]", "lower bound ≤ upper bound"),
        ("jpeg_quality: [0, 50]", "greater than or equal to 1"),
        ("color_noise_probability: 1.2", "less than or equal to 1"),
        ("{color_noise_probability: 0.7, gray_noise_probability: 0.7}", "sum to at most 1"),
        ("kernel_sizes: [8]", "odd"),
        ("[1, 2]", "expected a mapping"),
        ("a: b: c", "not valid YAML"),
    ],
)
def test_bad_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        RandomModel.from_yaml(path)


def test_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError):
        PAPER.blur_sigma = 5.0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3), np.uint8), "divide 8-bit images by 255"),
        (np.zeros((8, 8), np.float32), "got shape"),
        (np.zeros((8, 8, 1), np.float32), "got shape"),
        (np.zeros((1, 1, 3), np.float32), "at least 2×2"),
        (np.full((8, 8, 3), np.nan, np.float32), "nan"),
        (np.full((8, 8, 3), 1.5, np.float32), "from 1.5 to 1.5"),
        (np.full((8, 8, 3), -0.5, np.float32), "from -0.5"),
        ([[0.0]], "got list"),
    ],
)
def test_bad_images_are_refused(image: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        degrade_vis(image, np.random.default_rng(0))
