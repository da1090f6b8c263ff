"""Images that are too dark or too bright."""

from __future__ import annotations

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.photometry import brightness, to_float, to_uint8


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    return to_float(brightness(to_uint8(image), parameters["factor"])), dict(parameters)


BRIGHTNESS_DOWN = Factor(
    name="brightness_down",
    title="Brightness, down",
    description="All values multiplied by a factor below 1; the fraction is dropped.",
    parameter="factor",
    unit="×",
    source="TSDM-Fusion (IEEE TIM 2024), visible step 1; PIL ImageEnhance.Brightness",
    citation=XUE_2024,
    stage="illumination",
    ladder={  # the student was trained on 0.5 to 1.5 (visible only), which holds all severities
        "ir": rungs(factor=(0.935, 0.895, 0.83, 0.76, 0.66)),
        "vis": rungs(factor=(0.94, 0.905, 0.85, 0.785, 0.70)),
    },
    apply={"ir": _apply, "vis": _apply},
)

BRIGHTNESS_UP = Factor(
    name="brightness_up",
    title="Brightness, up",
    description="All values multiplied by a factor above 1 and clipped: highlights are lost.",
    parameter="factor",
    unit="×",
    source="TSDM-Fusion (IEEE TIM 2024), visible step 1; PIL ImageEnhance.Brightness",
    citation=XUE_2024,
    stage="illumination",
    ladder={  # the student was trained on 0.5 to 1.5 (visible only), which holds all severities
        "ir": rungs(factor=(1.075, 1.12, 1.19, 1.27, 1.40)),
        "vis": rungs(factor=(1.07, 1.11, 1.175, 1.25, 1.365)),
    },
    apply={"ir": _apply, "vis": _apply},
)
