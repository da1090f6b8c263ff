"""The fixed part of a street: ground and markings, buildings, trees, poles and lamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic.furniture import KERB, LEAVES, tree
from bench.datasets.synthetic.solids import Part, Sculptor, Surface, Thing, patch

LANE = 3.5
BAY = 2.2
FAR = 240.0
NEAR = -4.0
ASPHALT = Surface((0.085, 0.085, 0.09), warmth=1.0, emissivity=0.96)
PAINT = Surface((0.5, 0.5, 0.48), warmth=0.3, emissivity=0.93)
YELLOW = Surface((0.5, 0.34, 0.05), warmth=0.3, emissivity=0.93)
PAVEMENTS = ((0.25, 0.24, 0.22), (0.3, 0.26, 0.22), (0.22, 0.22, 0.23))
GRASS = Surface((0.075, 0.13, 0.035), warmth=-1.5, emissivity=0.98)
WALLS = (
    (0.42, 0.36, 0.29), (0.33, 0.17, 0.12), (0.46, 0.45, 0.42), (0.3, 0.29, 0.28), (0.5, 0.42, 0.28), (0.38, 0.26, 0.2),
)  # fmt: skip
SIGNS = ((0.5, 0.05, 0.05), (0.05, 0.2, 0.45), (0.06, 0.3, 0.12), (0.55, 0.4, 0.05), (0.5, 0.5, 0.5))


class Layout(NamedTuple):
    """Where things are across and along the street, in metres. The camera is at x = 0, z = 0, in a right-hand lane."""

    left: float
    right: float
    lanes: tuple[float, ...]
    """Centres of the lanes, from left to right."""
    oncoming: int
    """How many of them, from the left, come towards the camera."""
    parking: tuple[bool, bool]
    """Whether there is a parking bay along the left and the right kerb."""
    pavement: float
    junction: float
    """Distance of the near edge of the crossing road."""
    width: float
    """Width of the crossing road."""


def lay_out(random: np.random.Generator) -> Layout:
    """Draw how wide the street is, where its lanes lie, and what stands beside it."""
    towards, away = int(random.integers(1, 3)), int(random.integers(1, 3))
    first = -LANE * towards - LANE / 2
    if away == 2 and random.random() < 0.5:
        first -= LANE
    lanes = tuple(first + LANE * (index + 0.5) for index in range(towards + away))
    parking = bool(random.random() < 0.55), bool(random.random() < 0.55)
    return Layout(
        left=first - 0.4 - BAY * parking[0],
        right=first + LANE * (towards + away) + 0.4 + BAY * parking[1],
        lanes=lanes,
        oncoming=towards,
        parking=parking,
        pavement=float(random.uniform(2.8, 5.0)),
        junction=float(random.uniform(13, 30)),
        width=2 * LANE + 1,
    )


def _strip(x0: float, x1: float, z0: float, z1: float, surface: Surface, y: float = 0.0) -> Part:
    return Part(np.array([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)]), surface)


def ground(random: np.random.Generator, layout: Layout) -> list[Part]:
    """Lawn, pavements with kerbs, carriageways, lane markings, stop line and zebra crossing."""
    pavement = Surface(PAVEMENTS[int(random.integers(len(PAVEMENTS)))], emissivity=0.94)
    kerb = Surface((0.4, 0.4, 0.38), emissivity=0.94)
    near, far = layout.junction, layout.junction + layout.width
    parts = [_strip(-200, 200, NEAR, FAR, GRASS), _strip(layout.left, layout.right, NEAR, FAR, ASPHALT)]
    for edge, side in ((layout.left, -1), (layout.right, 1)):
        outer = edge + side * (layout.pavement + 8)
        for z0, z1 in ((NEAR, near), (far, FAR)):
            parts.append(_strip(*sorted((edge, outer)), z0, z1, pavement, KERB))
            parts.append(_strip(*sorted((edge, edge + side * 0.2)), z0, z1, kerb, KERB))
            face = [(edge, 0, z0), (edge, 0, z1), (edge, KERB, z1), (edge, KERB, z0)]
            dark = kerb._replace(colour=(0.24, 0.24, 0.23))
            parts.append(Part(np.array(face if side < 0 else face[::-1]), dark, one_sided=False))
    parts.append(_strip(-200, 200, near, far, ASPHALT))
    parts += _markings(layout)
    return parts


def _markings(layout: Layout) -> list[Part]:
    near, far = layout.junction, layout.junction + layout.width
    parts = []
    for index, x in enumerate((np.array(layout.lanes[1:]) + np.array(layout.lanes[:-1])) / 2):
        if index + 1 == layout.oncoming:
            for offset in (-0.14, 0.14):
                parts.append(_strip(x + offset - 0.06, x + offset + 0.06, NEAR, near - 5, YELLOW))
                parts.append(_strip(x + offset - 0.06, x + offset + 0.06, far + 5, FAR, YELLOW))
            continue
        for z in np.arange(0.0, 120.0, 8.0):
            if z + 3 < near - 5 or z > far + 5:
                parts.append(_strip(x - 0.07, x + 0.07, z, z + 3, PAINT))
    for edge in (layout.lanes[0] - LANE / 2, layout.lanes[-1] + LANE / 2):
        for z0, z1 in ((NEAR, near - 4), (far + 4, FAR)):
            parts.append(_strip(edge - 0.06, edge + 0.06, z0, z1, PAINT))
    for z in (near - 3.6, far + 0.6):
        for x in np.arange(layout.left + 0.5, layout.right - 0.6, 1.0):
            parts.append(_strip(x, x + 0.5, z, z + 3.0, PAINT))
    right_half = (layout.lanes[layout.oncoming] + layout.lanes[layout.oncoming - 1]) / 2 + 0.3
    parts.append(_strip(right_half, layout.right - 0.4, near - 4.9, near - 4.5, PAINT))
    return parts


def _windows(
    face: np.ndarray, columns: int, rows: int, surfaces: list[Surface], picks: np.ndarray, low: float
) -> list[Part]:
    """A grid of panes over a façade above height fraction ``low``; ``picks`` chooses the surface of each."""
    u = (np.arange(columns) + 0.5) / columns
    v = low + (np.arange(rows) + 0.45) / rows * (0.97 - low)
    half_u, half_v = 0.29 / columns, 0.31 * (0.97 - low) / rows
    grid_u, grid_v = (grid.ravel()[:, None, None] for grid in np.meshgrid(u, v))
    du = np.array([-1, 1, 1, -1])[None, :, None] * half_u
    dv = np.array([-1, -1, 1, 1])[None, :, None] * half_v
    across, up = face[1] - face[0], face[3] - face[0]
    panes = face[0] + (grid_u + du) * across + (grid_v + dv) * up
    return [Part(pane, surfaces[pick]) for pane, pick in zip(panes, picks, strict=True)]


def _window_surfaces(random: np.random.Generator, lit_share: float, count: int) -> tuple[list[Surface], np.ndarray]:
    glass = Surface((0.03, 0.035, 0.04), warmth=-1.0, emissivity=0.84, mirror=float(random.uniform(0.06, 0.2)))
    curtain = Surface((0.3, 0.28, 0.25), warmth=1.0, emissivity=0.88, mirror=0.06)
    lit = [
        Surface((0.3, 0.27, 0.2), warmth=3.0, emissivity=0.88, glow=tuple(g * c for c in (0.62, 0.42, 0.2)))
        for g in (0.3, 0.55)
    ]
    share = np.array([0.6 * (1 - lit_share), 0.4 * (1 - lit_share), 0.6 * lit_share, 0.4 * lit_share])
    return [glass, curtain, *lit], random.choice(4, size=count, p=share)


def building(
    random: np.random.Generator,
    eye: np.ndarray,
    side: int,
    facade: float,
    z0: float,
    z1: float,
    height: float,
    lit: float,
) -> Thing:
    """A house whose façade lies along the street and whose end wall faces the camera."""
    wall = Surface(WALLS[int(random.integers(len(WALLS)))], warmth=float(random.uniform(0.5, 2.5)), emissivity=0.93)
    depth = float(random.uniform(9, 14))
    low, high = sorted((facade, facade + side * depth))
    sculptor = Sculptor(eye, (0, 0, 0))
    dark = wall._replace(colour=tuple(0.6 * c for c in wall.colour))
    pale = wall._replace(colour=tuple(min(1.0, 1.35 * c) for c in wall.colour))
    face = sculptor.box((low, 0, z0), (high, height, z1), wall)
    street_face = face["right" if side < 0 else "left"]
    shop = 3.6 / height
    for wall_face, length in ((street_face, z1 - z0), (face["rear"], depth)):
        sculptor.polygon(patch(wall_face, 0, 0, 1, 0.5 / height), dark)
        sculptor.polygon(patch(wall_face, 0, 1 - 0.5 / height, 1, 1), pale)
        columns, rows = max(2, int(length / 2.9)), max(1, int((height - 3.8) / 3.1))
        surfaces, picks = _window_surfaces(random, lit, columns * rows)
        sculptor.parts += _windows(wall_face, columns, rows, surfaces, picks, shop)
    sign = Surface(SIGNS[int(random.integers(len(SIGNS)))], warmth=1.5)
    if lit and random.random() < 0.6:
        sign = sign._replace(glow=tuple(1.2 * c for c in sign.colour))
    if random.random() < 0.7:  # shop fronts on the ground floor
        sculptor.polygon(patch(street_face, 0.03, 2.75 / height, 0.97, 3.4 / height), sign)
        surfaces, _ = _window_surfaces(random, lit, 1)
        front = surfaces[3]._replace(warmth=2.0) if lit and random.random() < 0.6 else surfaces[0]
        bays = max(2, int((z1 - z0) / 4))
        for bay in range(bays):
            pane = patch(street_face, (bay + 0.12) / bays, 0.6 / height, (bay + 0.9) / bays, 2.6 / height)
            sculptor.polygon(pane, front)
    return Thing(sculptor.parts, float(z0))


def houses(random: np.random.Generator, eye: np.ndarray, layout: Layout, lit: float) -> list[Thing]:
    """Both rows of houses, and the towers and trees behind the end of the street, from far to near.

    ``lit`` is the share of windows with a lamp behind them.
    """
    found = _towers(random, eye, lit)
    for side, edge in ((-1, layout.left), (1, layout.right)):
        found += _row(random, eye, layout, side, edge, lit)
    season = int(random.integers(len(LEAVES)))
    for _ in range(int(random.integers(10, 18))):
        x, z = float(random.uniform(-70, 70)), float(random.uniform(155, 172))
        found.append(tree(random, eye, x, z, season, float(random.uniform(7, 12))))
    return sorted(found, key=lambda thing: -thing.distance)


def _towers(random: np.random.Generator, eye: np.ndarray, lit: float) -> list[Thing]:
    found = []
    for _ in range(int(random.integers(5, 10))):
        centre, width, height = random.uniform(-150, 150), random.uniform(12, 26), random.uniform(18, 75)
        z, wall = float(random.uniform(175, 235)), WALLS[int(random.integers(len(WALLS)))]
        sculptor = Sculptor(eye, (0, 0, 0))
        low, high = (centre - width / 2, 0, z), (centre + width / 2, height, z + 12)
        face = sculptor.box(low, high, Surface(wall, warmth=1.5))
        columns, rows = int(width / 3.2), int(height / 3.6)
        surfaces, picks = _window_surfaces(random, 0.6 * lit, columns * rows)
        sculptor.parts += _windows(face["rear"], columns, rows, surfaces, picks, 0.05)
        found.append(Thing(sculptor.parts, z))
    return found


def _row(
    random: np.random.Generator, eye: np.ndarray, layout: Layout, side: int, edge: float, lit: float
) -> list[Thing]:
    """The houses along one side, with gaps, leaving the crossing road free."""
    found, storeys = [], float(random.uniform(2.2, 6.0))
    before, after = layout.junction - 2, layout.junction + layout.width + 2
    z = layout.junction - float(random.uniform(20, 34))
    while z < 150:
        end = z + float(random.uniform(11, 24))
        if z < after and end > before:  # it would stand in the crossing road: cut it short or start beyond
            if z > before - 7:
                z = after
                continue
            end = before
        height = 3.8 + 3.1 * max(1.0, storeys + float(random.normal(0, 1.3)))
        if end > 2 and random.random() < 0.88:
            setback = side * (layout.pavement + float(random.choice((0.0, 0.0, 0.6, 2.0))))
            found.append(building(random, eye, side, edge + setback, max(z, NEAR), end, height, lit))
        z = end + float(random.choice((0.0, 0.0, 3.0, 7.0)))
    return found
