"""How light and haze fall on the scene, per part and per pixel of the backdrop, and how both are put into one image."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from bench.datasets.synthetic.furniture import Light
from bench.datasets.synthetic.scene import FRAMES_PER_STREET, Scene
from bench.datasets.synthetic.solids import Colour
from bench.datasets.synthetic.view import NEAR_PLANE, SKY, View, clip_near, project, split, to_raster

TILE = 512
LAMP_SIZE = 0.3  # m², keeps the light next to a lamp finite
FINE, COARSE = 40.0, 2.5
"""Texture pixels per metre of the fine and of the coarse grain."""


class Backdrop(NamedTuple):
    """Ground, houses and sky by pixel (H×W float32 each): where they are, how they face, what shades them."""

    place: np.ndarray
    """3×H×W, metres."""
    normal: np.ndarray
    """3×H×W."""
    ground: np.ndarray
    """Boolean: road, pavement or lawn."""
    elevation: np.ndarray
    """H×1: sine of the viewing angle above the horizon, in the middle of each row."""
    grain: np.ndarray
    """World-anchored texture of zero mean and about unit range."""
    speckle: np.ndarray
    """Texture fixed to the image, for things too small to carry their own."""
    cloud: np.ndarray
    shadow: np.ndarray
    """0-1: how much of the sun is kept out; zero off the ground."""
    contact: np.ndarray
    """0-1: how much of the sky is kept out below things that stand on the ground."""
    underside: np.ndarray
    """Kelvin that warm things add to the ground below them."""


def octave_noise(random: np.random.Generator, octaves: int = 6) -> np.ndarray:
    """Tileable TILE×TILE noise, zero mean, unit standard deviation, with equal contrast per octave below 1/4 pixel."""
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        cells = TILE >> octave
        small = random.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.pad(small, 2, mode="wrap")
        step = TILE // cells
        large = cv2.resize(wrapped, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += large[2 * step : 2 * step + TILE, 2 * step : 2 * step + TILE] * (1 + 0.35 * octave)
    return (total - total.mean()) / total.std()


GRAIN = octave_noise(np.random.default_rng([20, 24]))
CLOUD = octave_noise(np.random.default_rng([20, 25]), octaves=8)


def backdrop_of(view: View) -> Backdrop:
    """The geometry of every backdrop pixel from the plane of its part, with texture, shadows and contact shade."""
    scene, ids = view.scene, view.backdrop
    height, width = scene.size
    rays_x = ((np.arange(width, dtype=np.float32) + 0.5 - scene.centre[0]) / scene.focal)[None, :]
    rays_y = (-(np.arange(height, dtype=np.float32) + 0.5 - scene.centre[1]) / scene.focal)[:, None]
    plane = np.einsum("ij,ij->i", view.normals, view.centres - scene.eye).astype(np.float32)
    normals = view.normals.astype(np.float32)
    normal = np.stack([np.take(normals[:, axis], ids) for axis in range(3)])
    facing = normal[0] * rays_x + normal[1] * rays_y + normal[2]
    z = np.clip(np.take(plane, ids) / np.where(np.abs(facing) < 1e-6, 1e-6, facing), NEAR_PLANE, 1000)
    x, y = z * rays_x, z * rays_y + np.float32(scene.eye[1])
    ground = np.take(view.on_ground, ids)
    shadow, contact, underside = _shades(view, ground)
    return Backdrop(
        place=np.stack([x, y, z]),
        normal=normal,
        ground=ground,
        elevation=rays_y / np.sqrt(rays_y**2 + 1),
        grain=_grain(x, y, z),
        speckle=_speckle(scene),
        cloud=_clouds(scene, rays_x, rays_y),
        shadow=shadow,
        contact=contact,
        underside=underside,
    )


def _sample(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    columns, rows = (value - TILE * np.floor(value / TILE) for value in (u, v))
    return cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _grain(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    u, v = x + 0.5 * y, 0.6 * z + 0.8 * y  # one map that lies flat on no axis-aligned plane
    fine = _sample(GRAIN, FINE * u, FINE * v) * np.clip(6.0 / z, 0, 1)
    coarse = _sample(GRAIN, COARSE * u, COARSE * v) * np.clip(60.0 / z, 0, 1)
    return 0.4 * fine + 0.6 * coarse


def _speckle(scene: Scene) -> np.ndarray:
    shift = 37 * scene.seed[1] % TILE
    rows, columns = ((np.arange(side) + shift) % TILE for side in scene.size)
    return GRAIN[np.ix_(rows, columns)]


def _clouds(scene: Scene, rays_x: np.ndarray, rays_y: np.ndarray) -> np.ndarray:
    """Share of cloud on a layer overhead, 0-1, thinning into the haze at the horizon."""
    height = np.maximum(rays_y, 0.02)
    offset = 97.0 * (scene.seed[1] // 4 // FRAMES_PER_STREET + scene.seed[0])
    u, v = 45 * rays_x / (height + 0.25) + offset, 45 / (height + 0.25)
    pattern = _sample(CLOUD, u * np.ones_like(v), v * np.ones_like(u))
    return np.clip(0.5 * pattern + 1.6 * scene.weather.clouds - 0.6, 0, 1)


def _shades(view: View, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scene = view.scene
    shadow, contact, underside = (np.zeros(scene.size, np.uint8) for _ in range(3))
    if max(scene.weather.sunlight) > 0.3:
        solids = [part for house in scene.houses for part in house.parts[:5]]
        solids += [part for thing in scene.things for part in thing.parts]
        _cast(scene, [part.points for part in solids], shadow)
    for thing in scene.things:
        if thing.footprint is None:
            continue
        outline = clip_near(thing.footprint)
        if len(outline) > 2:
            corners = [to_raster(project(scene, outline), 1)]
            cv2.fillPoly(contact, corners, 255, cv2.LINE_AA, 4)
            cv2.fillPoly(underside, corners, int(min(thing.underside * 20, 255)), cv2.LINE_AA, 4)
    soft = max(1.0, scene.focal / 200)
    blurred = [cv2.GaussianBlur(mask.astype(np.float32), (0, 0), soft * width) for mask, width in
               ((shadow, 0.35), (contact, 1.0), (underside, 1.2))]  # fmt: skip
    return blurred[0] / 255 * ground, blurred[1] / 255 * ground, blurred[2] / 20 * ground


def _cast(scene: Scene, polygons: list[np.ndarray], shadow: np.ndarray) -> None:
    """Draws the shadows of polygons on the ground plane into a mask."""
    sun = scene.weather.sun
    starts = np.cumsum([0, *(len(points) for points in polygons)])[:-1]
    points = np.concatenate(polygons)
    points = points - points[:, 1:2] / sun[1] * sun
    near = np.minimum.reduceat(points[:, 2], starts) < NEAR_PLANE
    safe = np.where(points[:, 2:] < NEAR_PLANE, (0.0, 0.0, 1.0), points)
    for corners, own, clip in zip(
        split(to_raster(project(scene, safe), 1), starts), split(points, starts), near.tolist(), strict=True
    ):
        if clip:
            own = clip_near(own)
            if len(own) < 3:
                continue
            corners = to_raster(project(scene, own), 1)
        cv2.fillPoly(shadow, [corners], 255, cv2.LINE_8, 4)


def lamplight(lights: list[Light], place: np.ndarray, normal: np.ndarray, rounded) -> np.ndarray:
    """Irradiance from lamps (3×…) at places and with normals (3×…); round things are lit from all around."""
    total = np.zeros(place.shape, np.float32)
    by_colour: dict[Colour, np.ndarray] = {}
    for light in lights:
        dx, dy, dz = (float(light.place[axis]) - place[axis] for axis in range(3))
        square = dx * dx + dy * dy + dz * dz + LAMP_SIZE
        inverse = 1 / np.sqrt(square)
        cosine = (dx * normal[0] + dy * normal[1] + dz * normal[2]) * inverse
        gain = np.where(rounded, 0.35 + 0.35 * cosine, np.maximum(cosine, 0)) / square
        if light.direction is not None:
            beam = [-float(value) for value in light.direction]
            along = (dx * beam[0] + dy * beam[1] + dz * beam[2]) * inverse
            gain *= np.sqrt(np.clip((along - light.cone) / (1 - light.cone), 0, 1))
        by_colour[light.colour] = by_colour.get(light.colour, 0) + gain
    for colour, gain in by_colour.items():
        total += np.multiply.outer(np.array(colour, np.float32), gain)
    return total


def average(view: View, table: np.ndarray) -> np.ndarray:
    """Mean of a per-part table over the raster pixels of each image pixel: the antialiasing.

    The table is parts×4, because OpenCV reduces four channels several times faster than three or five.
    """
    fine = np.take(np.ascontiguousarray(table, np.float32), view.parts, axis=0)
    height, width = view.scene.size
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


def sky_cover(view: View) -> np.ndarray:
    """Share of sky in each image pixel, H×W."""
    height, width = view.scene.size
    return cv2.resize((view.parts == SKY).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
