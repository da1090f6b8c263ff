"""People: jointed figures of rounded limbs in varied pose, height and dress."""

from __future__ import annotations

import numpy as np

from bench.datasets.synthetic.solids import Rod, Sculptor, Surface, Thing

SKIN_TONES = ((0.62, 0.42, 0.32), (0.48, 0.3, 0.21), (0.3, 0.17, 0.11), (0.7, 0.5, 0.4))
HAIR = ((0.02, 0.018, 0.015), (0.08, 0.045, 0.02), (0.25, 0.18, 0.08), (0.3, 0.29, 0.28))
TOPS = (
    (0.03, 0.03, 0.035), (0.05, 0.06, 0.12), (0.35, 0.05, 0.05), (0.55, 0.54, 0.5), (0.1, 0.2, 0.11), (0.2, 0.2, 0.22),
    (0.55, 0.38, 0.06), (0.09, 0.2, 0.42), (0.3, 0.16, 0.1),
)  # fmt: skip
TROUSERS = ((0.02, 0.022, 0.03), (0.05, 0.075, 0.16), (0.16, 0.14, 0.11), (0.1, 0.1, 0.11), (0.3, 0.26, 0.2))
LIGHT = 0.4


def _choice(random: np.random.Generator, options: tuple) -> tuple:
    return options[int(random.integers(len(options)))]


def _wardrobe(random: np.random.Generator) -> dict[str, Surface]:
    clothes = float(random.uniform(0.42, 0.62))
    return {
        "skin": Surface(_choice(random, SKIN_TONES), body=1.0, emissivity=0.98, rounded=True),
        "hair": Surface(_choice(random, HAIR), body=0.72, emissivity=0.97, rounded=True),
        "top": Surface(_choice(random, TOPS), body=clothes + 0.05, emissivity=0.95, texture=0.12, rounded=True),
        "trousers": Surface(
            _choice(random, TROUSERS), body=clothes + 0.02, emissivity=0.95, texture=0.12, rounded=True
        ),
        "shoes": Surface((0.04, 0.04, 0.045), body=0.3, rounded=True),
        "helmet": Surface(_choice(random, TOPS), body=0.25, mirror=0.04, rounded=True),
        "bag": Surface(_choice(random, TOPS), body=0.2, rounded=True),
    }


def _head(neck: np.ndarray, lean: float, wear: dict[str, Surface], cap: Surface | None, scale: float) -> list[Rod]:
    up = np.array([0, 1, 0.5 * lean]) * scale
    forward = np.array([0, 0, 1]) * scale
    skull = neck + 0.17 * up + 0.02 * forward
    crown = cap or wear["hair"]
    return [
        (neck - 0.02 * up, neck + 0.1 * up, 0.055 * scale, 0.05 * scale, wear["skin"]),
        (skull - 0.035 * up + 0.015 * forward, skull + 0.045 * up, 0.075 * scale, 0.09 * scale, wear["skin"]),
        (skull + 0.02 * up - 0.04 * forward, skull + 0.07 * up - 0.01 * forward, 0.085 * scale, 0.092 * scale, crown),
    ]


def person(random: np.random.Generator, eye: np.ndarray, x: float, y: float, z: float, heading: float) -> Thing:
    """A pedestrian of 1.1-1.9 m, standing or somewhere in a stride, arms swinging or at rest."""
    height = float(random.uniform(1.1, 1.4)) if random.random() < 0.1 else float(random.normal(1.71, 0.08))
    scale, width = height / 1.75, float(random.uniform(0.9, 1.2))
    wear = _wardrobe(random)
    phase = float(random.uniform(0, 2 * np.pi))
    stride = float(random.uniform(0.3, 0.55)) if random.random() < 0.75 else 0.06
    sculptor = Sculptor(eye, (x, y, z), heading)
    limbs: list[Rod] = []

    def joint(side: float, up: float, forward: float) -> np.ndarray:
        return np.array([side * width, up, forward]) * scale

    for side in (-1, 1):
        swing = stride * np.sin(phase) * side
        bend = 0.5 * stride * max(0.0, np.cos(phase) * side)
        hip, knee = joint(0.09 * side, 0.9, 0), joint(0.1 * side, 0.49 + 0.1 * bend, 0.42 * swing + 0.12 * bend)
        ankle = joint(0.1 * side, 0.09 + 0.45 * bend, 0.8 * swing - 0.35 * bend)
        limbs += [
            (hip, knee, 0.092 * scale * width, 0.066 * scale, wear["trousers"]),
            (knee, ankle, 0.066 * scale, 0.048 * scale, wear["trousers"]),
            (ankle - joint(0, 0.03, 0.02), ankle + joint(0, -0.045, 0.15), 0.046 * scale, 0.036 * scale, wear["shoes"]),
        ]
        lift = float(random.uniform(0.0, 0.9)) if random.random() < 0.25 else 0.0  # phone, handbag, conversation
        shoulder, elbow = joint(0.19 * side, 1.41, 0), joint(0.25 * side, 1.12, -0.35 * swing + 0.1 * lift)
        hand = elbow + joint(-0.04 * side * (1 + 2 * lift), -0.24 + 0.4 * lift, 0.06 + 0.16 * lift - 0.25 * swing)
        limbs += [
            (shoulder, elbow, 0.062 * scale * width, 0.05 * scale, wear["top"]),
            (elbow, hand, 0.048 * scale, 0.038 * scale, wear["top"]),
            (hand, hand + joint(0, -0.07, 0.01), 0.036 * scale, 0.032 * scale, wear["skin"]),
        ]
    chest, waist = joint(0, 1.32, 0.01), joint(0, 0.95, 0)
    limbs += [(chest, waist, 0.17 * scale * width, 0.14 * scale * width, wear["top"])]
    limbs += [(joint(-0.12, 1.4, 0), joint(0.12, 1.4, 0), 0.075 * scale, 0.075 * scale, wear["top"])]
    limbs += _head(joint(0, 1.45, 0), 0.1, wear, None, scale)
    if random.random() < 0.25:
        limbs += [(joint(0, 1.35, -0.17), joint(0, 1.05, -0.18), 0.12 * scale, 0.14 * scale, wear["bag"])]
    sculptor.limbs(limbs, LIGHT)
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    feet = np.stack([x + 0.3 * np.cos(angles), np.full(10, y), z + 0.22 * np.sin(angles)], axis=1)
    return Thing(sculptor.parts, float(np.hypot(x, z)), "People", feet)


def rider(random: np.random.Generator, eye: np.ndarray, x: float, z: float, heading: float, seat: float) -> Thing:
    """The person on a motorcycle: seated, hands on the bar, helmet on."""
    wear = _wardrobe(random)
    sculptor = Sculptor(eye, (x, 0.0, z), heading)
    lean = float(random.uniform(0.08, 0.2))
    limbs: list[Rod] = []
    for side in (-1, 1):
        hip, knee, ankle = np.array(
            [[0.1 * side, seat + 0.08, -0.22], [0.19 * side, seat, 0.2], [0.17 * side, 0.32, 0]]
        )
        shoulder = np.array([0.19 * side, seat + 0.56, -0.15 + lean])
        elbow, hand = np.array([[0.3 * side, seat + 0.33, 0.12 + lean], [0.3 * side, seat + 0.3, 0.4]])
        limbs += [
            (hip, knee, 0.095, 0.07, wear["trousers"]),
            (knee, ankle, 0.07, 0.05, wear["trousers"]),
            (ankle, ankle + np.array([0, -0.03, 0.14]), 0.05, 0.04, wear["shoes"]),
            (shoulder, elbow, 0.065, 0.052, wear["top"]),
            (elbow, hand, 0.05, 0.042, wear["top"]),
        ]
    chest, waist = np.array([[0, seat + 0.48, -0.16 + lean], [0, seat + 0.12, -0.24]])
    limbs += [(chest, waist, 0.17, 0.15, wear["top"])]
    left, right = np.array([[-0.12, seat + 0.55, -0.15 + lean], [0.12, seat + 0.55, -0.15 + lean]])
    limbs += [(left, right, 0.08, 0.08, wear["top"])]
    limbs += _head(np.array([0, seat + 0.6, -0.14 + lean]), 0.1, wear, wear["helmet"], 1.05)
    sculptor.limbs(limbs, LIGHT)
    return Thing(sculptor.parts, float(np.hypot(x, z)) - 0.05, "People")
