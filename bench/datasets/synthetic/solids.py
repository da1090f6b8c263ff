"""What the street is built of: flat polygons in metres, each with a surface that both cameras understand.

Axes: x to the right, y up, z away from the camera; the ground is y = 0. A solid is an ordered list of parts: what comes
later is painted over what comes before, and a one-sided part vanishes when it faces away from the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

Colour = tuple[float, float, float]
CAP_ANGLES = np.linspace(0.0, np.pi, 7)
CORE = 0.55
CORE_SHIFT = (-0.16, 0.16, 0.0)


class Surface(NamedTuple):
    """How a part looks to both cameras; one record, so that the two images can never disagree about the geometry."""

    colour: Colour = (0.3, 0.3, 0.3)
    """Linear RGB reflectance, 0-1."""
    warmth: float = 0.0
    """Kelvin above what air, sun and sky make of the surface: engines, tyres, lamps."""
    body: float = 0.0
    """Share of the way from the surroundings' temperature to that of skin: 1 bare skin, about 0.5 clothes."""
    emissivity: float = 0.94
    glow: Colour = (0.0, 0.0, 0.0)
    """Emitted light; 1 is white paper in full daylight."""
    mirror: float = 0.0
    """Share of the sky that is seen by reflection: glass, varnish."""
    texture: float = 0.03
    """Contrast of fine detail that is too small to model: leaves, folds, dirt."""
    rounded: bool = False
    """Lit from all around like a cylinder or a heap of leaves, rather than like a plane."""


class Part(NamedTuple):
    """One surface of a solid: a polygon, seen from one side or both."""

    points: np.ndarray
    """N×3 corners in metres; counter-clockwise from outside."""
    surface: Surface
    one_sided: bool = True


Rod = tuple[Sequence[float], Sequence[float], float, float, Surface]
"""Start and end in own axes, radius at each, surface."""


class Thing(NamedTuple):
    """Something that stands in the street. ``label`` is empty for scenery that nobody annotates."""

    parts: list[Part]
    distance: float
    label: str = ""
    footprint: np.ndarray | None = None
    """N×3 outline on the ground: where the thing keeps daylight out and, when running, warms the road."""
    underside: float = 0.0
    """Kelvin that the thing adds to the ground below it."""


class Sculptor:
    """Collects the parts of one solid, given in its own axes (z = forward), at a place and heading in the street."""

    def __init__(self, eye: np.ndarray, place: tuple[float, float, float], heading: float = 0.0) -> None:
        cosine, sine = np.cos(heading), np.sin(heading)
        self.eye, self.place = eye, np.asarray(place, float)
        self.turn = np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]])
        self.parts: list[Part] = []

    def world(self, points) -> np.ndarray:
        """Points N×3 of the solid's own axes, in metres, as points of the scene."""
        return np.asarray(points, float) @ self.turn + self.place

    def polygon(self, points, surface: Surface, one_sided: bool = True) -> np.ndarray:
        """Adds a flat polygon and returns its own-axes corners, so that details can be laid onto it."""
        points = np.asarray(points, float)
        self.parts.append(Part(self.world(points), surface, one_sided))
        return points

    def box(self, low, high, surface: Surface, top: Surface | None = None) -> dict[str, np.ndarray]:
        """An upright box between two corners. Returns its faces; each starts bottom left as seen from outside."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        corners = {
            "rear": [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)],
            "front": [(x1, y0, z1), (x0, y0, z1), (x0, y1, z1), (x1, y1, z1)],
            "left": [(x0, y0, z1), (x0, y0, z0), (x0, y1, z0), (x0, y1, z1)],
            "right": [(x1, y0, z0), (x1, y0, z1), (x1, y1, z1), (x1, y1, z0)],
            "top": [(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)],
        }
        return {name: self.polygon(face, top if top and name == "top" else surface) for name, face in corners.items()}

    def loft(self, profile, surfaces: list[Surface], side: Surface) -> list[np.ndarray]:
        """A body from its side profile: rows (z, y, half width) from the rear over the top to the front.

        Strip i joins row i and row i + 1 and wears ``surfaces[i]``. Returns the strips, bottom left corner first.
        """
        profile = np.asarray(profile, float)
        left = np.stack([-profile[:, 2], profile[:, 1], profile[:, 0]], axis=1)
        right = left * (-1, 1, 1)
        self.polygon(left, side)
        self.polygon(right[::-1], side)
        return [
            self.polygon([left[i], right[i], right[i + 1], left[i + 1]], surface) for i, surface in enumerate(surfaces)
        ]

    def limbs(self, rods: list[Rod], light: float = 0.0) -> None:
        """Tapered round rods, drawn as silhouettes from the farthest to the nearest.

        ``light`` > 0 gives each a paler, warmer core, which makes it look round.
        """
        ends = self.world([[rod[0], rod[1]] for rod in rods])
        radii = np.array([[rod[2], rod[3]] for rod in rods])[:, :, None, None]
        view = ends.mean(axis=1) - self.eye
        distance = np.linalg.norm(view, axis=1, keepdims=True)
        view /= distance
        axis = ends[:, 1] - ends[:, 0]
        axis -= (axis * view).sum(axis=1, keepdims=True) * view + (0, 1e-6, 0)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        across = np.cross(axis, view)
        sideways = np.cos(CAP_ANGLES)[:, None] * across[:, None]
        lengthways = np.sin(CAP_ANGLES)[:, None] * axis[:, None]
        caps = np.stack([sideways - lengthways, lengthways - sideways], axis=1) * radii
        whole = (ends[:, :, None] + caps).reshape(len(rods), -1, 3)
        core = (ends[:, :, None] + CORE * caps + radii * CORE_SHIFT).reshape(len(rods), -1, 3)
        for index in np.argsort(-distance[:, 0], kind="stable"):
            surface = rods[index][4]
            self.parts.append(Part(whole[index], surface, one_sided=False))
            if light:
                self.parts.append(Part(core[index], brighter(surface, 1 + light), one_sided=False))

    def disc(self, centre, radius: float, surface: Surface, side: float, corners: int = 16) -> None:
        """An upright disc in the plane of travel, facing right (side 1) or left (side -1): wheels."""
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        rim = np.stack([np.zeros(corners), np.sin(angles), np.cos(angles) * side], axis=1) * radius
        self.polygon(rim + np.asarray(centre, float), surface)


@lru_cache(maxsize=4096)
def brighter(surface: Surface, gain: float) -> Surface:
    """The lit side of a round thing: more light comes back, and the thinner cloth there is a little warmer."""
    colour = tuple(min(1.0, channel * gain) for channel in surface.colour)
    return surface._replace(colour=colour, body=surface.body + 0.06 * (surface.body > 0))


def patch(face: np.ndarray, left: float, bottom: float, right: float, top: float) -> np.ndarray:
    """The part of a four-cornered face between fractions of its width and height."""
    corners = ((left, bottom), (right, bottom), (right, top), (left, top))
    weights = [((1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v) for u, v in corners]
    return np.array(weights) @ face


def outline(x: float, z: float, half_width: float, half_length: float, heading: float) -> np.ndarray:
    """Ground outline of a turned rectangle."""
    own = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float) * (half_width, 1, half_length)
    cosine, sine = np.cos(heading), np.sin(heading)
    return own @ np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]]) + (x, 0.0, z)
