"""Defocus and motion."""

from __future__ import annotations

import math

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.kernels.blur import anisotropic_kernel, convolve, gaussian_kernel, motion_kernel


def _gaussian(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    sigma = parameters["sigma"]
    return convolve(image, gaussian_kernel(_size(sigma), sigma)), dict(parameters)


def _anisotropic(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    major, minor = parameters["sigma_major"], parameters["sigma_minor"]
    angle = math.pi * generator.random()
    kernel = anisotropic_kernel(_size(major), angle, major**2, minor**2)
    return convolve(image, kernel), {**parameters, "angle": angle}


def _motion(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    angle = math.pi * generator.random()
    return convolve(image, motion_kernel(parameters["length"], angle)), {**parameters, "angle": angle}


def _size(sigma: float) -> int:
    """Kernel size that holds a Gaussian to four standard deviations."""
    return 2 * math.ceil(4 * sigma) + 1


GAUSSIAN_BLUR = Factor(
    name="gaussian_blur",
    title="Gaussian blur",
    description="Defocus: isotropic Gaussian, mirror border.",
    parameter="standard deviation",
    unit="px",
    source="TSDM-Fusion (IEEE TIM 2024), blur step, isotropic case",
    citation=XUE_2024,
    stage="optics",
    ladder={  # the student was trained on up to 1.2 px
        "ir": rungs(sigma=(0.6, 0.9, 1.2, 3.0, 8.0)),
        "vis": rungs(sigma=(0.6, 0.9, 1.2, 3.0, 8.0)),
    },
    apply={"ir": _gaussian, "vis": _gaussian},
)

ANISOTROPIC_BLUR = Factor(
    name="anisotropic_blur",
    title="Anisotropic blur",
    description="Gaussian that is wider along one direction than across it; the direction is drawn uniformly.",
    parameter="standard deviations",
    unit="px",
    source="TSDM-Fusion (IEEE TIM 2024), blur step, anisotropic case",
    citation=XUE_2024,
    stage="optics",
    ladder={  # the student was trained on variances up to 3 px², so standard deviations up to 1.73 px
        "ir": rungs(sigma_major=(0.8, 1.2, 1.7, 4.5, 12.0), sigma_minor=(0.4, 0.6, 0.85, 1.5, 4.0)),
        "vis": rungs(sigma_major=(0.8, 1.2, 1.7, 4.5, 12.0), sigma_minor=(0.4, 0.6, 0.85, 1.5, 4.0)),
    },
    apply={"ir": _anisotropic, "vis": _anisotropic},
)

MOTION_BLUR = Factor(
    name="motion_blur",
    title="Motion blur",
    description="Uniform straight motion during the exposure; the direction is drawn uniformly.",
    parameter="length of the motion",
    unit="px",
    source="uniform linear motion, the textbook model",
    stage="optics",
    ladder={
        "ir": rungs(length=(10.0, 18.0, 30.0, 46.0, 70.0)),
        "vis": rungs(length=(10.0, 18.0, 30.0, 46.0, 70.0)),
    },
    apply={"ir": _motion, "vis": _motion},
)
