"""Uneven radiation of an infrared camera's own optics."""

from __future__ import annotations

import math

import numpy as np

from degradation.factor import Drawn, Factor, Parameters, rungs


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    height, width = image.shape[:2]
    x, y = generator.uniform(0, width), generator.uniform(0, height)
    brighter = ("middle", "rim")[generator.integers(2)]
    across, down = np.arange(width, dtype=np.float32) + 0.5 - x, np.arange(height, dtype=np.float32) + 0.5 - y
    distance = np.sqrt(across.astype(np.float32) ** 2 + down.astype(np.float32)[:, None] ** 2)
    farthest = math.hypot(max(x, width - x), max(y, height - y))
    light = np.cos(np.float32(math.pi / 2 / farthest) * distance) ** 4
    added = light if brighter == "middle" else 1 - light
    result = image + np.float32(parameters["offset"] / 255) * added[..., None]
    return np.minimum(result, 1), {**parameters, "x": x, "y": y, "brighter": brighter}


VIGNETTE = Factor(
    name="vignette",
    title="Vignette",
    description=(
        "Radiation of lens and housing: a smooth offset that is largest at a random point, or smallest there, and "
        "changes towards the farthest corner by the cos⁴ law."
    ),
    parameter="largest offset",
    unit="grey levels of 255",
    source="cos⁴ law of optics; additive non-uniformity of uncooled infrared cameras",
    stage="illumination",
    ladder={
        "ir": rungs(offset=(13.0, 22.0, 36.0, 52.0, 68.0)),
    },
    apply={"ir": _apply},
)
