"""What stands where: one street per group of frames, its weather, and the traffic of each frame.

Everything is drawn from ``numpy.random.default_rng([seed, ...])``, so a scene depends on nothing but its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic import furniture, people, street, vehicles
from bench.datasets.synthetic.furniture import Light
from bench.datasets.synthetic.solids import Part, Thing
from bench.datasets.synthetic.street import Layout
from bench.datasets.synthetic.weather import CONDITIONS, Weather, weather_for

FRAMES_PER_STREET = 3
MIN_SIDE = 64
LIT_REACH = 45.0  # m, up to which headlamps light the street
DARK_STREETS = 0.2  # share of streets whose lamps are out
SMALLEST_OBJECT = 12.0
"""Longer side, in pixels, of the smallest object that is placed or labelled."""


class Scene(NamedTuple):
    """A street at one moment. ``backdrop`` is painted first, then ``things`` from far to near."""

    seed: tuple[int, int]
    size: tuple[int, int]
    focal: float
    centre: tuple[float, float]
    eye: np.ndarray
    weather: Weather
    ground: list[Part]
    houses: list[Thing]
    things: list[Thing]
    lights: list[Light]


class _Street(NamedTuple):
    """What the frames of one street share."""

    weather: Weather
    focal: float
    centre: tuple[float, float]
    eye: np.ndarray
    layout: Layout
    ground: list[Part]
    houses: list[Thing]
    things: list[Thing]
    lights: list[Light]
    reach: float
    """Metres at which one metre spans the smallest object."""


@lru_cache(maxsize=len(CONDITIONS))
def _street(seed: int, condition: str, number: int, size: tuple[int, int]) -> _Street:
    height, width = size
    random = np.random.default_rng([seed, CONDITIONS.index(condition), number])
    weather = weather_for(condition, random)
    eye = np.array([0.0, float(random.uniform(1.45, 2.0)), 0.0])
    focal = float(random.uniform(0.85, 1.05)) * max(width, height)
    centre = width * float(random.uniform(0.4, 0.6)), height * float(random.uniform(0.4, 0.52))
    reach = min(max(focal / SMALLEST_OBJECT, 8.0), 75.0)
    layout = street.lay_out(random)
    lights: list[Light] = []
    if weather.lamps and random.random() < 0.6:  # the camera's own car has its lamps on
        beam = np.array([0.03, -0.1, 1.0])
        lights.append(Light(np.array([0.0, 0.7, 0.5]), (4.5, 4.3, 3.8), beam / np.linalg.norm(beam), 0.9))
    ground = street.ground(random, layout)
    houses = street.houses(random, eye, layout, lit=0.4 if weather.lamps else 0.0)
    things = _trees(random, eye, layout) + _posts(random, eye, layout, weather, lights)
    things += _signals(random, eye, layout, reach, lights)
    things += _parked(random, eye, layout, reach)
    return _Street(weather, focal, centre, eye, layout, ground, houses, things, lights, reach)


def compose(seed: int, condition: str, number: int, frame: int, size: tuple[int, int]) -> Scene:
    """Street ``number`` of a condition at moment ``frame``, seen by a camera of ``size`` (height, width) pixels."""
    fixed = _street(seed, condition, number, size)
    moment = np.random.default_rng([seed, CONDITIONS.index(condition), number, frame])
    lights = list(fixed.lights)
    traffic = _traffic(moment, fixed.eye, fixed.layout, fixed.weather, fixed.reach, lights)
    things = fixed.things + traffic
    things += _crowd(moment, fixed.eye, fixed.layout, fixed.reach, [t for t in things if t.footprint is not None])
    code = CONDITIONS.index(condition) + len(CONDITIONS) * (frame + FRAMES_PER_STREET * number)
    return Scene(
        (seed, code), size, fixed.focal, fixed.centre, fixed.eye, fixed.weather, fixed.ground, fixed.houses,
        far_to_near(things), lights,
    )  # fmt: skip


def _trees(random: np.random.Generator, eye: np.ndarray, layout: Layout) -> list[Thing]:
    season, found = int(random.integers(len(furniture.LEAVES))), []
    for side, edge in ((-1, layout.left), (1, layout.right)):
        if random.random() < 0.2:
            continue
        z, step = float(random.uniform(9, 16)), float(random.uniform(8, 15))
        while z < 110:
            if not layout.junction - 3 < z < layout.junction + layout.width + 3:
                x = edge + side * (1.0 + float(random.uniform(0, 0.3)))
                found.append(furniture.tree(random, eye, x, z, season, float(random.uniform(4.5, 7.5))))
            z += step * float(random.uniform(0.8, 1.3)) * (1 + z / 90)
    return found


def _posts(
    random: np.random.Generator, eye: np.ndarray, layout: Layout, weather: Weather, lights: list[Light]
) -> list[Thing]:
    colour = ((1.0, 0.62, 0.26), (1.0, 0.82, 0.6), (0.85, 0.92, 1.0))[int(random.integers(3))]
    found, step = [], float(random.uniform(22, 34))
    sides = ((-1, layout.left),) if random.random() < 0.4 else ((-1, layout.left), (1, layout.right))
    out = random.random() < DARK_STREETS
    for side, edge in sides:
        for z in np.arange(float(random.uniform(7, 20)), 120, step):
            on = 0.0 if out or random.random() < 0.12 else weather.lamps
            post, light = furniture.lamp_post(eye, edge + side * 0.6, float(z), -side, colour, on)
            found.append(post)
            if light and z < 75:
                lights.append(light)
    return found


def _signals(
    random: np.random.Generator, eye: np.ndarray, layout: Layout, reach: float, lights: list[Light]
) -> list[Thing]:
    signal, found = str(random.choice(list(furniture.SIGNALS), p=(0.45, 0.1, 0.45))), []
    near, far = layout.junction - 1.2, layout.junction + layout.width + 1.2
    spots = [(layout.right + 0.6, near), (layout.right + 0.7, far), (layout.left - 0.7, far), (layout.left - 0.6, near)]
    for index, (x, z) in enumerate(spots):
        if z > 1.3 * reach or (index == 3 and random.random() < 0.5):
            continue
        arm = (-4.2 if x > 0 else 4.2) if index == 1 and random.random() < 0.6 else 0.0
        height = 5.0 if arm else float(random.uniform(2.4, 2.9))
        heads, light = furniture.traffic_light(random, eye, x, z, arm, signal, height)
        found += heads
        lights.append(light)
    return found


def _parked(random: np.random.Generator, eye: np.ndarray, layout: Layout, reach: float) -> list[Thing]:
    found: list[Thing] = []
    for side, edge, bay in ((-1, layout.left + 1.15, layout.parking[0]), (1, layout.right - 1.15, layout.parking[1])):
        if not bay:
            continue
        z = float(random.uniform(5, 12))
        while z < min(1.6 * reach, 70):
            clear = not layout.junction - 6 < z < layout.junction + layout.width + 5
            if clear and random.random() < 0.7:
                heading = 0.0 if side > 0 else np.pi
                found.append(vehicles.car(random, eye, edge, z, heading, running=False, lights=0.0))
            z += float(random.uniform(5.6, 7.5))
    return found


Build = Callable[[np.random.Generator, np.ndarray, float, float, float, bool, float], Thing]
KINDS: tuple[tuple[Build, float, float, float], ...] = (
    # builder, share of the traffic, room along the lane in metres, metres that make out its size
    (vehicles.car, 0.5, 5.5, 1.7), (vehicles.bus, 0.12, 12.5, 2.6), (vehicles.truck, 0.16, 9.0, 2.6),
    (vehicles.motorcycle, 0.22, 4.0, 1.5),
)  # fmt: skip


def _traffic(
    random: np.random.Generator, eye: np.ndarray, layout: Layout, weather: Weather, reach: float, lights: list[Light]
) -> list[Thing]:
    found: list[Thing] = []
    shares = [kind[1] for kind in KINDS]
    for index, x in enumerate(layout.lanes):
        towards = index < layout.oncoming
        own = abs(x) < street.LANE / 2
        z = float(random.uniform(9, 18) if own else random.uniform(4, 14))
        while True:
            build, _, room, extent = KINDS[int(random.choice(len(KINDS), p=shares))]
            middle = z + room / 2
            if middle > extent * reach:
                break
            place = x + float(random.normal(0, 0.2))
            found += _vehicle(random, eye, build, place, middle, np.pi if towards else 0.0, weather, lights)
            z += room + float(random.exponential(7)) + 2
    if layout.junction < 28 and random.random() < 0.6:  # somebody crosses
        build, _, room, _ = KINDS[int(random.choice(len(KINDS), p=shares))]
        span = layout.right - layout.left - room
        heading, z = (
            (np.pi / 2, layout.junction + 2.2) if random.random() < 0.5 else (-np.pi / 2, layout.junction + 5.6)
        )
        place = (layout.left + layout.right) / 2 + float(random.uniform(-0.5, 0.5)) * max(span, 0.0)
        found = [thing for thing in found if not _inside(thing, z)]
        found += _vehicle(random, eye, build, place, z, heading, weather, lights)
    return found


def _inside(thing: Thing, z: float) -> bool:
    """Whether a vehicle blocks the crossing road at distance z."""
    if thing.footprint is None:
        return thing.label == "People" and abs(thing.distance - z) < 3
    return bool(thing.footprint[:, 2].min() < z + 2 and thing.footprint[:, 2].max() > z - 2)


def _vehicle(
    random: np.random.Generator, eye: np.ndarray, build: Build, x: float, z: float, heading: float, weather: Weather,
    lights: list[Light],
) -> list[Thing]:  # fmt: skip
    found = [build(random, eye, x, z, heading, True, weather.headlights)]
    if build is vehicles.motorcycle:
        found.append(people.rider(random, eye, x, z, heading, seat=0.78))
    if weather.lamps and z < LIT_REACH:
        forward = np.array([np.sin(heading), 0.0, np.cos(heading)])
        half_length = np.abs((found[0].footprint - (x, 0, z)) @ forward).max()
        beam = forward - np.array([0, 0.12, 0])
        place = np.array([x, 0.7, z]) + forward * (half_length + 0.2)
        lights.append(Light(place, (1.3, 1.25, 1.1), beam / np.linalg.norm(beam), 0.87))
        tail = np.array([x, 0.6, z]) - forward * (half_length + 0.3)
        if z < LIT_REACH / 2:
            lights.append(Light(tail, (0.03, 0.0015, 0.001)))
    return found


def far_to_near(things: list[Thing]) -> list[Thing]:
    """The painter's order: of two things parted by a plane, the one on the camera's side is painted later."""
    solid = [np.concatenate([part.points for part in t.parts]) if t.footprint is None else t.footprint for t in things]
    low, high = (np.array([pick(points, axis=0) for points in solid])[:, ::2] for pick in (np.min, np.max))
    (x0, z0), (x1, z1) = low.T, high.T
    behind = z0[:, None] >= z1
    behind |= (x0[:, None] >= x1) & (x0[:, None] >= 0) | (x1[:, None] <= x0) & (x1[:, None] <= 0)
    before = behind & ~behind.T  # row must be painted before column
    order, left = [], np.argsort([-thing.distance for thing in things], kind="stable").tolist()
    while left:
        waiting = before[np.ix_(left, left)].any(axis=0)
        index = left[int(np.argmin(waiting))]  # the farthest with nothing behind it; the farthest at all in a ring
        order.append(things[index])
        left.remove(index)
    return order


def _blocked(obstacles: list[Thing], x: float, z: float, room: float = 0.45) -> bool:
    return any(
        (thing.footprint[:, ::2].min(axis=0) - room < (x, z)).all()
        and (thing.footprint[:, ::2].max(axis=0) + room > (x, z)).all()
        for thing in obstacles
        if thing.footprint is not None
    )


def _crowd(
    random: np.random.Generator, eye: np.ndarray, layout: Layout, reach: float, obstacles: list[Thing]
) -> list[Thing]:
    found: list[Thing] = []
    for side, edge in ((-1, layout.left), (1, layout.right)):
        for _ in range(int(random.integers(3, 8))):
            z = float(random.uniform(5.5, 12) if random.random() < 0.3 else random.uniform(8, 1.6 * reach))
            x = edge + side * float(
                random.uniform(2.4 if random.random() < 0.7 else 0.3, max(layout.pavement - 0.4, 2.6))
            )
            heading = float(random.choice((0.0, np.pi)) + random.normal(0, 0.35))
            for friend in range(1 + int(random.random() < 0.3)):
                place = x + 0.65 * friend, furniture.KERB, z + 0.2 * friend
                if _blocked(obstacles, place[0], place[2]):
                    continue
                found.append(people.person(random, eye, *place, heading))
    for z in (layout.junction - 2.2, layout.junction + layout.width + 2.0):  # over the zebra crossings
        for _ in range(int(random.integers(0, 4))):
            x = float(random.uniform(layout.left, layout.right))
            place = x, 0.0, z + float(random.uniform(-1.2, 1.0))
            if place[2] < 1.6 * reach and not _blocked(obstacles, place[0], place[2]):
                found.append(people.person(random, eye, *place, float(random.choice((-1, 1)) * np.pi / 2)))
    return found
