"""A sensor with fewer pixels."""

from __future__ import annotations

import cv2
import numpy as np

from degradation.citations import KEYS_1981
from degradation.factor import Drawn, Factor, Parameters, rungs


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    height, width = image.shape[:2]
    small = (max(round(width / parameters["scale"]), 1), max(round(height / parameters["scale"]), 1))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    result = cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC).reshape(image.shape)
    return np.clip(result, 0, 1, out=result), {**parameters, "width": small[0], "height": small[1]}


LOW_RESOLUTION = Factor(
    name="low_resolution",
    title="Low resolution",
    description="Reduced by averaging and enlarged again by cubic interpolation.",
    parameter="reduction per side",
    unit="×",
    source="area average down, Keys' cubic convolution up",
    citation=KEYS_1981,
    stage="optics",
    ladder={
        "ir": rungs(scale=(5.0, 8.0, 12.0, 16.0, 24.0)),
        "vis": rungs(scale=(5.0, 8.0, 12.0, 16.0, 24.0)),
    },
    apply={"ir": _apply, "vis": _apply},
)
