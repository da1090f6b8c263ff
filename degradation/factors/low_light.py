"""Too little light on the visible sensor."""

from __future__ import annotations

import numpy as np

from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.photometry import to_uint8

GAMMA = 2.2
FULL_WELL = 2000
"""Photo-electrons of a saturated pixel: a small-pixel camera at moderate gain."""


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    levels = np.arange(256) / 255
    electrons = (FULL_WELL * 2.0 ** parameters["exposure"] * levels**GAMMA)[to_uint8(image)]
    counted = np.minimum(generator.poisson(electrons), FULL_WELL)
    encoded = ((np.arange(FULL_WELL + 1) / FULL_WELL) ** (1 / GAMMA)).astype(np.float32)
    return encoded[counted], dict(parameters)


LOW_LIGHT = Factor(
    name="low_light",
    title="Low light",
    description=(
        "Exposure shortened by whole stops in linear light (gamma 2.2), with photon shot noise of a sensor whose full "
        "well holds 2,000 electrons; no gain is applied afterwards."
    ),
    parameter="exposure",
    unit="EV",
    source="Poisson statistics of photons (EMVA 1288 sensor model, without read noise)",
    stage="illumination",
    ladder={
        "vis": rungs(exposure=(-1.0, -2.0, -3.0, -4.0, -5.0)),
    },
    apply={"vis": _apply},
    photometric=False,
)
