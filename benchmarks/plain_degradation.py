"""The random degradation written plainly, with SciPy and PIL: what the fast one is timed against."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance
from scipy import ndimage

from degradation.random_model import Step, blur_kernel


def plain_steps(image: np.ndarray, steps: list[Step], generator: np.random.Generator) -> np.ndarray:
    """Apply ``steps`` to a visible image, float32 H×W×3 in [0, 1]."""
    for step in steps:
        image = OPERATIONS[step["operation"]](image, step, generator)
    return image


def levels(image: np.ndarray) -> Image.Image:
    """As an 8-bit PIL image."""
    return Image.fromarray(np.rint(255 * image).astype(np.uint8))


def values(image: Image.Image) -> np.ndarray:
    """As float32 in [0, 1]."""
    return np.asarray(image).astype(np.float32) / 255


def noise(image: np.ndarray, step: Step, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise: one field for all channels, one for each, or correlated ones."""
    height, width, channels = image.shape
    if step["kind"] == "gray":
        field = generator.normal(0, step["sigma"] / 255, (height, width, 1))
    elif step["kind"] == "color":
        field = generator.normal(0, step["sigma"] / 255, image.shape)
    else:
        covariance = np.array(step["covariance"]) / 255**2
        field = generator.multivariate_normal(np.zeros(channels), covariance, (height, width))
    return np.clip(image + field, 0, 1).astype(np.float32)


def blur(image: np.ndarray, step: Step, generator: np.random.Generator) -> np.ndarray:
    """Direct convolution, channel by channel."""
    kernel = blur_kernel(step).astype(np.float32)
    return np.stack([ndimage.convolve(image[..., k], kernel, mode="mirror") for k in range(image.shape[-1])], axis=-1)


def jpeg(image: np.ndarray, step: Step, generator: np.random.Generator) -> np.ndarray:
    """To JPEG and back."""
    stream = io.BytesIO()
    levels(image).save(stream, "JPEG", quality=step["quality"])
    return values(Image.open(stream))


OPERATIONS = {
    "brightness": lambda image, step, _: values(ImageEnhance.Brightness(levels(image)).enhance(step["factor"])),
    "contrast": lambda image, step, _: values(ImageEnhance.Contrast(levels(image)).enhance(step["factor"])),
    "noise": noise,
    "blur": blur,
    "jpeg": jpeg,
}
