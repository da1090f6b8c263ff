"""Too much light on the visible sensor."""

from __future__ import annotations

import cv2
import numpy as np

from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.photometry import to_uint8

GAMMA = 2.2
GLARE = 0.1
"""Share of the light that the lens scatters (veiling glare)."""
SPREAD = 0.02
"""Standard deviation of the scattered light, of the image width."""
REDUCTION = 4
"""The scattered light is smooth: it is computed on a picture of a quarter of the size."""


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    levels = (2.0 ** parameters["exposure"] * (np.arange(256) / 255) ** GAMMA).astype(np.float32)
    light = levels[to_uint8(image)]
    light = (1 - GLARE) * light + GLARE * _scattered(light)
    return cv2.pow(np.minimum(light, 1), 1 / GAMMA).reshape(image.shape), dict(parameters)


def _scattered(light: np.ndarray) -> np.ndarray:
    height, width = light.shape[:2]
    size = max(width // REDUCTION, 1), max(height // REDUCTION, 1)
    sigma = SPREAD * size[0]
    reduced = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(reduced, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)


OVER_EXPOSURE = Factor(
    name="over_exposure",
    title="Over-exposure",
    description=(
        "Exposure lengthened in linear light (gamma 2.2), a tenth of the light scattered by the lens (Gaussian, 2 % of "
        "the width), clipped at the full well: highlights are lost."
    ),
    parameter="exposure",
    unit="EV",
    source="exposure in linear light; veiling glare as in ISO 9358",
    stage="illumination",
    ladder={
        "vis": rungs(exposure=(0.5, 1.0, 1.5, 2.0, 2.5)),
    },
    apply={"vis": _apply},
    photometric=False,
)
