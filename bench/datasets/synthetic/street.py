"""The fixed part of a street: ground and markings, buildings, trees, poles and lamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic.solids import Colour, Part, Sculptor, Surface, Thing, patch

LANE = 3.5
BAY = 2.2
FAR = 240.0
KERB = 0.13
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
LEAVES = ((0.07, 0.13, 0.03), (0.1, 0.15, 0.035), (0.05, 0.1, 0.035), (0.19, 0.13, 0.03))
SIGNALS: dict[str, Colour] = {"red": (5.0, 0.25, 0.15), "amber": (5.0, 2.4, 0.2), "green": (0.3, 4.6, 2.6)}


class Light(NamedTuple):
    """A lamp that lights its surroundings. Without ``direction`` it shines all around."""

    place: np.ndarray
    colour: Colour
    """Irradiance at 1 m, in units of full daylight."""
    direction: np.ndarray | None = None
    cone: float = 0.0
    """Cosine of the half angle of the beam."""


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


def tree(random: np.random.Generator, eye: np.ndarray, x: float, z: float, season: int, height: float) -> Thing:
    """A trunk with boughs and a crown of overlapping clumps of leaves, dark inside and below, pale on top."""
    trunk = Surface((0.075, 0.06, 0.045), warmth=0.5, texture=0.2, rounded=True)
    sculptor = Sculptor(eye, (x, KERB, z))
    fork = 0.42 * height
    sculptor.limbs([((0, 0, 0), (0, fork, 0), 0.17, 0.11, trunk)], light=0.25)
    for lean in (-1, 1):
        sculptor.limbs([((0, fork - 0.3, 0), (0.16 * height * lean, 0.66 * height, 0), 0.09, 0.05, trunk)])
    clumps = int(np.clip(3200 / max(z, 8), 20, 260))
    spread = random.normal(0, 1, (clumps, 3)) * (0.5, 0.5, 0.3)
    spread /= np.maximum(1, np.linalg.norm(spread, axis=1, keepdims=True))
    centres = spread * (0.3 * height, 0.31 * height, 0.25 * height) + (0, 0.7 * height, 0)
    order = np.argsort(-centres[:, 2] * 1.5 + 0.0 * centres[:, 1] + random.normal(0, 0.25, clumps))
    centres = centres[order]
    radius = height * random.uniform(0.03, 0.075, clumps) * (260 / clumps) ** 0.3
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    wobble = random.uniform(0.55, 1.25, (clumps, 9))
    rims = np.zeros((clumps, 9, 3))
    rims[..., 0], rims[..., 1] = np.cos(angles) * wobble, np.sin(angles) * wobble * 0.85
    rims = centres[:, None] + rims * radius[:, None, None] + (x, KERB, z)
    lift = (centres[:, 1] / height - 0.4) / 0.6 + 0.25 * spread[order, 0] * -1 + random.normal(0, 0.13, clumps)
    tone = np.digitize(lift, (0.2, 0.4, 0.6, 0.8))
    base = LEAVES[season]
    gains, warm = (0.35, 0.6, 0.85, 1.15, 1.5), (0.6, 0.2, -0.2, -0.5, -0.8)
    leaves = [
        Surface(tuple(c * gain for c in base), warmth=heat, emissivity=0.97, texture=0.4, rounded=True)
        for gain, heat in zip(gains, warm, strict=True)
    ]
    sculptor.parts += [Part(rim, leaves[pick], one_sided=False) for rim, pick in zip(rims, tone, strict=True)]
    return Thing(sculptor.parts, float(np.hypot(x, z)))


def lamp_post(
    eye: np.ndarray, x: float, z: float, towards: int, colour: Colour, on: float
) -> tuple[Thing, Light | None]:
    """A street lamp with its arm over the road; ``on`` is its gain."""
    steel = Surface((0.16, 0.17, 0.17), emissivity=0.85, rounded=True)
    sculptor = Sculptor(eye, (x, KERB, z))
    reach = 1.9 * towards
    sculptor.limbs([((0, 0, 0), (0, 7.4, 0), 0.1, 0.06, steel)], light=0.3)
    sculptor.limbs([((0, 7.4, 0), (reach, 7.9, 0), 0.05, 0.045, steel)])
    head = Surface((0.5, 0.5, 0.48), warmth=14.0 * (on > 0), glow=tuple(7 * on * c for c in colour))
    sculptor.limbs([((reach - 0.1 * towards, 7.87, 0), (reach + 0.6 * towards, 7.94, 0), 0.11, 0.09, head)])
    down = np.array([0.0, -1.0, 0.0])
    light = Light(np.array([x + reach, 7.9, z]), tuple(6.0 * on * c for c in colour), down, 0.35) if on else None
    return Thing(sculptor.parts, float(np.hypot(x, z))), light


def traffic_light(
    random: np.random.Generator, eye: np.ndarray, x: float, z: float, arm: float, signal: str, height: float
) -> tuple[list[Thing], Light]:
    """A signal head (the labelled object) on a pole, or on an arm that reaches ``arm`` metres over the road."""
    steel = Surface((0.2, 0.21, 0.2), emissivity=0.85, rounded=True)
    distance = float(np.hypot(x, z))
    pole = Sculptor(eye, (x, KERB, z))
    pole.limbs([((0, 0, 0), (0, height + (1.3 if arm == 0 else 0.6), 0), 0.085, 0.07, steel)], light=0.3)
    if arm:
        pole.limbs([((0, height + 0.5, 0), (arm, height + 0.6, 0), 0.06, 0.05, steel)])
    case = Surface((0.025, 0.027, 0.026), warmth=3.5)
    head = Sculptor(eye, (x + arm, KERB + height, z - 0.2), float(random.normal(0, 0.05)))
    face = head.box((-0.23, 0, -0.14), (0.23, 1.3, 0.14), case)["rear"]
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    for index, name in enumerate(("green", "amber", "red")):
        centre = (face[0] + face[1]) / 2 * (1, 0, 1) + (0, 0.23 + 0.42 * index, -0.01)
        rim = np.stack([np.cos(angles), np.sin(angles), np.zeros(14)], axis=1)
        dim = tuple(0.03 * c for c in SIGNALS[name])
        lens = Surface(dim, warmth=12.0, glow=SIGNALS[name]) if name == signal else Surface(dim, warmth=4.0)
        head.polygon(centre + 0.18 * rim, case._replace(colour=(0.01, 0.01, 0.01)))
        head.polygon(centre + 0.15 * rim, lens)
    light = Light(np.array([x + arm, height + 0.7, z - 0.8]), tuple(0.018 * c for c in SIGNALS[signal]))
    return [Thing(pole.parts, distance + 0.1), Thing(head.parts, distance, "Lamp")], light
