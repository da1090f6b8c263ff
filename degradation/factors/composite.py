"""The paper's whole chain, its strength set by the severity."""

from __future__ import annotations

import math

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.noise import random_covariance
from degradation.random_model import PAPER, Step, apply_steps


def _apply(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    steps = _steps(parameters, generator)
    return apply_steps(image, steps, generator), {"steps": steps}


def _steps(parameters: Parameters, generator: np.random.Generator) -> list[Step]:
    """Every step of the chain, none left to chance; drawn are the direction of brightness, the kinds and the order."""
    sign = generator.choice((-1.0, 1.0))
    pair = [_noise(parameters["sigma"], generator), _blur(parameters["blur"], generator)]
    steps: list[Step] = [
        {"operation": "contrast", "factor": parameters["contrast"]},
        *(pair if generator.random() < 0.5 else pair[::-1]),
        {"operation": "jpeg", "quality": parameters["quality"]},
        {"operation": "jpeg", "quality": parameters["second_quality"]},
    ]
    if parameters["brightness"]:
        steps.insert(0, {"operation": "brightness", "factor": float(1 + sign * parameters["brightness"])})
    return steps


def _noise(sigma: float, generator: np.random.Generator) -> Step:
    kind = generator.random()
    if kind < PAPER.color_noise_probability:
        return {"operation": "noise", "kind": "color", "sigma": sigma}
    if kind < PAPER.color_noise_probability + PAPER.gray_noise_probability:
        return {"operation": "noise", "kind": "gray", "sigma": sigma}
    return {"operation": "noise", "kind": "correlated", "covariance": random_covariance(sigma, generator).tolist()}


def _blur(sigma: float, generator: np.random.Generator) -> Step:
    size = 2 * math.ceil(4 * sigma) + 1
    if generator.random() < PAPER.anisotropic_probability:
        # The minor axis is drawn, as in the paper; the major one is the isotropic blur's, scaled by the paper's ranges.
        major = sigma * math.sqrt(PAPER.blur_variance) / PAPER.blur_sigma
        variances = [major**2, major**2 * generator.random()]
        angle = math.pi * generator.random()
        size = 2 * math.ceil(4 * major) + 1
        return {"operation": "blur", "kind": "anisotropic", "size": size, "variances": variances, "angle": angle}
    return {"operation": "blur", "kind": "gaussian", "size": size, "sigma": sigma}


TSDM = Factor(
    name="tsdm",
    title="TSDM composite",
    description=(
        "Brightness (visible), contrast, noise and blur in random order, JPEG twice: the training chain of TSDM-Fusion "
        "with the strengths of the rung. Drawn: brighter or darker, the kinds of noise and blur, their order."
    ),
    parameter="strengths of all steps",
    unit="units of the single factors",
    source="TSDM-Fusion (IEEE TIM 2024), the whole degradation model",
    citation=XUE_2024,
    stage="coding",
    ladder={  # the student was trained on qualities 70 to 89, then 30 to 69; the rest as in the single factors
        "ir": rungs(
            brightness=(0.0, 0.0, 0.0, 0.0, 0.0),
            contrast=(0.80, 0.75, 0.65, 0.50, 0.30),
            sigma=(2, 8, 15, 25, 35),
            blur=(0.3, 0.8, 1.2, 2.0, 3.0),
            quality=(89, 80, 70, 40, 20),
            second_quality=(69, 50, 30, 15, 8),
        ),
        "vis": rungs(
            brightness=(0.04, 0.06, 0.10, 0.15, 0.20),
            contrast=(0.90, 0.80, 0.70, 0.50, 0.30),
            sigma=(5, 8, 15, 25, 35),
            blur=(0.4, 0.8, 1.2, 2.0, 3.0),
            quality=(89, 80, 70, 40, 20),
            second_quality=(69, 50, 30, 15, 8),
        ),
    },
    apply={"ir": _apply, "vis": _apply},
)
