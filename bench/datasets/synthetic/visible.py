"""The visible image: reflectance times light, seen through haze, with the halos and the noise of a camera."""

from __future__ import annotations

import cv2
import numpy as np

from bench.datasets.synthetic.light import Backdrop, average, lamplight, sky_cover
from bench.datasets.synthetic.view import SKY, View

GAMMA = 1 / 2.2
LAMP_STEP = 4
BRIGHTEST = 9.0
CONTRAST = 0.35


def _response() -> np.ndarray:
    """8-bit value by the square root of the exposure: film-like roll-off, gamma, and some S-shaped contrast."""
    tone = (1 - np.exp(-(np.linspace(0, BRIGHTEST**0.5, 8192) ** 2))) ** GAMMA
    tone += CONTRAST * (tone * tone * (3 - 2 * tone) - tone)
    return np.round(255 * tone).astype(np.uint8)


CURVE = _response()
SHOT_NOISE, READ_NOISE = 1.5e-4, 5e-4
"""Variance per exposure and deviation at unit gain."""
HALO = ((2.0, 0.22), (7.0, 0.10), (24.0, 0.05))
"""Blur in pixels at 512 pixels of width, and share of the light that goes there."""


def _rgb(colour) -> np.ndarray:
    return np.asarray(colour, np.float32)


def _sky(view: View, backdrop: Backdrop) -> np.ndarray:
    weather = view.scene.weather
    height = np.clip(backdrop.elevation, 0, 1)[..., None] ** 0.55
    clear = _rgb(weather.horizon) * (1 - height) + _rgb(weather.zenith) * height
    white = 1.15 * _rgb(weather.horizon) + 0.6 * _rgb(weather.sunlight) + 0.15 * _rgb(weather.ambient)
    if weather.condition == "night":
        white = 1.4 * _rgb(weather.horizon)
    cover = backdrop.cloud[..., None] * (0.75 if weather.condition != "fog" else 0.1)
    return clear * (1 - cover) + white * cover


def _light_on_backdrop(view: View, backdrop: Backdrop) -> np.ndarray:
    weather = view.scene.weather
    upward = 0.6 + 0.4 * backdrop.normal[1]
    light = _rgb(weather.ambient) * (upward * (1 - 0.65 * backdrop.contact))[..., None]
    if max(weather.sunlight) > 0:
        cosine = np.maximum(np.tensordot(weather.sun.astype(np.float32), backdrop.normal, 1), 0)
        light += _rgb(weather.sunlight) * (cosine * (1 - backdrop.shadow))[..., None]
    return light + _lamps_on_backdrop(view, backdrop) * (1 - 0.7 * backdrop.contact)[..., None]


def _lamps_on_backdrop(view: View, backdrop: Backdrop) -> np.ndarray:
    """Pools of lamplight, H×W×3; smooth enough to be computed for one pixel in sixteen."""
    height, width = view.scene.size
    middle = slice(LAMP_STEP // 2, None, LAMP_STEP)
    place, normal = (np.ascontiguousarray(field[:, middle, middle]) for field in (backdrop.place, backdrop.normal))
    coarse = lamplight(view.scene.lights, place, normal, False)
    return cv2.resize(np.ascontiguousarray(np.moveaxis(coarse, 0, 2)), (width, height), interpolation=cv2.INTER_LINEAR)


def _objects(view: View, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
    """Reflected light of every part of an object (parts×3, zero for the backdrop); glow and texture of all (parts×4).

    Both as they arrive through the haze.
    """
    weather = view.scene.weather
    normals, centres = view.normals.T.astype(np.float32), view.centres.T.astype(np.float32)
    rounded = view.table("rounded") > 0
    sunny = np.where(rounded, 0.45, np.maximum(weather.sun @ normals, 0)) * (1 - _in_shadow(view, backdrop))
    light = (0.65 + 0.35 * np.where(rounded, 0.3, normals[1]))[:, None] * _rgb(weather.ambient)
    light = light + sunny[:, None] * _rgb(weather.sunlight)
    light = light + lamplight(view.scene.lights, centres, normals, rounded).T
    mirrored = view.table("mirror")[:, None] * (0.55 + 0.45 * normals[1])[:, None] * _rgb(weather.ambient) * 1.3
    own = (view.owners >= 0).astype(np.float32)[:, None]
    clear = np.exp(-weather.haze * np.linalg.norm(view.centres, axis=1))[:, None].astype(np.float32)
    airlight = _airlight(view)
    reflected = (view.table("colour") * light + mirrored) * clear + airlight * (1 - clear)
    shine = np.hstack([view.table("glow") * np.maximum(clear, 0.15), view.table("texture")[:, None] * clear])
    return reflected * own, shine


def _airlight(view: View) -> np.ndarray:
    weather = view.scene.weather
    return 0.8 * _rgb(weather.horizon) + 0.2 * _rgb(weather.ambient)


def _in_shadow(view: View, backdrop: Backdrop) -> np.ndarray:
    """Shadow (0-1) on each part of an object, taken where its thing meets the ground, just in front of it."""
    scene = view.scene
    shade = np.zeros(len(scene.things) + 1, np.float32)
    height, width = scene.size
    for index, thing in enumerate(scene.things):
        points = thing.footprint if thing.footprint is not None else thing.parts[0].points
        x, z = points[:, 0].mean(), max(points[:, 2].mean(), 1.0)
        sunward = np.array([x, 0, z]) + 1.2 * scene.weather.sun * (1, 0, 1)
        column = scene.centre[0] + scene.focal * sunward[0] / max(sunward[2], 1.0)
        row = scene.centre[1] + scene.focal * scene.eye[1] / max(sunward[2], 1.0)
        shade[index] = backdrop.shadow[int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))]
    return 0.85 * shade[view.owners]


def _halo(glow: np.ndarray, haze: float) -> np.ndarray:
    """Light scattered around bright spots by lens and air; more of it, and wider, in haze."""
    height, width = glow.shape[:2]
    small = cv2.resize(glow, (max(width // 4, 8), max(height // 4, 8)), interpolation=cv2.INTER_AREA)
    scattered = np.zeros_like(small)
    for blur, share in HALO:
        sigma = max(blur * width / 512 / 4, 0.4)
        scattered += cv2.GaussianBlur(small, (0, 0), sigma) * share * (1 + 6 * haze)
    return cv2.resize(scattered, (width, height), interpolation=cv2.INTER_LINEAR)


def render(view: View, backdrop: Backdrop) -> np.ndarray:
    """The visible image, H×W×3 RGB uint8."""
    weather = view.scene.weather
    reflected, shine = _objects(view, backdrop)
    behind = (view.owners < 0).astype(np.float32)[:, None]
    behind[SKY] = 0
    mirror = view.table("mirror")[:, None] * behind
    albedo = average(view, np.hstack([view.table("colour") * behind, mirror]))
    cover = average(view, np.hstack([reflected, behind]))
    shine = average(view, shine)
    light = _light_on_backdrop(view, backdrop) * (1 + 0.14 * backdrop.grain)[..., None]
    clear = np.exp(-weather.haze * backdrop.place[2])[..., None]
    painted = cv2.GaussianBlur(backdrop.grain, (0, 0), 1.5)[..., None]
    image = albedo[..., :3] * light * clear + cover[..., 3:4] * _airlight(view) * (1 - clear)
    image += albedo[..., 3:4] * clear * _rgb(weather.ambient) * 0.9 * (1 + 0.25 * painted)
    image += (
        cover[..., :3] * np.maximum(1 + shine[..., 3:] * backdrop.speckle[..., None], 0)
        + sky_cover(view)[..., None] * _sky(view, backdrop)
        + shine[..., :3]
        + _halo(shine[..., :3], weather.haze)
    )
    return _camera(view, image)


def _camera(view: View, light: np.ndarray) -> np.ndarray:
    """Exposure, shot and read noise that grow with the gain, film-like roll-off and the 8-bit gamma curve."""
    gain = view.scene.weather.exposure
    random = np.random.default_rng([*view.scene.seed, 1])
    exposed = np.maximum(light * gain, 0)
    noise = random.standard_normal(light.shape, np.float32)
    noise *= np.sqrt(SHOT_NOISE * gain * exposed + (READ_NOISE * gain) ** 2)
    exposed += noise
    level = np.sqrt(np.clip(exposed, 0, BRIGHTEST)) * ((len(CURVE) - 1) / BRIGHTEST**0.5)
    return np.take(CURVE, level.astype(np.int32))
