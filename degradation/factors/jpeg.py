"""Compression."""

from __future__ import annotations

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.jpeg import jpeg
from degradation.photometry import to_float, to_uint8


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    return to_float(jpeg(to_uint8(image), parameters["quality"])), dict(parameters)


JPEG = Factor(
    name="jpeg",
    title="JPEG",
    description="Baseline JPEG, colour subsampled 4:2:0.",
    parameter="quality",
    unit="1 to 100",
    source="TSDM-Fusion (IEEE TIM 2024), steps 5 and 6; tables of the Independent JPEG Group",
    citation=XUE_2024,
    stage="coding",
    ladder={  # the student was trained on 30 to 89
        "ir": rungs(quality=(80, 50, 30, 10, 5)),
        "vis": rungs(quality=(80, 50, 30, 10, 5)),
    },
    apply={"ir": _apply, "vis": _apply},
)
