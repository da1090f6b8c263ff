"""Fog and haze in front of the visible camera."""

from __future__ import annotations

import cv2
import numpy as np

from degradation.citations import NARASIMHAN_2002
from degradation.factor import Drawn, Factor, Parameters, rungs

NEAREST = 0.3
"""Depth of the bottom row, where the top row has 1: a ground plane in front of a camera that looks ahead."""
PATCHINESS = 0.2
"""How much the local density swings around its mean, relative to it."""
PATCHES = (3, 4)


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    airlight = generator.uniform(0.75, 0.95)
    height, width = image.shape[:2]
    depth = np.linspace(1, NEAREST, height, dtype=np.float32)[:, None]
    patches = generator.uniform(1 - PATCHINESS, 1 + PATCHINESS, PATCHES).astype(np.float32)
    density = cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR)
    transmission = np.exp(-parameters["density"] * depth * density)[..., None]
    result = image * transmission + np.float32(airlight) * (1 - transmission)
    return result, {**parameters, "airlight": airlight}


FOG = Factor(
    name="fog",
    title="Fog",
    description=(
        "Scattering: J t + A (1 − t) with t = exp(−density · depth). Depth falls from 1 at the top of the image to 0.3 "
        "at the bottom, the density swings smoothly by ±20 %, the airlight A is drawn from 0.75 to 0.95."
    ),
    parameter="density",
    unit="optical thickness at the horizon",
    source="Koschmieder's law; Narasimhan & Nayar, IJCV 2002",
    citation=NARASIMHAN_2002,
    stage="weather",
    ladder={
        "vis": rungs(density=(0.14, 0.225, 0.38, 0.575, 0.90)),
    },
    apply={"vis": _apply},
)
