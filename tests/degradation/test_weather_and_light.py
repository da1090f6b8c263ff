"""Rain, snow, over-exposure and vignette do what their cards say, by formulas written a second time."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy import ndimage

from degradation import degrade
from degradation.factor import FACTORS, STAGES
from degradation.particles import disc, line, scatter

KEY = {"seed": 0, "dataset": "d", "image": "i"}


def flat(level: int, height: int = 240, width: int = 320) -> tuple[np.ndarray, np.ndarray]:
    return np.full((height, width), level, np.uint8), np.full((height, width, 3), level, np.uint8)


def test_a_layer_of_particles_is_a_convolution_of_its_places() -> None:
    """The same draw, put together by scipy."""
    particle = line(14, 0.3, 0.8)
    reach = len(particle) // 2
    generator = np.random.default_rng(3)
    size = (90 + 2 * reach, 120 + 2 * reach)
    count = generator.binomial(size[0] * size[1], 0.004)
    places = generator.choice(size[0] * size[1], count, replace=False, shuffle=False)
    seeds = np.zeros(size)
    seeds.reshape(-1)[places] = generator.uniform(0.4, 1, count)
    expected = ndimage.convolve(seeds, particle.astype(float), mode="constant")[reach:-reach, reach:-reach]
    layer = scatter((90, 120), 0.004, 0.4, particle, np.random.default_rng(3))
    np.testing.assert_allclose(layer, np.minimum(expected, 1), atol=1e-5)


def test_particles_come_from_beyond_the_border_as_often_as_from_within() -> None:
    layers = [scatter((40, 60), 0.01, 0.6, disc(4), np.random.default_rng(seed)) for seed in range(60)]
    mean = np.mean(layers, axis=0)
    border = np.concatenate([mean[:3].ravel(), mean[-3:].ravel(), mean[:, :3].ravel(), mean[:, -3:].ravel()])
    assert border.mean() == pytest.approx(mean[10:-10, 10:-10].mean(), rel=0.1)


def test_a_stroke_has_its_length_direction_and_width() -> None:
    stroke = line(30, math.radians(25), 0.8)
    axis = np.arange(len(stroke)) - len(stroke) // 2
    x, y = np.meshgrid(axis, axis)
    weight = stroke / stroke.sum()
    covariance = np.array([[np.sum(weight * a * b) for a in (x, y)] for b in (x, y)])
    values, vectors = np.linalg.eigh(covariance)
    direction = vectors[:, 1] * np.sign(vectors[1, 1])
    assert math.degrees(math.atan2(*direction)) == pytest.approx(25, abs=1)
    assert math.sqrt(12 * values[1]) == pytest.approx(30, rel=0.02)
    assert math.sqrt(values[0]) == pytest.approx(0.8, rel=0.02)
    np.testing.assert_allclose(stroke, stroke[::-1, ::-1], atol=1e-6)
    assert stroke.max() == 1


@pytest.mark.parametrize(("name", "brightest"), [("rain", 0.9), ("snow", 1.0)])
def test_weather_brightens_a_dark_picture_and_stays_below_its_own_level(name: str, brightest: float) -> None:
    for severity in (1, 5):
        vis, drawn = degrade(*flat(0), FACTORS[name], severity, "vis", **KEY)[1:]
        veil = {"rain": 0.8, "snow": 0.85}[name] * drawn["vis"]["veil"]
        assert vis.min() == pytest.approx(255 * veil, abs=1)
        assert 0.3 < vis.max() / 255 <= brightest
        np.testing.assert_array_equal(vis[..., 0], vis[..., 2])


def test_rain_covers_what_the_ladder_says() -> None:
    """Mean cover = density × area of a streak × mean strength, while streaks seldom meet."""
    shares = []
    for seed in range(12):
        vis, drawn = degrade(*flat(0), FACTORS["rain"], 1, "vis", seed=seed, dataset="", image="")[1:]
        shares.append(vis.mean() / 255 / 0.9 / drawn["vis"]["opacity"])
    expected = 1.5e-3 * 0.7 * line(20, 0.0, 0.8).sum()
    assert np.mean(shares) == pytest.approx(expected, rel=0.1)


def test_rain_falls_in_one_direction_within_its_range() -> None:
    small = flat(90, 24, 24)
    drawn = [degrade(*small, FACTORS["rain"], 1, "vis", seed=seed, dataset="", image="")[2] for seed in range(40)]
    angles = [of["vis"]["angle"] for of in drawn]
    assert -30 <= min(angles) < -20
    assert 20 < max(angles) <= 30


def test_snow_hides_the_same_share_of_every_level() -> None:
    dark, bright = (degrade(*flat(level), FACTORS["snow"], 4, "vis", **KEY)[1].astype(float) for level in (40, 200))
    cover = (bright - dark) / 160
    assert 0.05 < cover.min() < 0.2  # 1 − 0.9 in the middle of a flake, times 1 − veil
    assert cover.max() == pytest.approx(1 - 0.12, abs=0.01)


@pytest.mark.parametrize("exposure", [0.5, 1.5])
def test_over_exposure_of_an_even_picture_is_its_gain_in_linear_light(exposure: float) -> None:
    severity = 1 + [rung["exposure"] for rung in FACTORS["over_exposure"].ladder["vis"]].index(exposure)
    for level in (20, 100, 200):
        vis = degrade(*flat(level), FACTORS["over_exposure"], severity, "vis", **KEY)[1]
        expected = 255 * min((2**exposure * (level / 255) ** 2.2), 1) ** (1 / 2.2)
        assert np.abs(vis - expected).max() <= 1


def test_a_lamp_throws_its_glare_over_what_is_near() -> None:
    """Against the scattered light at full resolution."""
    ir, vis = flat(10, 200, 800)
    vis[80:110, 380:420] = 255
    seen = degrade(ir, vis, FACTORS["over_exposure"], 2, "vis", **KEY)[1]
    light = 2 * (vis / 255.0) ** 2.2
    light = 0.9 * light + 0.1 * cv2.GaussianBlur(light, (0, 0), 0.02 * 800)
    np.testing.assert_allclose(seen, 255 * np.minimum(light, 1) ** (1 / 2.2), atol=1.5)
    assert seen[95, 370, 0] > seen[20, 20, 0] + 20


def test_vignette_is_the_law_of_cosines_about_the_point_drawn() -> None:
    kinds = set()
    for seed in range(6):
        ir, _, drawn = degrade(*flat(60), FACTORS["vignette"], 3, "ir", seed=seed, dataset="", image="")
        of = drawn["ir"]
        y, x = np.mgrid[0:240, 0:320] + 0.5
        corners = np.hypot(*np.meshgrid([of["x"], 320 - of["x"]], [of["y"], 240 - of["y"]]))
        light = np.cos(math.pi / 2 * np.hypot(x - of["x"], y - of["y"]) / corners.max()) ** 4
        added = light if of["brighter"] == "middle" else 1 - light
        np.testing.assert_allclose(ir, 60 + of["offset"] * added, atol=0.51)
        kinds.add(of["brighter"])
    assert kinds == {"middle", "rim"}


def test_every_factor_has_its_place_between_scene_and_file() -> None:
    places = {name: factor.stage for name, factor in FACTORS.items()}
    assert {"rain", "snow", "fog"} == {name for name, stage in places.items() if stage == "weather"}
    assert {places[name] for name in ("low_light", "over_exposure", "contrast", "vignette")} == {"illumination"}
    assert {places[name] for name in ("motion_blur", "gaussian_blur")} == {"optics"}
    assert {places[name] for name in ("noise_gray", "stripe_noise", "dead_pixels")} == {"sensor"}
    assert places["jpeg"] == STAGES[-1]
