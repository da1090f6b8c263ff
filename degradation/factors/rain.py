"""Rain between the visible camera and the scene."""

from __future__ import annotations

import math

import numpy as np

from degradation.citations import LI_2019
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.particles import line, scatter

STEEPEST = 30
"""Degrees from the vertical at which streaks may fall; one angle per image."""
STREAK_WIDTH = 0.8
"""Standard deviation across a streak, px."""
FAINTEST = 0.4
STREAK_LEVEL, VEIL_LEVEL = 0.9, 0.8
"""Grey of a streak, and of the far drops that are too small to be seen one by one."""


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    angle = generator.uniform(-STEEPEST, STEEPEST)
    streak = line(parameters["length"], math.radians(angle), STREAK_WIDTH)
    streaks = scatter(image.shape[:2], parameters["streaks"] / 1000, FAINTEST, streak, generator)
    cover = (np.float32(parameters["opacity"]) * streaks)[..., None]
    result = image + cover * (np.float32(STREAK_LEVEL) - image)
    result += np.float32(parameters["veil"]) * (np.float32(VEIL_LEVEL) - result)
    return result, {**parameters, "angle": angle}


RAIN = Factor(
    name="rain",
    title="Rain",
    description=(
        "Bright streaks of one direction (up to 30° from the vertical), composited over the image, and a veil of far "
        "drops: J (1 − oS) + 0.9 oS, then J (1 − v) + 0.8 v."
    ),
    parameter="streaks, length, opacity, veil",
    unit="per 1,000 px, px, share, share",
    source="streaks before a veil: the heavy-rain model of Li, Cheong and Tan, CVPR 2019",
    citation=LI_2019,
    stage="weather",
    ladder={
        "vis": rungs(
            streaks=(1.5, 2.0, 2.8, 3.2, 3.6),
            length=(20.0, 25.0, 30.0, 40.0, 50.0),
            opacity=(0.50, 0.60, 0.65, 0.70, 0.75),
            veil=(0.0, 0.02, 0.06, 0.12, 0.20),
        ),
    },
    apply={"vis": _apply},
)
