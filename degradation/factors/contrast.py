"""Flat images."""

from __future__ import annotations

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.photometry import contrast, to_float, to_uint8


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    return to_float(contrast(to_uint8(image), parameters["factor"])), dict(parameters)


CONTRAST = Factor(
    name="contrast",
    title="Low contrast",
    description="The distance of every value from the mean grey multiplied by a factor below 1.",
    parameter="factor",
    unit="×",
    source="TSDM-Fusion (IEEE TIM 2024), step 2; PIL ImageEnhance.Contrast",
    citation=XUE_2024,
    stage="illumination",
    ladder={  # the student was trained on 0.6 to 0.8 infrared, 0.7 to 0.9 visible
        "ir": rungs(factor=(0.80, 0.74, 0.60, 0.40, 0.16)),
        "vis": rungs(factor=(0.79, 0.725, 0.70, 0.32, 0.12)),
    },
    apply={"ir": _apply, "vis": _apply},
)
