"""The thermal image: band radiance from temperatures and emissivities, through the air, onto a microbolometer."""

from __future__ import annotations

import cv2
import numpy as np

from bench.datasets.synthetic.light import Backdrop, average
from bench.datasets.synthetic.view import SKY, View

SUN_HEATING = 6.0  # K, what full sun adds to a black surface that faces it
SKIN = 306.5  # K, face and hands
BAND = np.linspace(8e-6, 14e-6, 25)  # m, the long-wave window
C1, C2 = 1.191042972e-16, 1.438776877e-2  # W·m²/sr and m·K, CODATA 2018
NOISE = 0.06  # K, noise-equivalent temperature difference
COLUMN_NOISE = 0.02  # K, what is left of the fixed pattern
OPTICS = 0.75  # pixels, blur of lens and detector at 512 pixels of width
WHITE = 99.8  # percentile that becomes white
BELOW_MIDDLE = 1.1  # how far below the median black lies, in units of the distance from there to white
EQUALISED = 0.12


def band_radiance(kelvin: np.ndarray) -> np.ndarray:
    """Radiance of a black body in 8-14 µm, W/(m²·sr), by Planck's law."""
    grid = np.linspace(180.0, 420.0, 121)
    spectral = C1 / (BAND**5 * np.expm1(C2 / (BAND * grid[:, None])))
    return np.interp(kelvin, grid, np.trapezoid(spectral, BAND, axis=1)).astype(np.float32)


def temperatures(view: View) -> np.ndarray:
    """Kelvin of every part: air, sun or night sky on it, its own warmth, and blood where there is a body."""
    weather = view.scene.weather
    normals = view.normals
    dark = 1 - view.table("colour").mean(axis=1)
    sunlit = np.maximum(normals @ weather.sun, 0) * np.mean(weather.sunlight) * dark
    kelvin = weather.air + view.table("warmth") + SUN_HEATING * sunlit
    kelvin += np.where(
        view.on_ground, 0.0, -3.0 * np.maximum(normals[:, 1], 0) * (weather.air - weather.zenith_sky) / 50
    )
    road = view.on_ground & (view.table("colour").mean(axis=1) < 0.2) & (view.table("warmth") > 0)
    kelvin += weather.ground * np.where(view.on_ground, np.where(road, 1.0, 0.6), 0.25)
    body = view.table("body")
    return kelvin + body * (SKIN - kelvin)


def leaving_radiance(view: View, kelvin: np.ndarray) -> np.ndarray:
    """Emitted plus reflected radiance of every part; level and tilted-up parts mirror the cold sky."""
    weather = view.scene.weather
    emissivity = view.table("emissivity")
    to_sky = 0.5 + 0.5 * view.normals[:, 1]
    sky = band_radiance(np.array(weather.air - 0.7 * (weather.air - weather.zenith_sky)))
    around = to_sky * sky + (1 - to_sky) * band_radiance(np.array(weather.air))
    return (emissivity * band_radiance(kelvin) + (1 - emissivity) * around).astype(np.float32)


def _sky(view: View, backdrop: Backdrop) -> np.ndarray:
    weather = view.scene.weather
    height = np.clip(backdrop.elevation, 0, 1) ** 0.4
    kelvin = weather.air - 9 - (weather.air - 9 - weather.zenith_sky) * height
    return band_radiance(kelvin + 9 * backdrop.cloud * np.clip(backdrop.elevation * 6, 0, 1))


def radiance(view: View, backdrop: Backdrop) -> np.ndarray:
    """Band radiance at the camera without noise and optics, H×W float32, W/(m²·sr)."""
    weather = view.scene.weather
    air = band_radiance(np.array(weather.air))
    leaving = leaving_radiance(view, temperatures(view))
    behind, sky = (view.owners < 0).astype(np.float32), np.zeros(len(leaving), np.float32)
    behind[SKY], sky[SKY] = 0, 1
    distance = np.linalg.norm(view.centres, axis=1)
    clear = np.exp(-weather.thermal_haze * distance)
    objects = ((leaving - air) * clear + air) * (view.owners >= 0)
    cover = average(view, np.stack([leaving * behind, objects, behind, sky], axis=1))
    per_kelvin = band_radiance(np.array(weather.air + 1)) - air
    kelvin = 0.35 * backdrop.grain + backdrop.underside - 4.0 * float(np.mean(weather.sunlight)) * backdrop.shadow
    kelvin += backdrop.ground * 1.5 * np.exp(-backdrop.place[2] / 18) - 1.0 * backdrop.contact * (
        weather.sunlight[0] > 0.3
    )
    clear = np.exp(-weather.thermal_haze * backdrop.place[2])
    behind = cover[..., 2]
    street = (cover[..., 0] + behind * (kelvin * per_kelvin - air)) * clear + behind * air
    return street + cover[..., 1] + cover[..., 3] * _sky(view, backdrop)


def render(view: View, backdrop: Backdrop) -> np.ndarray:
    """The thermal image, H×W uint8, white hot."""
    weather = view.scene.weather
    random = np.random.default_rng([*view.scene.seed, 2])
    height, width = view.scene.size
    blur = max(0.4, OPTICS * width / 512)
    signal = cv2.GaussianBlur(radiance(view, backdrop), (0, 0), blur)
    per_kelvin = band_radiance(np.array(weather.air + 1)) - band_radiance(np.array(weather.air))
    noise = NOISE * random.standard_normal((height, width), np.float32)
    noise += COLUMN_NOISE * random.standard_normal((1, width), np.float32)
    return gain_control(signal + per_kelvin * noise)


def gain_control(signal: np.ndarray) -> np.ndarray:
    """Linear stretch that gives up the cold sky, with a share of histogram equalisation: detail without glare."""
    middle, high = np.percentile(signal[::2, ::2], (50, WHITE))
    low = max(float(signal.min()), float(middle) - BELOW_MIDDLE * float(high - middle))
    level = (np.clip((signal - low) / max(float(high) - low, 1e-6), 0, 1) * 1023).astype(np.int32)
    counts = np.bincount(level[::2, ::2].ravel(), minlength=1024)
    plateau = np.minimum(counts, 3 * counts.mean())
    equal = np.cumsum(plateau) / plateau.sum()
    curve = (1 - EQUALISED) * np.linspace(0, 1, 1024) + EQUALISED * equal
    return np.take(np.round(255 * curve).astype(np.uint8), level)
