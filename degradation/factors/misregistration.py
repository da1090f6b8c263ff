"""Two cameras that do not quite look at the same place."""

from __future__ import annotations

import math

import cv2
import numpy as np

from degradation.factor import Drawn, Factor, Parameters, rungs


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    height, width = image.shape[:2]
    angle = 2 * math.pi * generator.random()
    shift = parameters["shift"] / 100 * width
    dx, dy = shift * math.cos(angle), shift * math.sin(angle)
    zoom = 1 + parameters["zoom"] / 100 * float(generator.choice((-1.0, 1.0)))
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array([[zoom, 0, middle_x * (1 - zoom) + dx], [0, zoom, middle_y * (1 - zoom) + dy]])
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    moved = moved.reshape(image.shape)
    return np.clip(moved, 0, 1, out=moved), {**parameters, "dx": dx, "dy": dy, "factor": zoom}


MISREGISTRATION = Factor(
    name="misregistration",
    title="Misregistration",
    description=(
        "The infrared image shifted in a random direction and zoomed a little in or out; the visible image, and with "
        "it the boxes, stays in place. Borders are mirrored."
    ),
    parameter="shift and zoom",
    unit="% of the width",
    source="residual parallax and calibration error of two-camera rigs",
    stage="optics",
    ladder={
        "ir": rungs(shift=(0.2, 0.5, 1.0, 2.0, 4.0), zoom=(0.1, 0.25, 0.5, 1.0, 2.0)),
    },
    apply={"ir": _apply},
    photometric=False,
)
