"""The camera: one raster of part numbers from which both images and all boxes are made, so that they align exactly."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from bench.datasets.pair import Box
from bench.datasets.synthetic.scene import SMALLEST_OBJECT, Scene
from bench.datasets.synthetic.solids import Part, Surface

SUPERSAMPLE = 2
NEAR_PLANE = 0.5
SUBPIXEL_BITS = 4
LEAST_VISIBLE_SHARE = 0.2
"""An object that shows less of its silhouette is not labelled: it is mostly hidden or mostly outside the image."""
SKY = 0


class View(NamedTuple):
    """What the camera sees of a scene. Part 0 is the sky; tables have one row per part."""

    scene: Scene
    parts: np.ndarray
    """(2H)×(2W) int32: number of the nearest part."""
    backdrop: np.ndarray
    """H×W int32: the nearest part of ground, houses and sky, behind everything that stands in the street."""
    surfaces: list[Surface]
    surface_of: np.ndarray
    centres: np.ndarray
    """Parts×3, metres."""
    normals: np.ndarray
    """Parts×3, unit, outwards."""
    owners: np.ndarray
    """Index into ``scene.things``; -1 for the backdrop."""
    on_ground: np.ndarray
    boxes: tuple[Box, ...]

    def table(self, field: str) -> np.ndarray:
        """A field of the surface of every part, float32."""
        return np.array([getattr(surface, field) for surface in self.surfaces], np.float32)[self.surface_of]


def project(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Metres (N×3) to continuous pixels (N×2)."""
    depth = points[:, 2]
    x = scene.centre[0] + scene.focal * points[:, 0] / depth
    return np.stack([x, scene.centre[1] - scene.focal * (points[:, 1] - scene.eye[1]) / depth], axis=1)


def clip_near(points: np.ndarray) -> np.ndarray:
    """The part of a polygon in front of the camera (Sutherland–Hodgman)."""
    depth = points[:, 2] - NEAR_PLANE
    if (depth >= 0).all():
        return points
    kept = []
    for index, point in enumerate(points):
        previous, before, now = points[index - 1], depth[index - 1], depth[index]
        if (before >= 0) != (now >= 0):
            kept.append(previous + (point - previous) * before / (before - now))
        if now >= 0:
            kept.append(point)
    return np.array(kept).reshape(-1, 3)


def newell_normals(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Outward unit normals of polygons stored one after the other (axes are left-handed, corners counter-clockwise)."""
    following = np.roll(points, -1, axis=0)
    lasts = np.append(starts[1:], len(points)) - 1
    following[lasts] = points[starts]
    cross = np.add.reduceat(np.cross(following, points), starts, axis=0)
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)


def _flatten(scene: Scene) -> tuple[list[Part], np.ndarray]:
    parts, owners = list(scene.ground), [-1] * len(scene.ground)
    for house in scene.houses:
        parts += house.parts
        owners += [-1] * len(house.parts)
    for index, thing in enumerate(scene.things):
        parts += thing.parts
        owners += [index] * len(thing.parts)
    return parts, np.array(owners)


def split(points: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """Polygons stored one after the other, one by one (views)."""
    first = starts.tolist()
    return [points[begin:end] for begin, end in zip(first, [*first[1:], len(points)], strict=True)]


def to_raster(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Continuous pixels to OpenCV's fixed-point corners, whose integers are pixel centres."""
    limit = 1 << 14
    return np.round((np.clip(pixels, -limit, limit) * scale - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


class _Outlines(NamedTuple):
    """The polygons of a scene on the raster, in painter's order; row i is part number i + 1."""

    corners: list[np.ndarray]
    shown: np.ndarray
    owners: np.ndarray


def look(scene: Scene) -> View:
    """Rasterises a scene by the painter's algorithm and measures the visible extent of every labelled object."""
    flat, owners = _flatten(scene)
    sizes = np.array([len(part.points) for part in flat])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    points = np.concatenate([part.points for part in flat])
    normals = newell_normals(points, starts)
    centres = np.add.reduceat(points, starts, axis=0) / sizes[:, None]
    two_sided = ~np.array([part.one_sided for part in flat])
    away = np.einsum("ij,ij->i", normals, centres - scene.eye) >= 0
    normals[two_sided & away] *= -1
    corners = _corners(scene, points, starts)
    shown = np.array([len(corner) > 2 for corner in corners]) & (two_sided | ~away)
    raster, backdrop, boxes = _paint(scene, _Outlines(corners, shown, owners))
    surfaces = [Surface(), *{id(part.surface): part.surface for part in flat}.values()]
    numbers = {id(surface): number for number, surface in enumerate(surfaces)}
    return View(
        scene, raster, backdrop, surfaces, np.array([0, *(numbers[id(part.surface)] for part in flat)]),
        np.vstack([[0, 0, 1e3], centres]), np.vstack([[0, 0, -1], normals]), np.append(-1, owners),
        np.append(False, np.arange(len(flat)) < len(scene.ground)), boxes,
    )  # fmt: skip


def _corners(scene: Scene, points: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    depth = points[:, 2]
    safe = np.where(depth[:, None] < NEAR_PLANE, (0.0, 0.0, 1.0), points)
    corners = split(to_raster(project(scene, safe), SUPERSAMPLE), starts)
    for index in np.flatnonzero(np.minimum.reduceat(depth, starts) < NEAR_PLANE):
        end = starts[index + 1] if index + 1 < len(starts) else len(points)
        clipped = clip_near(points[starts[index] : end])
        corners[index] = to_raster(project(scene, clipped), SUPERSAMPLE)
    return corners


def _paint(scene: Scene, outlines: _Outlines) -> tuple[np.ndarray, np.ndarray, tuple[Box, ...]]:
    height, width = scene.size
    raster = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE), np.int32)
    first = int(np.searchsorted(outlines.owners, 0))

    def fill(begin: int, end: int) -> None:
        for index in range(begin, end):
            if outlines.shown[index]:
                cv2.fillPoly(raster, [outlines.corners[index]], index + 1, cv2.LINE_8, SUBPIXEL_BITS)

    fill(0, first)
    middle = slice(SUPERSAMPLE // 2, None, SUPERSAMPLE)
    backdrop = raster[middle, middle].copy()
    objects = []
    for owner, thing in enumerate(scene.things):
        begin, end = np.searchsorted(outlines.owners, (owner, owner + 1)).tolist()
        fill(begin, end)
        if thing.label:
            seen = [outlines.corners[index] for index in range(begin, end) if outlines.shown[index]]
            objects.append((thing.label, begin, end, *_whole(seen, raster, begin, end)))
    found = (_box(raster, *one) for one in objects)
    return raster, backdrop, tuple(box for box in found if box)


def _whole(seen: list[np.ndarray], raster: np.ndarray, begin: int, end: int) -> tuple[tuple[slice, slice], float]:
    """Where on the raster an object just painted lies, and its area in raster pixels as if nothing cut or hid it."""
    if not seen:
        return (slice(0), slice(0)), 1.0
    corners = np.concatenate(seen) / (1 << SUBPIXEL_BITS)
    low, high = np.floor(corners.min(axis=0)).astype(int) - 1, np.ceil(corners.max(axis=0)).astype(int) + 2
    inside_low = np.maximum(low, 0)
    inside_high = np.minimum(high, raster.shape[::-1])
    extent = np.prod(np.maximum(high - low, 1))
    share = np.prod(np.maximum(inside_high - inside_low, 0)) / extent
    window = slice(inside_low[1], max(inside_high[1], 0)), slice(inside_low[0], max(inside_high[0], 0))
    painted = raster[window]
    area = np.count_nonzero((painted > begin) & (painted <= end))
    return window, area / max(share, 1e-6)


def _box(raster: np.ndarray, label: str, begin: int, end: int, window: tuple[slice, slice], whole: float) -> Box | None:
    """The box of what is still visible once everything is painted; None if that is too little to be labelled."""
    mask = (raster[window] > begin) & (raster[window] <= end)
    if mask.sum() < LEAST_VISIBLE_SHARE * whole or not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = columns[0] + window[1].start, rows[0] + window[0].start
    w, h = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    if max(w, h) < SMALLEST_OBJECT * SUPERSAMPLE:
        return None
    return Box(label, *(float(value) / SUPERSAMPLE for value in (x, y, w, h)))
