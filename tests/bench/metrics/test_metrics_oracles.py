"""Against plain NumPy and SciPy in double precision, and against other libraries, on images with flat areas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, signal
from synthetic_triple import natural, plane

from bench.metrics import METRICS

IMAGES = natural(170, 197, seed=5)


def ours(name, images=IMAGES):
    return METRICS[name].compute(*(plane(image) for image in images)).item()


@pytest.fixture(scope="module")
def doubles():
    return [image.astype(np.float64) for image in IMAGES]


def gaussian(size, sigma):
    taps = signal.windows.gaussian(size, sigma)
    kernel = np.outer(taps, taps)
    return kernel / kernel.sum()


def blur(x, size, sigma):
    return signal.convolve2d(x, gaussian(size, sigma), mode="valid")


def ssim(x, y):
    mx, my = blur(x, 11, 1.5), blur(y, 11, 1.5)
    vx, vy, c = blur(x * x, 11, 1.5) - mx**2, blur(y * y, 11, 1.5) - my**2, blur(x * y, 11, 1.5) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    return ((2 * mx * my + c1) * (2 * c + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


def test_ssim(doubles):
    a, b, f = doubles
    assert ours("ssim_mean") == pytest.approx((ssim(a, f) + ssim(b, f)) / 2, rel=1e-11)


def vifp(reference, distorted):
    """Sheikh's vifp_mscale, step by step."""
    numerator = denominator = 0.0
    for scale in (1, 2, 3, 4):
        size = 2 ** (5 - scale) + 1
        if scale > 1:
            reference, distorted = (blur(x, size, size / 5)[::2, ::2] for x in (reference, distorted))
        mr, md = blur(reference, size, size / 5), blur(distorted, size, size / 5)
        vr = np.maximum(blur(reference**2, size, size / 5) - mr**2, 0)
        vd = np.maximum(blur(distorted**2, size, size / 5) - md**2, 0)
        c = blur(reference * distorted, size, size / 5) - mr * md
        g = c / (vr + 1e-10)
        sv = vd - g * c
        low = vr < 1e-9
        g[low], sv[low], vr[low] = 0, vd[low], 0
        low = vd < 1e-9
        g[low], sv[low] = 0, 0
        low = g < 0
        sv[low], g[low] = vd[low], 0
        sv = np.maximum(sv, 1e-10)
        numerator += np.log10(1 + g**2 * vr / (sv + 2)).sum()
        denominator += np.log10(1 + vr / 2).sum()
    return numerator / denominator


def test_vif(doubles):
    a, b, f = doubles
    assert ours("vif") == pytest.approx(vifp(a, f) + vifp(b, f), rel=1e-8)


def xydeas_petrovic(a, b, f):
    def edges(x):
        gx = signal.correlate2d(x, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], mode="same")
        gy = signal.correlate2d(x, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], mode="same")
        return np.hypot(gx, gy), np.where(gx == 0, np.pi / 2, np.arctan(gy / np.where(gx == 0, 1, gx)))

    (gf, af), kept, total = edges(f), 0.0, 0.0
    for x in (a, b):
        g, angle = edges(x)
        strength = np.where(g == gf, gf, np.minimum(g, gf) / np.maximum(np.maximum(g, gf), 1e-9))
        alignment = 1 - np.abs(angle - af) / (np.pi / 2)
        q = 0.9994 / (1 + np.exp(-15 * (strength - 0.5))) * 0.9879 / (1 + np.exp(-22 * (alignment - 0.8)))
        kept, total = kept + (q * g).sum(), total + g.sum()
    return kept / total


def test_qabf(doubles):
    assert ours("qabf") == pytest.approx(xydeas_petrovic(*doubles), rel=1e-11)


def test_nabf(doubles):
    def edges(x):
        gx, gy = (ndimage.sobel(x, axis=axis, mode="mirror") / 8 for axis in (1, 0))
        g = np.hypot(gx, gy)
        angle = np.where(gx == 0, np.pi / 2, np.arctan(gy / np.where(gx == 0, 1, gx)))
        return g, angle, np.where(g >= 2, g**1.5, 0.001)

    (gf, af, _), loss, total, added = edges(doubles[2]), 0.0, 0.0, True
    for g, angle, w in map(edges, doubles[:2]):
        ratio = np.where((g == 0) | (gf == 0), 0, np.minimum(g, gf) / np.maximum(np.maximum(g, gf), 1e-9))
        alignment = np.abs(np.abs(angle - af) - np.pi / 2) * 2 / np.pi
        q = np.sqrt(0.9999 / (1 + np.exp(-19 * (ratio - 0.5))) * 0.9995 / (1 + np.exp(-22 * (alignment - 0.5))))
        loss, total, added = loss + (1 - q) * w, total + w.sum(), added & (gf > g)
    assert ours("nabf") == pytest.approx(loss[added].sum() / total, rel=1e-11)


def test_mutual_information(doubles):
    def information(x, y):
        joint = np.histogram2d(x.ravel(), y.ravel(), bins=256, range=((0, 256),) * 2)[0] / x.size
        product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        seen = joint > 0
        return (joint[seen] * np.log2(joint[seen] / product[seen])).sum()

    a, b, f = doubles
    assert ours("mi") == pytest.approx(information(a, f) + information(b, f), rel=1e-11)


def test_correlations(doubles):
    a, b, f = doubles
    r = lambda x, y: np.corrcoef(x.ravel(), y.ravel())[0, 1]  # noqa: E731
    assert ours("cc") == pytest.approx((r(a, f) + r(b, f)) / 2, rel=1e-12)
    assert ours("scd") == pytest.approx(r(f - b, a) + r(f - a, b), rel=1e-12)


def test_contrast_and_error(doubles):
    a, b, f = doubles
    rows, columns = np.gradient(f)
    assert ours("sd") == pytest.approx(f.std(), rel=1e-12)
    assert ours("ag") == pytest.approx(np.sqrt((rows**2 + columns**2) / 2).mean(), rel=1e-12)
    assert ours("sf") == pytest.approx(np.sqrt((np.diff(f) ** 2).mean() + (np.diff(f.T) ** 2).mean()), rel=1e-12)
    assert ours("mse") == pytest.approx((((a - f) ** 2).mean() + ((b - f) ** 2).mean()) / 2, rel=1e-12)
    sobel = np.hypot(*(ndimage.sobel(f, axis=axis, mode="nearest") for axis in (0, 1)))
    assert ours("ei") == pytest.approx(sobel.mean(), rel=1e-12)


def stretch(x):
    return np.floor((x - x.min()) / (x.max() - x.min()) * 255 + 0.5)


def test_chen_blum(doubles):
    def contrast(x):
        x = stretch(x)
        height, width = x.shape
        u, v = np.meshgrid(np.fft.fftfreq(width) * 2 * width / 30, np.fft.fftfreq(height) * 2 * height / 30)
        r = np.hypot(u, v)
        y = np.fft.ifft2(np.fft.fft2(x) * (np.exp(-((r / 15.387) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2)))).real
        i, j = np.mgrid[-15:16, -15:16]
        masks = [np.exp(-(i**2 + j**2) / (2 * s**2)) / (2 * np.pi * s**2) for s in (2, 4)]
        narrow, wide = (signal.fftconvolve(y, mask, mode="same") for mask in masks)
        c = np.abs(narrow / wide - 1)
        return c**3 / (c**2 + 1e-4)

    a, b, f = map(contrast, doubles)
    keep = [np.minimum(x, f) / np.maximum(x, f) for x in (a, b)]
    share = a**2 / (a**2 + b**2)
    assert ours("qcb") == pytest.approx((share * keep[0] + (1 - share) * keep[1]).mean(), rel=1e-7)


def test_chen_varshney(doubles):
    a, b, f = map(stretch, doubles)
    height, width = f.shape
    u, v = np.meshgrid(np.fft.fftfreq(width) * 2 * width / 8, np.fft.fftfreq(height) * 2 * height / 8)
    r = np.hypot(u, v)
    csf = 2.6 * (0.0192 + 0.144 * r) * np.exp(-((0.144 * r) ** 1.1))

    def blocks(x):
        x = np.pad(x, ((0, -height % 16), (0, -width % 16)))
        return x.reshape(x.shape[0] // 16, 16, -1, 16).sum((1, 3))

    error = weight = 0.0
    for x in (a, b):
        gradients = [ndimage.sobel(x, axis=axis, mode="constant") for axis in (0, 1)]
        saliency = blocks(np.hypot(*gradients) ** 5)
        difference = np.fft.ifft2(np.fft.fft2(x - f) * csf).real
        error, weight = error + (saliency * blocks(difference**2) / 256).sum(), weight + saliency.sum()
    assert ours("qcv") == pytest.approx(error / weight, rel=1e-10)


def feature_mutual_information(x, y):
    """Haghighat's estimate window by window, straight from the definition."""
    total, count = 0.0, 0
    position = np.arange(1, 10)
    for i in range(x.shape[0] - 2):
        for j in range(x.shape[1] - 2):
            first, second = x[i : i + 3, j : j + 3].T.ravel(), y[i : i + 3, j : j + 3].T.ravel()
            count += 1
            if (first == second).all():
                total += 1
                continue
            p, q = (
                np.ones(9) / 9 if w.max() == w.min() else (w - w.min()) / (w - w.min()).sum() for w in (first, second)
            )
            sd = [np.sqrt((position**2 * w).sum() - (position * w).sum() ** 2) for w in (p, q)]
            flat = np.ptp(p) == 0 or np.ptp(q) == 0
            c = 0.0 if flat else np.corrcoef(p, q)[0, 1]
            if c == 0 or min(sd) == 0:
                continue
            cp, cq = p.cumsum(), q.cumsum()
            m = np.minimum.outer(cq, cp) if c > 0 else np.maximum(np.add.outer(cq, cp) - 1, 0)
            t = c * sd[0] * sd[1] / (m - np.outer(cq, cp)).sum()
            dm = np.diff(np.diff(np.pad(m, ((1, 0), (1, 0))), axis=0), axis=1)
            joint = t * dm + (1 - t) * np.outer(q, p)
            h = -sum(value * np.log(abs(value)) for value in joint.ravel() if value != 0)
            hp, hq = (-(w[w > 0] * np.log(w[w > 0])).sum() for w in (p, q))
            total += 2 * (hp + hq - h) / (hp + hq)
    return total / count


def test_fmi():
    a, b, f = (image[20:50, 60:95] for image in IMAGES)
    x = [image.astype(np.float64) for image in (a, b, f)]
    expected = (feature_mutual_information(x[0], x[2]) + feature_mutual_information(x[1], x[2])) / 2
    assert ours("fmi_pixel", (a, b, f)) == pytest.approx(expected, rel=1e-9)


def test_dct_feature_is_that_of_scipy(doubles):
    from scipy.fft import dctn

    from bench.metrics.feature_information import cosine_transform

    found = cosine_transform(plane(IMAGES[0]))[0, 0].numpy()
    np.testing.assert_allclose(found, dctn(doubles[0], norm="ortho"), atol=1e-9)


def tensors():
    return [torch.from_numpy(image).double()[None, None] for image in IMAGES]


def test_ssim_and_ms_ssim_equal_pytorch_msssim():
    library = pytest.importorskip("pytorch_msssim")
    a, b, f = tensors()
    expected = (library.ssim(a, f, data_range=255) + library.ssim(b, f, data_range=255)) / 2
    assert ours("ssim_mean") == pytest.approx(expected.item(), rel=1e-6)
    expected = (library.ms_ssim(a, f, data_range=255) + library.ms_ssim(b, f, data_range=255)) / 2
    assert ours("ms_ssim") == pytest.approx(expected.item(), rel=1e-6)


def test_vif_equals_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.image")
    a, b, f = tensors()
    expected = sum(functional.visual_information_fidelity(f, source) for source in (a, b))
    assert ours("vif") == pytest.approx(expected.item(), rel=1e-6)


def test_vif_equals_piq():
    piq = pytest.importorskip("piq")
    a, b, f = tensors()
    expected = sum(piq.vif_p(f, source, data_range=255.0) for source in (a, b))
    assert ours("vif") == pytest.approx(expected.item(), rel=1e-6)


def test_psnr_and_box_ssim_equal_scikit_image():
    library = pytest.importorskip("skimage.metrics")
    a, b, f = IMAGES
    expected = sum(library.structural_similarity(x.astype(float), f.astype(float), data_range=255) for x in (a, b))
    assert ours("ssim_cddfuse_255") == pytest.approx(expected, rel=1e-10)
    single = library.peak_signal_noise_ratio(a, f, data_range=255)
    assert ours("psnr", (a, a, f)) == pytest.approx(single, rel=1e-12)
