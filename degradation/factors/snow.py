"""Snow between the visible camera and the scene."""

from __future__ import annotations

import math

import cv2
import numpy as np

from degradation.citations import LIU_2018
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.particles import disc, line, scatter

STEEPEST = 45
"""Degrees from the vertical to which the wind may blow the flakes; one angle per image."""
LAYERS = ((0.6, 1.0, 2.0), (0.3, 2.0, 4.0), (0.1, 4.0, 8.0))
"""Far, middle and near: share of the flakes, their radius and the path of their motion in px."""
PATH_WIDTH = 0.5
FAINTEST = 0.6
OPACITY = 0.9
VEIL_LEVEL = 0.85
"""Grey of the far flakes that are too small to be seen one by one; a flake that is seen is white."""


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    angle = generator.uniform(-STEEPEST, STEEPEST)
    cover = np.zeros(image.shape[:2], np.float32)
    for share, radius, path in LAYERS:
        density = parameters["flakes"] / 1e6 * share
        layer = scatter(image.shape[:2], density, FAINTEST, _flake(radius, path, math.radians(angle)), generator)
        np.maximum(cover, layer, out=cover)
    result = image + (np.float32(OPACITY) * cover)[..., None] * (1 - image)
    result += np.float32(parameters["veil"]) * (np.float32(VEIL_LEVEL) - result)
    return result, {**parameters, "angle": angle}


def _flake(radius: float, path: float, angle: float) -> np.ndarray:
    """A disc, moved along a line while it is seen."""
    motion = line(path, angle, PATH_WIDTH)
    still = np.pad(disc(radius), len(motion) // 2)
    return cv2.filter2D(still, -1, motion / motion.sum(), borderType=cv2.BORDER_CONSTANT)


SNOW = Factor(
    name="snow",
    title="Snow",
    description=(
        "White flakes in three layers (radius 1, 2 and 4 px), moved along one direction (up to 45° from the vertical), "
        "and a veil of far ones: J (1 − M) + M, then J (1 − v) + 0.85 v."
    ),
    parameter="flakes, veil",
    unit="per megapixel, share",
    source="compositing of Snow100K, Liu et al., IEEE TIP 2018; the flakes are ours",
    citation=LIU_2018,
    stage="weather",
    ladder={
        "vis": rungs(flakes=(1400, 3200, 7000, 12000, 20000), veil=(0.0, 0.02, 0.06, 0.12, 0.20)),
    },
    apply={"vis": _apply},
)
