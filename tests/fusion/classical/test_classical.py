"""Classical methods against VIFB's published images, other libraries and the properties that define them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fusion.classical import (
    anisotropic_diffusion,
    feature_extraction,
    fourth_order_pde,
    gradient_transfer,
    guided_filter,
    hybrid_decomposition,
    karhunen_loeve,
    multiresolution_svd,
    multiscale_guided_filter,
    pixelwise,
    pyramid,
    saliency_wls,
    selection,
    sources,
    two_scale,
    wavelet,
)
from fusion.method import Method, prepare

ROOMS = (
    anisotropic_diffusion,
    feature_extraction,
    fourth_order_pde,
    gradient_transfer,
    guided_filter,
    hybrid_decomposition,
    multiresolution_svd,
    multiscale_guided_filter,
    pixelwise,
    pyramid,
    saliency_wls,
    sources,
    two_scale,
    wavelet,
)
METHODS = {card.name: card for room in ROOMS for card in vars(room).values() if isinstance(card, Method)}
CLASSICAL = sorted(name for name, card in METHODS.items() if card.kind == "classical")
IMAGES = "carLight", "fight", "manCar", "man"

# Function, VIFB's folder, least PSNR in dB to its published JPEG on each of the four pairs. MSVD depends on the signs
# that an SVD happens to give, so that "fight" is as far as it is.
PUBLISHED = (
    (guided_filter.gff, "GFF", (38, 38, 38, 38)),
    (two_scale.tif, "TIF", (38, 38, 38, 38)),
    (multiscale_guided_filter.mgff, "MGFF", (38, 38, 38, 38)),
    (fourth_order_pde.fpde, "FPDE", (38, 38, 38, 38)),
    (anisotropic_diffusion.adf, "ADF", (38, 38, 38, 38)),
    (feature_extraction.ifevip, "IFEVIP", (38, 38, 38, 38)),
    (saliency_wls.vsm_wls, "VSMWLS", (38, 38, 38, 38)),
    (hybrid_decomposition.hybrid_msd, "Hybrid_MSD", (37, 37, 37, 37)),
    (gradient_transfer.gtf, "GTF", (37, 37, 37, 37)),
    (multiresolution_svd.msvd, "MSVD", (40, 28, 33, 32)),
)


def read_rgb(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def channels_of(image: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(image[..., c], np.float32) / 255 for c in range(3)]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((first.astype(np.float64) - second) ** 2))


@pytest.mark.parametrize("image", range(4), ids=IMAGES)
@pytest.mark.parametrize(("core", "folder", "least"), PUBLISHED, ids=[row[1] for row in PUBLISHED])
def test_published_image_of_vifb_is_reproduced(data_root, core, folder, least, image):
    root = data_root / "VIFB_published"
    ir, vis, published = (read_rgb(root / name / f"{IMAGES[image]}.jpg") for name in ("ir", "vi", folder))
    fused = np.stack([core(a, b) for a, b in zip(channels_of(ir), channels_of(vis), strict=True)], axis=-1)
    assert psnr(np.round(np.clip(fused, 0, 1) * 255), published) >= least[image]


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A warm body before a cold wall, and a textured scene that shows neither; 70×91 on 8-bit levels."""
    generator = np.random.default_rng(3)
    ir = np.full((70, 91), 0.2, np.float32)
    cv2.circle(ir, (30, 40), 12, 0.9, -1)
    cv2.rectangle(ir, (60, 10), (85, 60), 0.05, -1)
    vis = cv2.GaussianBlur(generator.random((70, 91), np.float32), (0, 0), 1.5)
    vis[:, 45:] *= 0.6
    return tuple(np.round(x * 255).astype(np.float32) / 255 for x in (ir, vis))


def test_every_method_of_the_list_is_there():
    assert set(METHODS) == {
        *("ir", "vis", "average", "maximum", "weighted", "laplacian_pyramid", "ratio_pyramid", "dwt", "dtcwt"),
        *("gff", "tif", "mgff", "fpde", "adf", "ifevip", "vsm_wls", "hybrid_msd", "gtf", "msvd"),
    }


@pytest.mark.parametrize("name", sorted(set(CLASSICAL) - {"ifevip"}))
def test_equal_sources_give_themselves(pair, name):
    """What both sources agree on is kept. IFEVIP is the exception: it always adds what is bright in the infrared."""
    image = torch.from_numpy(pair[1])[None, None]
    fused = METHODS[name].load({}, torch.device("cpu"))(image, image)
    assert float((fused - image).abs().max()) < 2 / 255


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("shape", [(8, 8), (33, 20), (17, 64)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_images_of_any_size_stay_finite(name, shape, level):
    ir, vis = torch.full((1, 1, *shape), level), torch.full((1, 3, *shape), 1 - level)
    fused = prepare(METHODS[name])(ir, vis)
    assert fused.shape == (1, 3, *shape)
    assert torch.isfinite(fused).all()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_batch_equals_loop_and_inputs_are_not_written(name):
    generator = torch.Generator().manual_seed(1)
    ir, vis = torch.rand(2, 1, 40, 50, generator=generator), torch.rand(2, 3, 40, 50, generator=generator)
    before = ir.clone(), vis.clone()
    fuse = prepare(METHODS[name])
    batch = fuse(ir, vis)
    assert batch.shape == (2, 3, 40, 50)
    assert batch.dtype == torch.float32
    assert torch.equal(batch, torch.cat([fuse(ir[i : i + 1], vis[i : i + 1]) for i in range(2)]))
    assert torch.equal(ir, before[0])
    assert torch.equal(vis, before[1])


@pytest.mark.parametrize(
    "name", ["average", "maximum", "weighted", "laplacian_pyramid", "ratio_pyramid", "dwt", "dtcwt", "tif", "mgff"]
)
def test_methods_without_a_preferred_source_are_symmetric(name):
    """Random sources, so that no choice is a tie."""
    generator = torch.Generator().manual_seed(2)
    first, second = torch.rand(2, 1, 1, 48, 64, generator=generator)
    core = METHODS[name].load({}, torch.device("cpu"))
    torch.testing.assert_close(core(first, second), core(second, first), atol=1e-5, rtol=0)


def test_sources_are_passed_on_unchanged(pair):
    ir = torch.from_numpy(pair[0])[None, None]
    vis = torch.rand(1, 3, *pair[0].shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(prepare(METHODS["ir"])(ir, vis), ir.expand(1, 3, -1, -1))
    assert torch.equal(prepare(METHODS["vis"])(ir, vis), vis)


def test_average_and_maximum_of_two_values():
    dark, bright = np.float32([[0.2]]), np.float32([[0.6]])
    assert pixelwise.average(dark, bright) == pytest.approx(0.4)
    assert pixelwise.maximum(dark, bright) == pytest.approx(0.6)


def test_weighted_favours_the_image_that_varies_more():
    generator = np.random.default_rng(0)
    strong, weak = generator.random((64, 64), np.float32), 0.5 + 0.1 * generator.random((64, 64), np.float32)
    fused = pixelwise.weighted(strong, weak)
    assert np.corrcoef(fused.ravel(), strong.ravel())[0, 1] > 0.99


def test_principal_direction_equals_a_singular_value_decomposition():
    images = np.random.default_rng(1).normal(size=(2, 20, 30)) * np.array([3.0, 1.0])[:, None, None]
    centred = images.reshape(2, -1) - images.mean(axis=(1, 2))[:, None]
    leading = np.linalg.svd(centred, full_matrices=False)[0][:, 0]
    direction = karhunen_loeve.principal_direction(*images)
    np.testing.assert_allclose(np.abs(direction), np.abs(leading), atol=1e-9)


def test_karhunen_loeve_weights_stay_bounded_where_the_components_cancel():
    image = np.random.default_rng(1).normal(size=(20, 30))
    assert karhunen_loeve.karhunen_loeve_weights(image, -image) == pytest.approx((0.5, 0.5))
    assert karhunen_loeve.karhunen_loeve_weights(image, 0 * image) == pytest.approx((1, 0))
    assert karhunen_loeve.karhunen_loeve_weights(0 * image, 0 * image) == pytest.approx((0.5, 0.5))


def test_guided_filter_equals_a_least_squares_fit_per_window():
    """He et al.: in each window the output is the ridge regression of the image on the guide; windows are averaged."""
    generator = np.random.default_rng(0)
    image, guide = generator.random((2, 9, 11)).astype(np.float32)
    radius, epsilon = 2, 0.01
    total, count = np.zeros_like(image), np.zeros_like(image)
    for y in range(9):
        for x in range(11):
            window = np.s_[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
            g, p = guide[window], image[window]
            slope = np.mean((g - g.mean()) * (p - p.mean())) / (g.var() + epsilon)
            total[window] += slope * (g - g.mean()) + p.mean()
            count[window] += 1
    np.testing.assert_allclose(guided_filter.guided_filter(image, guide, radius, epsilon), total / count, atol=1e-5)


def test_second_difference_equals_numpy_gradient_twice():
    image = np.random.default_rng(0).random((9, 12)).astype(np.float32)
    for axis in (0, 1):
        expected = np.gradient(np.gradient(image, axis=axis), axis=axis)
        np.testing.assert_allclose(fourth_order_pde.second_difference(image, axis), expected, atol=1e-6)


def test_anisotropic_diffusion_smooths_noise_and_keeps_a_strong_edge():
    image = np.full((40, 40), 0.2, np.float32)
    image[:, 20:] = 0.9
    noisy = image + np.random.default_rng(0).normal(0, 0.02, image.shape).astype(np.float32)
    smooth = anisotropic_diffusion.smooth(noisy)
    inside = np.s_[12:28, 2:18]
    assert smooth[inside].std() < 0.5 * noisy[inside].std()
    assert smooth[20, 21] - smooth[20, 18] > 0.65


def test_conjugate_gradients_solve_the_system(monkeypatch):
    monkeypatch.setattr(gradient_transfer, "TOLERANCE", 1e-7)
    monkeypatch.setattr(gradient_transfer, "CONJUGATE_STEPS", 200)
    generator = np.random.default_rng(0)
    data, right = generator.random((2, 6, 7)) + 0.1
    across, down = generator.random((6, 6)), generator.random((5, 7))
    matrix = np.diag(data.ravel())
    index = np.arange(42).reshape(6, 7)
    for weight, first, second in ((across, index[:, :-1], index[:, 1:]), (down, index[:-1], index[1:])):
        for w, i, j in zip(weight.ravel(), first.ravel(), second.ravel(), strict=True):
            matrix[[i, j], [i, j]] += w
            matrix[[i, j], [j, i]] -= w
    expected = np.linalg.solve(matrix, right.ravel()).reshape(6, 7)
    got = gradient_transfer.solve(data, across, down, right, np.zeros_like(data))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_gradient_transfer_has_infrared_levels_and_visible_texture(pair):
    ir, vis = pair
    fused = gradient_transfer.gtf(ir, vis)
    body = np.s_[35:46, 25:36]
    assert fused[body].mean() == pytest.approx(ir[body].mean(), abs=0.05)
    assert np.corrcoef(fused[body].ravel(), vis[body].ravel())[0, 1] > 0.9


def test_msvd_blocks_invert_and_reconstruct(pair):
    image = pair[1][:, :90]
    assert np.array_equal(multiresolution_svd.unblocks(multiresolution_svd.blocks(image), *image.shape), image)
    vectors = multiresolution_svd.left_vectors(multiresolution_svd.blocks(image.astype(np.float64)))
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)


def test_choose_max_takes_the_neighbourhood_majority():
    strong, weak = np.zeros((7, 7), np.float32), np.full((7, 7), 0.5, np.float32)
    strong[:, :3] = 1
    wins = selection.first_is_stronger(strong, weak)
    assert wins[:, :3].all()
    assert not wins[:, 4:].any()


def test_laplacian_pyramid_keeps_the_detail_of_either_source():
    """Texture in the left half of one source and the right half of the other: the result has both."""
    texture = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    left, right = np.full_like(texture, 0.5), np.full_like(texture, 0.5)
    left[:, :32], right[:, 32:] = texture[:, :32], texture[:, 32:]
    fused = pyramid.laplacian_pyramid(left, right)
    for half in (np.s_[8:-8, 8:24], np.s_[8:-8, 40:56]):
        assert np.corrcoef(fused[half].ravel(), texture[half].ravel())[0, 1] > 0.95


def test_quadtree_covers_the_image_once_and_splits_only_uneven_blocks():
    image = np.zeros((512, 512), np.float32)
    image[:100, :100] = 1
    covered = np.zeros((512, 512), int)
    for top, left, side in feature_extraction.quadtree(image):
        covered[top : top + side, left : left + side] += 1
        block = image[top : top + side, left : left + side]
        assert side == feature_extraction.SMALLEST_BLOCK or np.ptp(block) <= feature_extraction.SPLIT_RANGE
    assert (covered == 1).all()


def test_entropy_of_a_uniform_histogram_is_eight_bits():
    image = (np.arange(256, dtype=np.float32) / 255).reshape(16, 16)
    assert feature_extraction.entropy(image) == pytest.approx(8)


def test_bilateral_filter_on_its_lattice_stays_close_to_the_full_one():
    """Measured on an image that the levels before have smoothed, as the filter is used."""
    image = cv2.GaussianBlur(np.random.default_rng(0).random((96, 128)).astype(np.float32), (0, 0), 3)
    full = cv2.bilateralFilter(image, 33, 0.05, 8, borderType=hybrid_decomposition.BORDER)
    error = hybrid_decomposition.bilateral(image, 8.0, 0.05) - full
    assert np.abs(error).mean() < 0.1 * np.abs(full - image).mean()
