"""Wiener deconvolution, of the true blur or of an assumed one."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from skimage.restoration import wiener
from torch import Tensor

from degradation.kernels.blur import anisotropic_kernel, gaussian_kernel, motion_kernel
from fusion.restoration.restorer import Restorer
from fusion.restoration.truth import Fault

BALANCE = 0.03
"""Between sharpness and noise: the regularisation of the Laplacian against the data."""
ASSUMED_SIGMA = 1.2
"""Pixels, of the Gaussian blur that is assumed where nobody knows it."""


def gaussian(sigma: float) -> np.ndarray:
    """A normalised isotropic Gaussian kernel to four standard deviations."""
    return gaussian_kernel(_size(sigma), sigma)


def true_kernel(faults: tuple[Fault, ...]) -> np.ndarray | None:
    """The kernel of the blur that an image is known to have; None where it has none."""
    for factor, _, drawn in faults:
        if factor == "gaussian_blur":
            return gaussian(drawn["sigma"])
        if factor == "anisotropic_blur":
            major, minor = drawn["sigma_major"], drawn["sigma_minor"]
            return anisotropic_kernel(_size(major), drawn["angle"], major**2, minor**2)
        if factor == "motion_blur":
            return motion_kernel(drawn["length"], drawn["angle"])
    return None


def deconvolve(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """An H×W channel in [0, 1] with the blur of ``kernel`` undone (not clamped).

    Its border is mirrored, and tapered into its own circular blur: a product of spectra takes the image for a tile of
    an endless pattern, and what does not fit at the seams would ring.
    """
    width = min(kernel.shape[0], *(side - 1 for side in channel.shape))
    kernel, mirrored = kernel.astype(np.float64), np.pad(channel, width, mode="reflect").astype(np.float64)
    circular = _circular_blur(mirrored, kernel)
    inner = [np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / width, 0, 1) for n in mirrored.shape]
    share = np.minimum.outer(*inner)
    sharp = wiener(share * mirrored + (1 - share) * circular, kernel, BALANCE, clip=False)
    return sharp[width:-width, width:-width].astype(np.float32)


def _circular_blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The H×W image, taken for a tile of an endless pattern, blurred by the kernel."""
    half = kernel.shape[0] // 2
    padded = np.pad(image, half, mode="wrap")
    blurred = cv2.filter2D(padded, -1, np.ascontiguousarray(kernel[::-1, ::-1]))
    return blurred[half:-half, half:-half] if half else blurred


def _size(sigma: float) -> int:
    return 2 * math.ceil(4 * sigma) + 1


def _each(image: Tensor, kernel: np.ndarray | None) -> Tensor:
    if kernel is None:
        return image
    channels = [deconvolve(channel, kernel) for channel in image.flatten(0, 1).cpu().numpy()]
    return torch.from_numpy(np.stack(channels)).to(image).view(image.shape)


def _load(knows_condition: bool, weights: dict[str, Path], device: torch.device):
    if knows_condition:
        return lambda image, faults: _each(image, true_kernel(faults))
    return partial(_each, kernel=gaussian(ASSUMED_SIGMA))


_FACTS: dict[str, Any] = {
    "kind": "classical",
    "source": "Wiener deconvolution; scikit-image restoration.wiener",
    "modalities": ("ir", "vis"),
    "removes": ("gaussian_blur", "anisotropic_blur", "motion_blur"),
}
TRUE = Restorer(
    name="wiener",
    title="Wiener (true blur)",
    description="Deconvolution by the true kernel, balance 0.03; an image without blur is left alone.",
    warning="Wiener (true blur): told what no user knows, how the pair was degraded.",
    knows_condition=True,
    load=partial(_load, True),
    **_FACTS,
)
BLIND = Restorer(
    name="wiener_blind",
    title="Wiener",
    description="Deconvolution of an assumed Gaussian blur of 1.2 px, balance 0.03.",
    load=partial(_load, False),
    **_FACTS,
)
