"""Cars, buses, trucks and motorcycles: bodies with windows, wheels, lamps and the warm spots of a running engine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic.solids import Colour, Sculptor, Surface, Thing, outline, patch

CAR_PAINTS = (
    (0.62, 0.62, 0.62), (0.38, 0.39, 0.4), (0.03, 0.03, 0.033), (0.42, 0.03, 0.03), (0.05, 0.1, 0.28),
    (0.14, 0.15, 0.16), (0.66, 0.64, 0.58), (0.07, 0.16, 0.1), (0.45, 0.3, 0.06),
)  # fmt: skip
BUS_PAINTS = ((0.6, 0.08, 0.05), (0.1, 0.3, 0.12), (0.08, 0.2, 0.5), (0.65, 0.6, 0.5), (0.7, 0.42, 0.04))
CARGO_PAINTS = ((0.62, 0.61, 0.58), (0.1, 0.18, 0.4), (0.55, 0.5, 0.38), (0.32, 0.33, 0.34), (0.18, 0.34, 0.2))
GLASS = Surface((0.03, 0.035, 0.04), emissivity=0.86, mirror=0.3)
DARK = Surface((0.02, 0.02, 0.022))
TYRE = (0.025, 0.025, 0.027)
PLATE = Surface((0.55, 0.55, 0.48))
HEADLIGHT: Colour = (6.0, 5.6, 4.8)
TAIL_LIGHT: Colour = (2.6, 0.1, 0.06)
BRAKE_LIGHT: Colour = (6.0, 0.28, 0.16)
DIPPED_BY_DAY = 0.06


def _shade(colour: Colour, gain: float, most: float = 1.0) -> Colour:
    return tuple(min(most, channel * gain) for channel in colour)


def _glow(colour: Colour, gain: float) -> Colour:
    return _shade(colour, gain, most=np.inf)


def _heading_noise(random: np.random.Generator) -> float:
    return float(random.normal(0, 0.02))


class Lamps(NamedTuple):
    """The lamp surfaces of one vehicle: off when parked, faint by day, blinding by night."""

    front: Surface
    rear: Surface


def _lamps(random: np.random.Generator, running: bool, lights: float) -> Lamps:
    gain = lights if running else 0.0
    rear = BRAKE_LIGHT if random.random() < 0.35 else TAIL_LIGHT
    return Lamps(
        Surface((0.7, 0.7, 0.68), warmth=9.0 * running, glow=_glow(HEADLIGHT, gain), mirror=0.05),
        Surface((0.3, 0.02, 0.02), warmth=4.0 * running, glow=_glow(rear, gain), mirror=0.03),
    )


def _wheels(sculptor: Sculptor, spots, radius: float, half_width: float, warmth: float, outside: bool) -> None:
    """Treads go in before the body, outer discs after it."""
    tyre, rim = Surface(TYRE, warmth=warmth), Surface((0.3, 0.3, 0.31), warmth=1.4 * warmth, mirror=0.05)
    for z in spots:
        for side in (-1, 1):
            if not outside:
                inner, outer = sorted((side * half_width, side * (half_width - 0.22)))
                sculptor.box((inner, 0, z - radius * 0.75), (outer, radius * 1.2, z + radius * 0.75), tyre)
            else:
                x = side * (half_width + 0.005)
                sculptor.disc((x, radius * 1.06, z), radius * 1.14, DARK, side)
                sculptor.disc((x, radius, z), radius, tyre, side)
                sculptor.disc((x, radius, z), radius * 0.62, rim, side, corners=12)
                sculptor.disc((x, radius, z), radius * 0.2, DARK, side, corners=8)


CAR_SHAPES = {  # length, width, height, boot length, cabin rake at the rear, bonnet length
    "saloon": (4.6, 1.82, 1.45, 0.85, 0.55, 1.15),
    "hatch": (4.1, 1.76, 1.5, 0.12, 0.4, 0.95),
    "suv": (4.7, 1.9, 1.75, 0.08, 0.28, 1.1),
    "van": (4.9, 1.92, 1.95, 0.05, 0.12, 0.7),
}


def _car_body(sculptor: Sculptor, shape: tuple, paint: Colour, engine: float, lamps: Lamps) -> None:
    length, width, height, boot, _, _ = shape
    rear, front, half = -length / 2, length / 2, width / 2
    belt = 0.62 * height
    body = Surface(paint, warmth=0.08 * engine, emissivity=0.9, mirror=0.1)
    lower, upper = body._replace(colour=_shade(paint, 0.72)), body._replace(colour=_shade(paint, 1.12), mirror=0.16)
    bonnet = upper._replace(warmth=0.75 * engine)
    profile = [
        (rear + 0.1, 0.22, 0.84 * half), (rear, 0.36, 0.9 * half), (rear + 0.02, 0.58, 0.92 * half),
        (rear + 0.1, belt, 0.88 * half), (rear + 0.12 + boot, belt + 0.03, 0.95 * half),
        (front - shape[5], belt + 0.02, 0.96 * half), (front - 0.3, 0.84 * belt, 0.92 * half),
        (front - 0.06, 0.72 * belt, 0.88 * half), (front, 0.45, 0.88 * half), (front - 0.08, 0.22, 0.82 * half),
    ]  # fmt: skip
    grille = Surface(_shade(paint, 0.5), warmth=0.9 * engine)
    strips = sculptor.loft(
        profile, [lower, lower, body, upper, upper, bonnet, body._replace(warmth=0.6 * engine), grille, lower], body
    )
    for side in (-1, 1):  # a flank with a crease: the upper half sees the sky, the sill sees the road
        x = side * half
        flank = np.array(
            [(x, 0.24, rear + 0.45), (x, 0.24, front - 0.45), (x, belt, front - 0.75), (x, belt, rear + 0.3)]
        )
        flank = flank if side > 0 else flank[[1, 0, 3, 2]]
        sculptor.polygon(flank, body)
        sculptor.polygon(patch(flank, 0, 0, 1, 0.3), lower)
        sculptor.polygon(patch(flank, 0, 0.82, 1, 1), upper)
        sculptor.polygon(patch(flank, 0.5, 0.3, 0.508, 0.98), lower)
    for left, right in ((0.03, 0.27), (0.73, 0.97)):
        sculptor.polygon(patch(strips[2], left, 0.25, right, 0.8), lamps.rear)
        sculptor.polygon(patch(strips[7], left, 0.1, right, 0.62), lamps.front)
    sculptor.polygon(patch(strips[1], 0.36, 0.3, 0.64, 0.95), PLATE)
    sculptor.polygon(patch(strips[0], 0.12, 0.1, 0.22, 0.7), Surface((0.1, 0.1, 0.1), warmth=3.2 * engine))
    sculptor.polygon(patch(strips[7], 0.3, 0.15, 0.7, 0.85), DARK._replace(warmth=1.3 * engine))
    sculptor.polygon(patch(strips[8], 0.36, 0.05, 0.64, 0.55), PLATE)


def _car_cabin(sculptor: Sculptor, shape: tuple, paint: Colour) -> None:
    length, width, height, boot, rake, bonnet = shape
    half, belt = width / 2, 0.62 * height
    back, nose = -length / 2 + 0.15 + boot, length / 2 - bonnet
    roof_back, roof_front = back + rake, nose - 0.75
    roof = Surface(_shade(paint, 1.15), emissivity=0.9, mirror=0.22)
    pillar = Surface(_shade(paint, 0.85), emissivity=0.9, mirror=0.08)
    profile = [
        (back, belt, 0.9 * half), (roof_back, height - 0.06, 0.74 * half), (roof_back + 0.2, height, 0.7 * half),
        (roof_front - 0.15, height, 0.7 * half), (roof_front, height - 0.05, 0.74 * half), (nose, belt, 0.9 * half),
    ]  # fmt: skip
    strips = sculptor.loft(profile, [pillar, roof, roof, roof, pillar], pillar)
    sculptor.polygon(patch(strips[0], 0.07, 0.12, 0.93, 0.9), GLASS)
    sculptor.polygon(patch(strips[4], 0.06, 0.08, 0.94, 0.9), GLASS)
    for side in (-1, 1):
        bottom, top = side * 0.905 * half, side * 0.75 * half
        for z0, z1, z2, z3 in (
            (back + 0.12, back + 0.48 * (nose - back), back + 0.48 * (nose - back), roof_back + 0.1),
            (back + 0.52 * (nose - back), nose - 0.14, roof_front - 0.04, back + 0.52 * (nose - back)),
        ):
            lower, upper = [(bottom, belt + 0.03, z) for z in (z0, z1)], [(top, height - 0.1, z) for z in (z2, z3)]
            pane = np.array(lower + upper)
            sculptor.polygon(pane if side > 0 else pane[::-1], GLASS)


def car(
    random: np.random.Generator, eye: np.ndarray, x: float, z: float, heading: float, running: bool, lights: float
) -> Thing:
    """A saloon, hatchback, SUV or van. ``lights`` is the gain of its lamps, 0 when off."""
    shape = CAR_SHAPES[str(random.choice(list(CAR_SHAPES), p=(0.4, 0.25, 0.25, 0.1)))]
    shape = tuple(value * float(random.normal(1, 0.02)) for value in shape)
    paint = _shade(CAR_PAINTS[int(random.integers(len(CAR_PAINTS)))], float(random.uniform(0.85, 1.15)))
    engine = float(random.uniform(9, 16)) if running else float(random.choice((0.0, 0.0, 4.0)))
    heading += _heading_noise(random)
    sculptor = Sculptor(eye, (x, 0.0, z), heading)
    spots, half = (-0.3 * shape[0], 0.3 * shape[0]), shape[1] / 2
    _wheels(sculptor, spots, 0.32, 0.9 * half, 0.6 * engine, outside=False)
    _car_body(sculptor, shape, paint, engine, _lamps(random, running, lights))
    _wheels(sculptor, spots, 0.32, half, 0.6 * engine, outside=True)
    _car_cabin(sculptor, shape, paint)
    return Thing(
        sculptor.parts, float(np.hypot(x, z)), "Car", outline(x, z, half, shape[0] / 2, heading), 0.15 * engine
    )


def bus(
    random: np.random.Generator, eye: np.ndarray, x: float, z: float, heading: float, running: bool, lights: float
) -> Thing:
    """A city bus with a lit destination sign, rows of windows and the engine in its tail."""
    length, half, height = float(random.uniform(9, 11.5)), 1.25, float(random.uniform(2.95, 3.25))
    paint = BUS_PAINTS[int(random.integers(len(BUS_PAINTS)))]
    engine = 14.0 if running else 0.0
    inside = _glow((0.85, 0.8, 0.65), 0.55 * min(1.0, lights) * (lights > 2 * DIPPED_BY_DAY))
    glass = GLASS._replace(glow=inside, warmth=1.5)
    body = Surface(paint, warmth=1.5, emissivity=0.9, mirror=0.08)
    band = Surface(_shade(paint, 0.45) if random.random() < 0.5 else (0.6, 0.6, 0.58), warmth=1.5, emissivity=0.9)
    lamps = _lamps(random, running, lights)
    sign = Surface((0.05, 0.04, 0.02), warmth=5.0, glow=_glow((1.0, 0.5, 0.08), 0.5 + 0.5 * (lights > 0.1)))
    sculptor = Sculptor(eye, (x, 0.0, z), heading + _heading_noise(random))
    spots = (-0.28 * length, 0.3 * length)
    _wheels(sculptor, spots, 0.48, half, 7.0, outside=False)
    face = sculptor.box((-half, 0.3, -length / 2), (half, height, length / 2), body)
    for side in ("left", "right"):
        sculptor.polygon(patch(face[side], 0, 0, 1, 0.16), band)
        for index in range(8):
            sculptor.polygon(patch(face[side], 0.015 + 0.122 * index, 0.46, 0.125 + 0.122 * index, 0.86), glass)
    for door in (0.02, 0.42):
        sculptor.polygon(patch(face["right"], 1 - door - 0.1, 0.04, 1 - door, 0.86), glass)
    for name in ("front", "rear"):
        sculptor.polygon(patch(face[name], 0, 0, 1, 0.12), band)
        sculptor.polygon(patch(face[name], 0.36, 0.03, 0.64, 0.1), PLATE)
    sculptor.polygon(patch(face["front"], 0.05, 0.34, 0.95, 0.82), glass._replace(glow=_glow(inside, 0.5)))
    sculptor.polygon(patch(face["front"], 0.18, 0.85, 0.82, 0.96), sign)
    sculptor.polygon(patch(face["rear"], 0.1, 0.55, 0.9, 0.84), glass._replace(glow=_glow(inside, 0.6)))
    sculptor.polygon(patch(face["rear"], 0.36, 0.87, 0.64, 0.96), sign)
    sculptor.polygon(patch(face["rear"], 0.16, 0.16, 0.84, 0.44), band._replace(warmth=0.9 * engine))
    for left, right in ((0.04, 0.18), (0.82, 0.96)):
        sculptor.polygon(patch(face["front"], left, 0.13, right, 0.21), lamps.front)
        sculptor.polygon(patch(face["rear"], left, 0.18, right - 0.02, 0.34), lamps.rear)
    _wheels(sculptor, spots, 0.48, half, 7.0, outside=True)
    return Thing(sculptor.parts, float(np.hypot(x, z)), "Bus", outline(x, z, half, length / 2, heading), 0.12 * engine)


def truck(
    random: np.random.Generator, eye: np.ndarray, x: float, z: float, heading: float, running: bool, lights: float
) -> Thing:
    """A cab and a cargo box on a chassis; seen from behind it is doors, hinges and warm tyres."""
    length, half, height = (
        float(random.uniform(5.8, 8.0)),
        float(random.uniform(1.1, 1.25)),
        float(random.uniform(2.9, 3.5)),
    )
    cab_length, cab_height = 1.9, min(height - 0.2, float(random.uniform(2.3, 2.7)))
    engine = 15.0 if running else 0.0
    paint = CAR_PAINTS[int(random.integers(len(CAR_PAINTS)))]
    cargo = Surface(CARGO_PAINTS[int(random.integers(len(CARGO_PAINTS)))], emissivity=0.91)
    seam = cargo._replace(colour=_shade(cargo.colour, 0.55))
    lamps = _lamps(random, running, lights)
    heading += _heading_noise(random)
    sculptor = Sculptor(eye, (x, 0.0, z), heading)
    rear, front = -length / 2, length / 2
    spots = (rear + 0.22 * length, front - 0.9)
    _wheels(sculptor, spots, 0.46, 0.96 * half, 8.0 * running, outside=False)
    sculptor.box((-0.8 * half, 0.45, rear + 0.1), (0.8 * half, 0.95, front - 0.1), DARK._replace(warmth=0.4 * engine))

    def build_cargo() -> None:
        face = sculptor.box((-half, 0.95, rear), (half, height, front - cab_length - 0.12), cargo)
        for line in (0.02, 0.49, 0.96):
            sculptor.polygon(patch(face["rear"], line, 0.02, line + 0.02, 0.98), seam)
        for name in ("left", "right"):
            for line in (0.0, 0.33, 0.66):
                sculptor.polygon(patch(face[name], line, 0.02, line + 0.012, 0.98), seam)
            sculptor.polygon(patch(face[name], 0, 0, 1, 0.05), seam)
        sculptor.polygon(patch(face["rear"], 0, 0, 1, 0.05), seam)
        bar = sculptor.polygon([(-half, 0.62, rear), (half, 0.62, rear), (half, 0.93, rear), (-half, 0.93, rear)], DARK)
        sculptor.polygon(patch(bar, 0.03, 0.25, 0.2, 0.85), lamps.rear)
        sculptor.polygon(patch(bar, 0.8, 0.25, 0.97, 0.85), lamps.rear)
        sculptor.polygon(patch(bar, 0.4, 0.15, 0.6, 0.85), PLATE)

    def build_cab() -> None:
        body = Surface(paint, warmth=0.15 * engine, emissivity=0.9, mirror=0.1)
        face = sculptor.box((-0.96 * half, 0.42, front - cab_length), (0.96 * half, cab_height, front), body)
        sculptor.polygon(patch(face["front"], 0.06, 0.5, 0.94, 0.9), GLASS)
        sculptor.polygon(patch(face["front"], 0.2, 0.22, 0.8, 0.42), DARK._replace(warmth=engine))
        sculptor.polygon(patch(face["front"], 0, 0, 1, 0.16), DARK._replace(warmth=0.12 * engine))
        sculptor.polygon(patch(face["front"], 0.38, 0.02, 0.62, 0.12), PLATE)
        for left, right in ((0.03, 0.17), (0.83, 0.97)):
            sculptor.polygon(patch(face["front"], left, 0.18, right, 0.3), lamps.front)
        sculptor.polygon(patch(face["right"], 0.35, 0.5, 0.92, 0.88), GLASS)
        sculptor.polygon(patch(face["left"], 0.08, 0.5, 0.65, 0.88), GLASS)

    from_behind = (np.array([x, 0.0, z]) - (eye[0], 0.0, eye[2])) @ (np.sin(heading), 0.0, np.cos(heading)) > 0
    for build in (build_cab, build_cargo) if from_behind else (build_cargo, build_cab):
        build()
    _wheels(sculptor, spots, 0.46, 0.97 * half, 8.0 * running, outside=True)
    return Thing(
        sculptor.parts, float(np.hypot(x, z)), "Truck", outline(x, z, half, length / 2, heading), 0.12 * engine
    )


def motorcycle(
    random: np.random.Generator, eye: np.ndarray, x: float, z: float, heading: float, running: bool, lights: float
) -> Thing:
    """A motorcycle or scooter: two wheels, engine and exhaust that outshine everything else in the thermal image."""
    paint = CAR_PAINTS[int(random.integers(len(CAR_PAINTS)))]
    lamps = _lamps(random, running, lights)
    hot = 1.0 if running else 0.0
    tyre, metal = (
        Surface(TYRE, warmth=6 * hot, rounded=True),
        Surface((0.12, 0.12, 0.13), warmth=16 * hot, rounded=True),
    )
    shell = Surface(paint, warmth=2 * hot, emissivity=0.9, mirror=0.08, rounded=True)
    sculptor = Sculptor(eye, (x, 0.0, z), heading)
    rods = [
        ((0, 0.36, -0.45), (0, 0.4, 0.25), 0.17, 0.15, metal),
        ((0, 0.66, -0.78), (0, 0.74, 0.15), 0.1, 0.14, shell),
        ((0, 0.78, 0.1), (0, 0.88, 0.4), 0.15, 0.1, shell),
        ((0.16, 0.3, -0.1), (0.17, 0.38, -0.85), 0.05, 0.065, metal._replace(warmth=38 * hot)),
        ((-0.36, 1.02, 0.36), (0.36, 1.02, 0.36), 0.025, 0.025, metal._replace(warmth=0)),
    ]
    for centre in (-0.68, 0.68):
        rods.append(((0, 0.09, centre), (0, 0.55, centre), 0.075, 0.075, tyre))
        for angle in np.linspace(0, np.pi, 5)[:-1]:
            reach = 0.23 * np.array([0, np.sin(angle), np.cos(angle)])
            hub = np.array([0, 0.31, centre])
            rods.append((hub - reach, hub + reach, 0.085, 0.085, tyre))
    for side in (-1, 1):
        rods.append(((0.08 * side, 0.32, 0.68), (0.1 * side, 0.98, 0.38), 0.03, 0.035, metal._replace(warmth=1)))
    sculptor.limbs(rods, light=0.3)
    sculptor.polygon([(0.11, 0.78, 0.56), (-0.11, 0.78, 0.56), (-0.11, 0.96, 0.5), (0.11, 0.96, 0.5)], lamps.front)
    sculptor.polygon([(-0.09, 0.64, -0.9), (0.09, 0.64, -0.9), (0.09, 0.74, -0.9), (-0.09, 0.74, -0.9)], lamps.rear)
    footprint = outline(x, z, 0.25, 0.95, heading)
    return Thing(sculptor.parts, float(np.hypot(x, z)), "Motorcycle", footprint, 1.5 * hot)
