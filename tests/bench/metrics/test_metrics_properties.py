"""What must hold for every metric: finite, in range, the same one by one, in a batch and from shared sources."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from synthetic_triple import natural, plane

from bench.metrics import METRICS, PRESETS, evaluate
from bench.metrics.metric import Plane

OFFLINE = tuple(name for name in METRICS if name not in ("brisque", "niqe", *PRESETS["no-reference"]))
HEIGHT, WIDTH = 165, 178


def level(value):
    return np.full((HEIGHT, WIDTH), value, np.uint8)


TRIPLE = natural(HEIGHT, WIDTH, seed=3)
CASES = {
    "natural": TRIPLE,
    "binary": tuple(((image > 100) * 255).astype(np.uint8) for image in TRIPLE),
    "all flat and equal": (level(100),) * 3,
    "all black": (level(0),) * 3,
    "all white": (level(255),) * 3,
    "flat and different": (level(10), level(200), level(100)),
    "identical": (TRIPLE[1],) * 3,
    "flat fused": (TRIPLE[0], TRIPLE[1], level(77)),
    "black fused": (TRIPLE[0], TRIPLE[1], level(0)),
    "flat sources": (level(9), level(9), TRIPLE[2]),
    "flat infrared": (level(0), TRIPLE[1], TRIPLE[2]),
}


def planes(case):
    return [plane(image) for image in CASES[case]]


@pytest.fixture(scope="module")
def values():
    return {case: {name: v.item() for name, v in evaluate(OFFLINE, *planes(case)).items()} for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_every_value_is_finite_and_in_the_range_of_its_card(case, values):
    for name, value in values[case].items():
        low, high = METRICS[name].range
        assert math.isfinite(value), name
        assert low - 1e-9 <= value <= high + 1e-9, (name, value)


DOCUMENTED = {
    "all flat and equal": {
        **dict.fromkeys(("en", "sd", "sf", "ag", "ei", "mse", "rmse", "mi", "qmi", "qte", "ce", "rce", "cc", "scd"), 0),
        **dict.fromkeys(("nabf", "qsf", "qcv"), 0),
        **dict.fromkeys(("ssim_mean", "ms_ssim", "mef_ssim", "viff", "qs", "qw", "qe", "qc", "qy", "qcb", "qp"), 1),
        **dict.fromkeys(("fmi_pixel", "fmi_gradient", "fmi_edge"), 1),
        "psnr": 100,
        "vif": 2,
        "ssim_sum": 2,
        "qncie": 1 - math.log(3, 256),
        "psnr_tang": 100 + 20 * math.log10(255),
    },
    "all black": {"qabf": 0, "psnr_cddfuse": 100},
    "black fused": {"psnr_cddfuse": -100, "en": 0},
    "flat and different": {"fmi_pixel": 0, "fmi_edge": 1, "vif": 2, "qw": 0.5 * 2 * 0.4993},
    "identical": {
        "ssim_mean": 1,
        "ms_ssim": 1,
        "vif": 2,
        "viff": 1,
        "cc": 1,
        "scd": 0,
        "qsf": 0,
        "psnr": 100,
        "mse": 0,
    },
    "flat sources": {"qcv": 0, "mi": 0, "vif": 2, "qabf": None},
    "flat fused": {"nabf": 0, "mi": 0, "cc": 0},
}


@pytest.mark.parametrize("case", DOCUMENTED)
def test_flat_and_identical_images_have_the_documented_value(case, values):
    for name, expected in DOCUMENTED[case].items():
        if expected is not None:
            assert values[case][name] == pytest.approx(expected, abs=1e-3 if name == "qw" else 1e-9), name


@pytest.mark.parametrize("case", ["natural", "binary", "identical", "flat infrared"])
def test_petrovics_shares_add_to_one(case, values):
    shares = [values[case][name] for name in ("qabf_petrovic", "labf", "nabf")]
    assert sum(shares) == pytest.approx(1, abs=1e-12)


def test_a_batch_gives_the_values_of_its_images():
    triples = [natural(HEIGHT, WIDTH, seed) for seed in (3, 4)]
    batch = [Plane(torch.cat([plane(images[kind]).x for images in triples])) for kind in range(3)]
    together = evaluate(OFFLINE, *batch)
    for index, images in enumerate(triples):
        alone = evaluate(OFFLINE, *(plane(image) for image in images))
        for name in OFFLINE:
            assert together[name].dtype == torch.float64
            assert together[name].shape == (2,)
            assert together[name][index].item() == pytest.approx(alone[name].item(), rel=1e-9, abs=1e-12), name


def test_shared_sources_change_no_value():
    ir, vis = plane(TRIPLE[0]), plane(TRIPLE[1])
    other_sources = [plane(image) for image in natural(HEIGHT, WIDTH, seed=9)[:2]]
    fused = plane(TRIPLE[2])
    evaluate(OFFLINE, ir, vis, plane(natural(HEIGHT, WIDTH, seed=8)[2]))
    evaluate(OFFLINE, *other_sources, fused)
    shared = evaluate(OFFLINE, ir, vis, fused)
    fresh = evaluate(OFFLINE, *(plane(image) for image in TRIPLE))
    for name in OFFLINE:
        assert shared[name].item() == fresh[name].item(), f"{name} rests on what was computed before"


def test_statistics_of_the_sources_are_computed_once(monkeypatch):
    from bench.metrics import local

    filtered = []
    blur = local.blur
    monkeypatch.setattr(local, "blur", lambda x, *window: filtered.append(x) or blur(x, *window))
    ir, vis = plane(TRIPLE[0]), plane(TRIPLE[1])
    evaluate(("vif", "ssim_mean"), ir, vis, plane(TRIPLE[2]))
    first = len(filtered)
    filtered.clear()
    evaluate(("vif", "ssim_mean"), ir, vis, plane(TRIPLE[0]))
    assert len(filtered) == first // 2  # of A, A², B, B², F, F², AF, BF the last four


def test_planes_are_freed_with_their_last_reference():
    import gc
    import weakref

    gc.disable()
    try:
        ir, vis, fused = (plane(image) for image in TRIPLE)
        evaluate(OFFLINE, ir, vis, fused)
        watched = [weakref.ref(each) for each in (ir, vis, fused)]
        del ir, vis, fused
        assert [each() for each in watched] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "name", ["cc", "scd", "mi", "ssim_mean", "vif", "qabf", "qmi", "psnr", "nabf", "mef_ssim", "qp"]
)
def test_the_sources_are_interchangeable(name):
    a, b, f = (plane(image) for image in natural(96, 128, seed=11))
    compute = METRICS[name].compute
    assert compute(a, b, f).item() == pytest.approx(compute(b, a, f).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["ms_ssim", "mef_ssim"])
def test_images_too_small_for_a_metric_are_refused_with_the_size(name):
    images = natural(38, 64, seed=1)
    with pytest.raises(ValueError, match=rf"{name} needs more than \d+ pixels on each side, got 38×64"):
        METRICS[name].compute(*(plane(image) for image in images))


def test_images_of_different_size_are_refused():
    a, b, f = (plane(image) for image in natural(40, 50, seed=1))
    with pytest.raises(ValueError, match=r"infrared 50×40, visible 50×40, fused 50×39"):
        evaluate(("psnr",), a, b, Plane(f.x[..., :-1, :]))


def test_narrow_images_have_values():
    images = [image[:48, :41] for image in natural(60, 60, seed=2)]
    found = evaluate([name for name in OFFLINE if name != "ms_ssim"], *(plane(image) for image in images))
    assert all(torch.isfinite(value).all() for value in found.values())


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing_that_counts(threads, values):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = evaluate(("vif", "ssim_mean", "qabf", "qp", "fmi_pixel"), *planes("natural"))
    finally:
        torch.set_num_threads(before)
    for name, value in found.items():
        assert value.item() == pytest.approx(values["natural"][name], rel=1e-9)


def test_plain_forms_give_the_values_of_compiled_ones(values, monkeypatch):
    monkeypatch.setenv("TSDM_BENCH_COMPILED", "0")
    for name, value in evaluate(OFFLINE, *planes("natural")).items():
        tolerance = 1e-6 if name == "qp" else 1e-9  # responses in single precision
        assert value.item() == pytest.approx(values["natural"][name], rel=tolerance, abs=1e-12), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_agrees_with_the_cpu(values):
    on_gpu = [Plane(each.x.cuda()) for each in planes("natural")]
    for name, value in evaluate(OFFLINE, *on_gpu).items():
        assert value.item() == pytest.approx(values["natural"][name], rel=1e-5, abs=1e-9), name


def test_a_window_larger_than_the_map_is_refused():
    from bench.metrics.kernels import filters

    with pytest.raises(ValueError, match="a window of 11×11 does not fit into a map of 8×20"):
        filters.blur(torch.rand(1, 1, 8, 20), 11, 1.5)


@pytest.mark.parametrize("border", ["zero", "replicate", "reflect"])
def test_outside_the_map_lies_what_scipy_puts_there(border):
    from scipy import ndimage

    from bench.metrics.kernels import filters

    x, mode = torch.rand(31, 37), {"zero": "constant", "replicate": "nearest", "reflect": "mirror"}[border]
    rows, columns = (0.1, 0.3, 0.2, 0.3, 0.1), (-1.0, 0.5, 1.0)
    expected = ndimage.correlate(x.double().numpy(), np.outer(rows, columns), mode=mode)
    np.testing.assert_allclose(filters.correlate(x[None, None], rows, columns, border)[0, 0], expected, atol=1e-12)


def test_sums_under_a_box_are_exact():
    from bench.metrics.kernels import filters

    x = torch.randint(0, 256, (2, 1, 31, 37)).float()
    expected = x.double().unfold(2, 7, 1).unfold(3, 7, 1).sum((-2, -1))
    assert torch.equal(filters.box_sum(x, 7), expected)
