"""Single operations against the outputs of the authors' release, PIL and scipy."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import ndimage

from degradation.jpeg import jpeg
from degradation.kernels.blur import anisotropic_kernel, convolve, gaussian_kernel, motion_kernel
from degradation.kernels.sharpening import usm_sharpen
from degradation.photometry import brightness, contrast, to_float, to_uint8


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden_dir / "tsdm_reference.npz"))


def assert_levels_agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """±1 level on at most 1 % of the samples."""
    difference = np.abs(ours.astype(int) - theirs)
    assert ours.dtype == np.uint8
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.01


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_brightness_matches_the_release(golden: dict, factor: float) -> None:
    assert_levels_agree(brightness(golden["op_input_u8"], factor), golden[f"op_brightness_{factor}"])


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.4])
def test_contrast_matches_the_release(golden: dict, factor: float) -> None:
    assert_levels_agree(contrast(golden["op_input_u8"], factor), golden[f"op_contrast_{factor}"])


@pytest.mark.parametrize("quality", [85, 60, 35, 10])
def test_jpeg_matches_the_release(golden: dict, quality: int) -> None:
    assert_levels_agree(jpeg(golden["op_input_u8"], quality), golden[f"op_jpeg_q{quality}"])


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("aniso_k7_t0.4_l1.2_2.7", anisotropic_kernel(7, 0.4, 1.2, 2.7)),
        ("aniso_k13_t2.0_l0.5_2.9", anisotropic_kernel(13, 2.0, 0.5, 2.9)),
        ("iso_k7_s0.6", gaussian_kernel(7, 0.6)),
        ("iso_k11_s1.1", gaussian_kernel(11, 1.1)),
    ],
)
def test_blur_matches_the_release(golden: dict, name: str, kernel: np.ndarray) -> None:
    np.testing.assert_allclose(kernel, golden[f"kernel_{name}"], atol=1e-12)
    kind, size = name.split("_")[:2]
    blurred = convolve(to_float(golden["op_input_u8"]), kernel)
    np.testing.assert_allclose(blurred, golden[f"op_blur_{kind}_{size}"], atol=1e-5)


def test_usm_matches_the_release(golden: dict) -> None:
    sharp = usm_sharpen(to_float(golden["op_input_u8"]))
    np.testing.assert_allclose(sharp, golden["op_usm_r50_w05_t10"], atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.31, 0.5, 0.77, 1.0, 1.21, 1.5, 2.4])
def test_brightness_and_contrast_match_pil(pair: tuple, factor: float) -> None:
    for image in (pair[1], pair[0]):
        source = Image.fromarray(image)
        ours = image if image.ndim == 3 else image[..., None]
        for operation, enhance in ((brightness, ImageEnhance.Brightness), (contrast, ImageEnhance.Contrast)):
            expected = np.asarray(enhance(source).enhance(factor)).reshape(ours.shape)
            assert_levels_agree(operation(ours, factor), expected)


@pytest.mark.parametrize("quality", [1, 30, 69, 70, 89, 100])
def test_jpeg_matches_pil(pair: tuple, quality: int) -> None:
    for image in (pair[1], pair[0], pair[1][:37, :51]):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        ours = jpeg(image.reshape(*image.shape[:2], -1), quality)
        assert_levels_agree(ours, np.asarray(Image.open(stream)).reshape(ours.shape))


def test_grey_jpeg_loses_what_its_replication_loses(pair: tuple) -> None:
    grey = pair[0][..., None]
    for quality in (35, 80):
        replicated = jpeg(np.ascontiguousarray(np.repeat(grey, 3, axis=2)), quality)
        np.testing.assert_array_equal(replicated, np.repeat(jpeg(grey, quality), 3, axis=2))


@pytest.mark.parametrize(
    "kernel",
    [gaussian_kernel(size, 1.2) for size in (7, 9, 11, 13)]
    + [anisotropic_kernel(size, 0.9, 3.0, variance) for size in (7, 11, 13, 19) for variance in (2.4, 0.3, 1e-9)]
    + [motion_kernel(length, 0.5) for length in (1.0, 6.5, 20.0)],
)
def test_convolution_matches_scipy(vis_float: np.ndarray, ir_float: np.ndarray, kernel: np.ndarray) -> None:
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    assert kernel.sum() == pytest.approx(1)
    for image in (vis_float, ir_float):
        expected = ndimage.convolve(image.astype(np.float64), kernel[..., None], mode="mirror")
        np.testing.assert_allclose(convolve(image, kernel), expected, atol=1e-5)


def test_no_variance_is_no_blur(vis_float: np.ndarray) -> None:
    np.testing.assert_allclose(convolve(vis_float, gaussian_kernel(13, 1e-6)), vis_float, atol=1e-6)
    np.testing.assert_allclose(convolve(vis_float, anisotropic_kernel(7, 1.0, 0.0, 0.0)), vis_float, atol=1e-6)


def test_anisotropic_kernel_has_its_covariance() -> None:
    angle, along, across = 0.7, 2.0, 0.9
    kernel = anisotropic_kernel(25, angle, along, across)
    axis = np.arange(25) - 12
    x, y = np.meshgrid(axis, axis)
    covariance = np.array([[np.sum(kernel * a * b) for a in (x, y)] for b in (x, y)])
    direction = np.array([np.cos(angle), np.sin(angle)])
    normal = np.array([-np.sin(angle), np.cos(angle)])
    assert direction @ covariance @ direction == pytest.approx(along, rel=1e-3)
    assert normal @ covariance @ normal == pytest.approx(across, rel=1e-3)


def test_motion_kernel_is_a_line_of_its_length() -> None:
    kernel = motion_kernel(12.0, 0.0)
    row = kernel[kernel.shape[0] // 2]
    assert row.sum() == pytest.approx(1)
    assert (row > 0.04).sum() == pytest.approx(12, abs=1)


def test_usm_leaves_a_flat_image_alone() -> None:
    flat = np.full((60, 70, 3), 0.4, np.float32)
    np.testing.assert_allclose(usm_sharpen(flat), flat, atol=1e-6)


def test_quantisation_rounds_half_to_even_and_returns() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_uint8(to_float(levels)), levels)
    halves = (np.arange(0, 8, dtype=np.float32) + 0.5) / 255
    np.testing.assert_array_equal(
        to_uint8(halves.reshape(1, 8, 1)).ravel(), np.rint(halves * np.float32(255)).astype(np.uint8)
    )
    assert to_uint8(np.full((2, 2, 1), 126.5 / 255, np.float32))[0, 0, 0] == 126
