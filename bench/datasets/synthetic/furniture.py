"""What stands along a street: trees, lamp posts and traffic lights, and the light that the last two cast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.datasets.synthetic.solids import Colour, Part, Sculptor, Surface, Thing

KERB = 0.13
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
