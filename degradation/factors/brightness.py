"""Images that are too dark or too bright."""

from __future__ import annotations

import numpy as np

from degradation.factor import Drawn, Factor, Parameters
from degradation.ladders import LADDERS
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
    ladder=LADDERS["brightness_down"],
    apply={"ir": _apply, "vis": _apply},
)

BRIGHTNESS_UP = Factor(
    name="brightness_up",
    title="Brightness, up",
    description="All values multiplied by a factor above 1 and clipped: highlights are lost.",
    parameter="factor",
    unit="×",
    source="TSDM-Fusion (IEEE TIM 2024), visible step 1; PIL ImageEnhance.Brightness",
    ladder=LADDERS["brightness_up"],
    apply={"ir": _apply, "vis": _apply},
)
