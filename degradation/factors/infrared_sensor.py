"""Faults of a focal plane array: fixed-pattern stripes and dead pixels."""

from __future__ import annotations

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs

LOWEST_GAIN = 0.95
"""Of a line; from the configuration of TSDM-Fusion's release, which goes to offsets of 10 grey levels."""


def _stripes(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    orientation = ("horizontal", "vertical")[generator.integers(2)]
    height, width = image.shape[:2]
    lines = (height, 1, 1) if orientation == "horizontal" else (1, width, 1)
    gain = generator.uniform(LOWEST_GAIN, 1, lines).astype(np.float32)
    bias = generator.uniform(-parameters["bias"] / 255, parameters["bias"] / 255, lines).astype(np.float32)
    return np.clip(image * gain + bias, 0, 1), {**parameters, "orientation": orientation}


def _dead_pixels(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    height, width = image.shape[:2]
    count = max(round(height * width * parameters["share"] / 100), 1)
    dead = generator.choice(height * width, size=count, replace=False, shuffle=False)
    result = image.copy()
    result.reshape(height * width, -1)[dead] = generator.integers(2, size=(count, 1))
    return result, {**parameters, "count": count}


STRIPE_NOISE = Factor(
    name="stripe_noise",
    title="Stripe noise",
    description=(
        "Fixed-pattern noise: every row, or every column, has its own gain (0.95 to 1) and its own offset (−b to b)."
    ),
    parameter="largest offset",
    unit="grey levels of 255",
    source="named in the configuration of TSDM-Fusion's release; column and row non-uniformity of microbolometers",
    citation=XUE_2024,
    ladder={
        "ir": rungs(bias=(10.0, 21.0, 35.0, 51.0, 73.0)),
    },
    apply={"ir": _stripes},
)

DEAD_PIXELS = Factor(
    name="dead_pixels",
    title="Dead pixels",
    description="Single pixels stuck at black or at white, with equal chance.",
    parameter="share",
    unit="% of the pixels",
    source="operability of uncooled focal plane arrays (99.5 % and worse)",
    ladder={
        "ir": rungs(share=(0.05, 0.2, 0.5, 1.0, 2.0)),
    },
    apply={"ir": _dead_pixels},
    photometric=False,
)
