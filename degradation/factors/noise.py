"""Sensor noise."""

from __future__ import annotations

import numpy as np

from degradation.citations import XUE_2024
from degradation.factor import Drawn, Factor, Parameters, rungs
from degradation.noise import add_color_noise, add_correlated_noise, add_gray_noise, random_covariance


def _color(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    return add_color_noise(image, parameters["sigma"] / 255, generator), dict(parameters)


def _gray(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    return add_gray_noise(image, parameters["sigma"] / 255, generator), dict(parameters)


def _correlated(image: np.ndarray, parameters: Parameters, generator: np.random.Generator) -> tuple[np.ndarray, Drawn]:
    covariance = random_covariance(parameters["sigma"], generator)
    noisy = add_correlated_noise(image, covariance / 255**2, generator)
    return noisy, {**parameters, "covariance": covariance.tolist()}


NOISE_COLOR = Factor(
    name="noise_color",
    title="Noise, colour",
    description="Gaussian noise, independent in every pixel and channel (on infrared: in every pixel).",
    parameter="standard deviation",
    unit="grey levels of 255",
    source="TSDM-Fusion (IEEE TIM 2024), noise step, independent channels",
    citation=XUE_2024,
    ladder={  # the student was trained on 2 to 20
        "ir": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
        "vis": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
    },
    apply={"ir": _color, "vis": _color},
)

NOISE_GRAY = Factor(
    name="noise_gray",
    title="Noise, grey",
    description="Gaussian noise, independent in every pixel and the same in all channels.",
    parameter="standard deviation",
    unit="grey levels of 255",
    source="TSDM-Fusion (IEEE TIM 2024), noise step, one map for all channels",
    citation=XUE_2024,
    ladder={  # the student was trained on 2 to 20
        "ir": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
        "vis": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
    },
    apply={"ir": _gray, "vis": _gray},
)

NOISE_CORRELATED = Factor(
    name="noise_correlated",
    title="Noise, correlated",
    description=(
        "Gaussian noise with a random covariance of the channels: scale² |Uᵀ D U|, D uniform in [0, 1]³, U a random "
        "rotation, so the mean variance is half the squared scale. Needs channels: visible only."
    ),
    parameter="scale",
    unit="grey levels of 255",
    source="TSDM-Fusion (IEEE TIM 2024), noise step, multivariate normal",
    citation=XUE_2024,
    ladder={  # the student was trained on 20
        "vis": rungs(sigma=(12.0, 16.0, 20.0, 43.0, 62.0)),
    },
    apply={"vis": _correlated},
)
