"""Classical changes of tone: percentile stretch, adaptive histogram equalisation, gamma."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.exposure import rescale_intensity
from torch import Tensor

from fusion.restoration.restorer import Restorer

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
LOW, HIGH = 1, 99
"""Percentiles that the stretch maps to 0 and 1."""
CLIP_LIMIT, TILES = 2.0, (8, 8)
"""Of CLAHE, as OpenCV's documentation proposes them."""
MIDDLE = 0.45
"""The mean luma that the gamma curve aims at, that of well-exposed street images."""
GAMMAS = 1 / 4, 4.0


def stretch(image: np.ndarray) -> np.ndarray:
    """A C×H×W image in [0, 1] whose luma is stretched from its 1st and 99th percentile to [0, 1], colours with it."""
    low, high = np.percentile(_luma(image), (LOW, HIGH))
    return rescale_intensity(image, (low, high), (0, 1)) if high > low else image


def equalise(image: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation of the luma of a C×H×W image, on 8 bits; Cb and Cr are kept."""
    luma = _luma(image)
    levels = np.round(luma * 255).astype(np.uint8)
    return image + (cv2.createCLAHE(CLIP_LIMIT, TILES).apply(levels) / 255 - luma)


def gamma(image: np.ndarray) -> np.ndarray:
    """A C×H×W image in [0, 1] to the power that takes its mean luma to 0.45, from 1/4 to 4."""
    mean = float(np.clip(_luma(image).mean(), 1 / 255, 254 / 255))
    return image ** float(np.clip(math.log(MIDDLE) / math.log(mean), *GAMMAS))


def _luma(image: np.ndarray) -> np.ndarray:
    return image[0] if len(image) == 1 else np.tensordot(LUMA, image, 1)


def _load(curve: Callable[[np.ndarray], np.ndarray], weights: dict[str, Path], device: torch.device):
    def restore(image: Tensor) -> Tensor:
        changed = np.stack([curve(one) for one in image.cpu().numpy()])
        return torch.from_numpy(changed).to(image)

    return restore


CITATION = r"""@incollection{zuiderveld1994clahe,
  author    = {Zuiderveld, Karel},
  title     = {Contrast Limited Adaptive Histogram Equalization},
  booktitle = {Graphics Gems {IV}},
  publisher = {Academic Press},
  pages     = {474--485},
  year      = {1994},
}"""
STRETCH = Restorer(
    name="stretch",
    title="Stretch",
    kind="classical",
    description="Stretched from the 1st and 99th percentile of luma to the whole range, all channels alike.",
    source="percentile stretch; scikit-image rescale_intensity",
    removes=("contrast", "fog", "brightness_down"),
    modalities=("ir", "vis"),
    load=partial(_load, stretch),
)
CLAHE = Restorer(
    name="clahe",
    title="CLAHE",
    kind="classical",
    description="Contrast-limited adaptive histogram equalisation of luma, clip limit 2, 8×8 tiles.",
    source="Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV (1994); OpenCV",
    citation=CITATION,
    removes=("contrast", "fog", "low_light"),
    modalities=("ir", "vis"),
    load=partial(_load, equalise),
)
GAMMA = Restorer(
    name="gamma",
    title="Gamma",
    kind="classical",
    description="The power that takes the mean luma to 0.45, from 1/4 to 4, on all channels.",
    source="gamma correction by the mean level",
    removes=("low_light", "over_exposure", "brightness_up", "brightness_down"),
    modalities=("ir", "vis"),
    load=partial(_load, gamma),
)
