"""Every factor does what its card says, and its ladder leads downwards."""

from __future__ import annotations

import numpy as np
import pytest

from degradation import degrade
from degradation.calibration import psnr
from degradation.factor import FACTORS, MAX_SEVERITY, Factor
from degradation.random_model import PAPER
from tests.degradation.conftest import make_pair

KEY = {"seed": 0, "dataset": "d", "image": "i"}
NAMES = {
    *("brightness_down", "brightness_up", "contrast", "gaussian_blur", "anisotropic_blur", "motion_blur"),
    *("low_resolution", "noise_color", "noise_gray", "noise_correlated", "stripe_noise", "dead_pixels", "jpeg"),
    *("fog", "low_light", "misregistration", "tsdm", "rain", "snow", "over_exposure", "vignette"),
}
DRAWS = {"vignette": 40}
"""Where the draw decides how much of the image is hit."""
HITS = [(name, modality) for name, factor in FACTORS.items() for modality in factor.modalities]


def test_all_factors_are_found() -> None:
    assert set(FACTORS) == NAMES


@pytest.mark.parametrize("factor", FACTORS.values(), ids=FACTORS)
def test_cards_are_complete(factor: Factor) -> None:
    for text in (factor.title, factor.description, factor.parameter, factor.unit, factor.source):
        assert text.strip()
    assert set(factor.ladder) == set(factor.apply) <= {"ir", "vis"}
    for rungs in factor.ladder.values():
        assert len(rungs) == MAX_SEVERITY
        assert len({tuple(rung) for rung in rungs}) == 1


@pytest.mark.parametrize(("name", "modality"), HITS)
def test_every_severity_is_worse_than_the_one_before(name: str, modality: str) -> None:
    """Averaged over draws; the calibration on real pairs is the measurement, this is its guard."""
    pair = make_pair(192, 256)
    index = ("ir", "vis").index(modality)
    means = []
    for severity in range(1, MAX_SEVERITY + 1):
        seen = [
            degrade(*pair, FACTORS[name], severity, modality, seed=seed, dataset="", image="")[index]
            for seed in range(DRAWS.get(name, 8))
        ]
        means.append(np.mean([psnr(pair[index], image) for image in seen]))
    assert (np.diff(means) < -0.2).all(), means


def rungs(name: str, modality: str, parameter: str, severities: range = range(1, 4)) -> list[float]:
    return [FACTORS[name].ladder[modality][severity - 1][parameter] for severity in severities]


def test_severities_1_to_3_stay_inside_the_training_ranges() -> None:
    def inside(values: list[float], low: float, high: float) -> bool:
        return all(low <= value <= high for value in values)

    assert inside(rungs("contrast", "ir", "factor"), *PAPER.contrast_ir)
    assert inside(rungs("contrast", "vis", "factor"), *PAPER.contrast_vis)
    assert inside(rungs("noise_correlated", "vis", "sigma"), *PAPER.noise_sigma)
    for modality in ("ir", "vis"):
        assert inside(rungs("brightness_down", modality, "factor"), PAPER.brightness[0], 1)
        assert inside(rungs("brightness_up", modality, "factor"), 1, PAPER.brightness[1])
        for noise in ("noise_color", "noise_gray", "tsdm"):
            assert inside(rungs(noise, modality, "sigma"), *PAPER.noise_sigma)
        assert inside(rungs("gaussian_blur", modality, "sigma"), 0, PAPER.blur_sigma)
        assert inside(rungs("tsdm", modality, "blur"), 0, PAPER.blur_sigma)
        for axis in ("sigma_major", "sigma_minor"):
            assert inside(rungs("anisotropic_blur", modality, axis), 0, PAPER.blur_variance**0.5)
        assert inside(rungs("jpeg", modality, "quality"), PAPER.second_jpeg_quality[0], PAPER.jpeg_quality[1])
        assert inside(rungs("tsdm", modality, "quality"), *PAPER.jpeg_quality)
        assert inside(rungs("tsdm", modality, "second_quality"), *PAPER.second_jpeg_quality)
        assert inside(rungs("tsdm", modality, "brightness"), 0, 0.5)
    assert inside(rungs("tsdm", "ir", "contrast"), *PAPER.contrast_ir)
    assert inside(rungs("tsdm", "vis", "contrast"), *PAPER.contrast_vis)


def test_severities_4_and_5_of_noise_blur_contrast_and_jpeg_lie_beyond_training() -> None:
    beyond = range(4, 6)
    for modality in ("ir", "vis"):
        assert min(rungs("noise_gray", modality, "sigma", beyond)) > PAPER.noise_sigma[1]
        assert min(rungs("gaussian_blur", modality, "sigma", beyond)) > PAPER.blur_sigma
        assert max(rungs("jpeg", modality, "quality", beyond)) < PAPER.second_jpeg_quality[0]
        assert max(rungs("contrast", modality, "factor", beyond)) < 0.6


def test_noise_is_as_strong_as_the_card_says() -> None:
    flat = np.full((300, 300), 128, np.uint8), np.full((300, 300, 3), 128, np.uint8)
    for severity in (1, 3):
        ir, vis, drawn = degrade(*flat, FACTORS["noise_gray"], severity, "both", **KEY)
        assert ir.std() == pytest.approx(drawn["ir"]["sigma"], rel=0.02)
        assert vis.std() == pytest.approx(drawn["vis"]["sigma"], rel=0.02)
        np.testing.assert_array_equal(vis[..., 0], vis[..., 2])


def test_stripes_are_constant_along_one_direction() -> None:
    flat = np.full((60, 80), 128, np.uint8), np.full((60, 80, 3), 128, np.uint8)
    seen = set()
    for seed in range(8):
        ir, _, drawn = degrade(*flat, FACTORS["stripe_noise"], 2, "ir", seed=seed, dataset="", image="")
        orientation = drawn["ir"]["orientation"]
        along, across = (1, 0) if orientation == "horizontal" else (0, 1)
        assert ir.std(axis=along).max() == 0
        assert ir.std(axis=across).min() > 3
        seen.add(orientation)
    assert seen == {"horizontal", "vertical"}


def test_dead_pixels_are_black_or_white_and_as_many_as_stated() -> None:
    flat = np.full((200, 250), 128, np.uint8), np.full((200, 250, 3), 128, np.uint8)
    for severity in range(1, 6):
        ir, _, drawn = degrade(*flat, FACTORS["dead_pixels"], severity, "ir", **KEY)
        assert set(np.unique(ir)) == {0, 128, 255}
        assert (ir != 128).sum() == drawn["ir"]["count"] == round(50000 * drawn["ir"]["share"] / 100)


def test_low_light_has_the_mean_and_the_variance_of_photons() -> None:
    flat = np.full((200, 200), 128, np.uint8), np.full((200, 200, 3), 200, np.uint8)
    vis = degrade(*flat, FACTORS["low_light"], 2, "vis", **KEY)[1] / 255
    electrons = 2000 * vis**2.2
    expected = 2000 * (200 / 255) ** 2.2 / 4  # two stops
    assert electrons.mean() == pytest.approx(expected, rel=0.01)
    assert electrons.var() == pytest.approx(expected, rel=0.1)  # quantisation to 8 bits adds a little


def test_fog_pulls_far_rows_to_the_airlight() -> None:
    black = np.zeros((100, 100), np.uint8), np.zeros((100, 100, 3), np.uint8)
    vis, drawn = degrade(*black, FACTORS["fog"], 5, "vis", **KEY)[1:]
    top, bottom = vis[:10].mean(), vis[-10:].mean()
    assert bottom < top < drawn["vis"]["airlight"] * 255
    nearest, farthest = (1 - np.exp(-0.9 * depth * swing) for depth, swing in ((0.3, 0.8), (1.0, 1.2)))
    assert drawn["vis"]["airlight"] * nearest <= (vis.min() + 1) / 255
    assert vis.max() / 255 <= drawn["vis"]["airlight"] * farthest + 1 / 255


def test_misregistration_moves_by_what_it_says() -> None:
    spot = np.zeros((200, 300), np.uint8)
    spot[97:104, 147:154] = 255
    ir, vis, drawn = degrade(spot, np.zeros((200, 300, 3), np.uint8), FACTORS["misregistration"], 4, "ir", **KEY)
    y, x = np.mgrid[0:200, 0:300]
    centre = np.array([np.average(x, weights=ir), np.average(y, weights=ir)])
    middle = np.array([149.5, 99.5])
    expected = middle + drawn["ir"]["factor"] * (np.array([150, 100]) - middle) + [drawn["ir"]["dx"], drawn["ir"]["dy"]]
    np.testing.assert_allclose(centre, expected, atol=0.1)
    assert np.hypot(drawn["ir"]["dx"], drawn["ir"]["dy"]) == pytest.approx(0.02 * 300)
    assert vis.max() == 0


def test_low_resolution_keeps_the_mean(pair: tuple) -> None:
    ir, vis, _ = degrade(*pair, FACTORS["low_resolution"], 3, "both", **KEY)
    assert ir.mean() == pytest.approx(pair[0].mean(), abs=1)
    assert vis.mean() == pytest.approx(pair[1].mean(), abs=1)


def test_tsdm_runs_the_whole_chain(pair: tuple) -> None:
    drawn = degrade(*pair, FACTORS["tsdm"], 3, "both", **KEY)[2]
    names = {modality: [step["operation"] for step in drawn[modality]["steps"]] for modality in drawn}
    assert names["ir"][0] == "contrast"
    assert names["vis"][:2] == ["brightness", "contrast"]
    for steps in names.values():
        assert sorted(steps[-4:-2]) == ["blur", "noise"]
        assert steps[-2:] == ["jpeg", "jpeg"]
