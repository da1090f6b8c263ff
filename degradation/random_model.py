"""The random degradation of TSDM-Fusion (Xue et al., IEEE TIM 73, 5020512, 2024): the form in which a student trains.

A degradation is drawn first, as a list of steps, and then applied. The list is what a manifest records, and what lets a
test look at the distributions without touching a pixel.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from degradation.factor import Modality
from degradation.jpeg import jpeg
from degradation.kernels.blur import anisotropic_kernel, convolve, gaussian_kernel
from degradation.noise import add_color_noise, add_correlated_noise, add_gray_noise, random_covariance
from degradation.photometry import brightness, contrast, to_float, to_uint8
from tsdm_bench.files import read_yaml

Step = dict[str, Any]
"""One operation with its numbers, e.g. ``{"operation": "jpeg", "quality": 74}``; JSON-serialisable."""


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] <= bounds[1]:
        raise ValueError(f"expected lower bound ≤ upper bound, got {list(bounds)}")
    return bounds


Probability = Annotated[float, Field(ge=0, le=1)]
Factors = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(_ordered)]
Quality = Annotated[int, Field(ge=1, le=100)]
Qualities = Annotated[tuple[Quality, Quality], AfterValidator(_ordered)]
GreyLevel = Annotated[int, Field(ge=0, le=255)]
GreyLevels = Annotated[tuple[GreyLevel, GreyLevel], AfterValidator(_ordered)]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"expected an odd size, got {size}")
    return size


OddSize = Annotated[int, Field(ge=3), AfterValidator(_odd)]


class RandomModel(BaseModel):
    """Ranges and probabilities of the random model; the defaults are the paper's. Bounds are inclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    brightness_probability_ir: Probability = 0.0
    brightness_probability_vis: Probability = 0.3
    brightness: Factors = (0.5, 1.5)
    contrast_ir: Factors = (0.6, 0.8)
    contrast_vis: Factors = (0.7, 0.9)
    noise_sigma: GreyLevels = (2, 20)
    """Standard deviation in grey levels of 255, a whole number; the upper one also scales correlated noise."""
    color_noise_probability: Probability = 0.4
    gray_noise_probability: Probability = 0.4
    """What is left of the two probabilities goes to correlated noise."""
    anisotropic_probability: Probability = 0.5
    blur_variance: Annotated[float, Field(gt=0)] = 3.0
    """Largest variance (px²) of the anisotropic Gaussian along its axes."""
    blur_sigma: Annotated[float, Field(gt=0)] = 1.2
    """Largest standard deviation (px) of the isotropic Gaussian."""
    kernel_sizes: Annotated[tuple[OddSize, ...], Field(min_length=1)] = (7, 9, 11, 13)
    jpeg_quality: Qualities = (70, 89)
    second_jpeg_probability: Probability = 0.5
    second_jpeg_quality: Qualities = (30, 69)

    @model_validator(mode="after")
    def _check_noise(self) -> RandomModel:
        if self.color_noise_probability + self.gray_noise_probability > 1:
            raise ValueError("color_noise_probability and gray_noise_probability must sum to at most 1")
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> RandomModel:
        """Read the values that differ from the paper's; ``UsageError`` names every unknown or impossible one."""
        return read_yaml(Path(path), cls)


PAPER = RandomModel()


def degrade_ir(image: np.ndarray, generator: np.random.Generator, model: RandomModel = PAPER) -> np.ndarray:
    """Degrade an infrared image, float32 H×W×1 in [0, 1], by one draw of ``model``; same shape and range."""
    return apply_steps(_checked(image, 1), draw_steps("ir", generator, model), generator)


def degrade_vis(image: np.ndarray, generator: np.random.Generator, model: RandomModel = PAPER) -> np.ndarray:
    """Degrade a visible image, float32 H×W×3 RGB in [0, 1], by one draw of ``model``; same shape and range."""
    return apply_steps(_checked(image, 3), draw_steps("vis", generator, model), generator)


def draw_steps(modality: Modality, generator: np.random.Generator, model: RandomModel = PAPER) -> list[Step]:
    """Draw the steps for one image: brightness, contrast, noise and blur in random order, JPEG once or twice."""
    infrared = modality == "ir"
    steps: list[Step] = []
    if generator.random() < (model.brightness_probability_ir if infrared else model.brightness_probability_vis):
        steps.append({"operation": "brightness", "factor": generator.uniform(*model.brightness)})
    contrast_range = model.contrast_ir if infrared else model.contrast_vis
    steps.append({"operation": "contrast", "factor": generator.uniform(*contrast_range)})
    pair = [_draw_noise(generator, model), _draw_blur(generator, model)]
    steps += pair if generator.random() < 0.5 else pair[::-1]
    steps.append({"operation": "jpeg", "quality": int(generator.integers(*model.jpeg_quality, endpoint=True))})
    if generator.random() < model.second_jpeg_probability:
        quality = int(generator.integers(*model.second_jpeg_quality, endpoint=True))
        steps.append({"operation": "jpeg", "quality": quality})
    return steps


def _draw_noise(generator: np.random.Generator, model: RandomModel) -> Step:
    sigma = int(generator.integers(*model.noise_sigma, endpoint=True))
    kind = generator.random()
    if kind < model.color_noise_probability:
        return {"operation": "noise", "kind": "color", "sigma": sigma}
    if kind < model.color_noise_probability + model.gray_noise_probability:
        return {"operation": "noise", "kind": "gray", "sigma": sigma}
    covariance = random_covariance(model.noise_sigma[1], generator)
    return {"operation": "noise", "kind": "correlated", "covariance": covariance.tolist()}


def _draw_blur(generator: np.random.Generator, model: RandomModel) -> Step:
    size = int(generator.choice(model.kernel_sizes))
    if generator.random() < model.anisotropic_probability:
        variances = (model.blur_variance * generator.random(2)).tolist()
        angle = math.pi * generator.random()
        return {"operation": "blur", "kind": "anisotropic", "size": size, "variances": variances, "angle": angle}
    return {"operation": "blur", "kind": "gaussian", "size": size, "sigma": model.blur_sigma * generator.random()}


def apply_steps(image: np.ndarray, steps: list[Step], generator: np.random.Generator) -> np.ndarray:
    """Apply ``steps`` to float32 H×W×C (C = 1 or 3) in [0, 1]; the result has the same shape and range.

    Brightness, contrast and JPEG see the image rounded to 8 bits. Noise that differs between channels turns an infrared
    image into its replication to three channels; at the end such an image becomes grey again (BT.601 luma).
    """
    channels = image.shape[-1]
    for step in steps:
        image = OPERATIONS[step["operation"]](image, step, generator)
    image = _as_float(image)
    return luma(image) if image.shape[-1] > channels else image


def luma(image: np.ndarray) -> np.ndarray:
    """Grey image H×W×1 of float32 H×W×3 RGB: .299 R + .587 G + .114 B."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]


def blur_kernel(step: Step) -> np.ndarray:
    """The kernel of a blur step."""
    if step["kind"] == "gaussian":
        return gaussian_kernel(step["size"], step["sigma"])
    return anisotropic_kernel(step["size"], step["angle"], *step["variances"])


def _apply_noise(image: np.ndarray, step: Step, generator: np.random.Generator) -> np.ndarray:
    image = _as_float(image)
    if step["kind"] == "gray":
        return add_gray_noise(image, step["sigma"] / 255, generator)
    if image.shape[-1] == 1:
        image = cv2.merge([image] * 3)
    if step["kind"] == "color":
        return add_color_noise(image, step["sigma"] / 255, generator)
    return add_correlated_noise(image, np.array(step["covariance"]) / 255**2, generator)


OPERATIONS = {
    "brightness": lambda image, step, generator: brightness(_as_uint8(image), step["factor"]),
    "contrast": lambda image, step, generator: contrast(_as_uint8(image), step["factor"], step.get("mean")),
    "noise": _apply_noise,
    "blur": lambda image, step, generator: convolve(_as_float(image), blur_kernel(step)),
    "jpeg": lambda image, step, generator: jpeg(_as_uint8(image), step["quality"]),
}


def _as_uint8(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else to_uint8(image)


def _as_float(image: np.ndarray) -> np.ndarray:
    return to_float(image) if image.dtype == np.uint8 else image


def _checked(image: np.ndarray, channels: int) -> np.ndarray:
    expected = f"expected float32 H×W×{channels} in [0, 1]"
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        raise ValueError(f"{expected}, got {getattr(image, 'dtype', type(image).__name__)}; divide 8-bit images by 255")
    if image.ndim != 3 or image.shape[-1] != channels or min(image.shape[:2]) < 2:
        raise ValueError(f"{expected}, at least 2×2, got shape {image.shape}")
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):  # NaN fails both comparisons
        raise ValueError(f"{expected}, got values from {low:g} to {high:g}")
    return image
