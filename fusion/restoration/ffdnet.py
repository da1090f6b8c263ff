"""FFDNet: a denoiser that is told the noise level; three networks, for grey, independent and correlated noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pywt
import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, published_state, stacked
from fusion.restoration.dncnn import numbered
from fusion.restoration.restorer import Restorer
from fusion.restoration.truth import Fault
from tsdm_bench.weights.card import WeightFile

LICENCE = "none (MIT in KAIR)"
NORMAL_MAD = 0.6745
"""Median absolute value of a standard normal variable."""
LEAST_SIGMA = 0.5 / 255
"""Less noise than rounding to 8 bits makes is none."""
CORRELATED = 0.3
"""Mean correlation of the channels above which noise counts as correlated."""
COVARIANCE_MAPS = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))
"""Which entries of the covariance of R, G, B the six maps of the third network stand for."""


def _converted(name: str, origin: str, bytes: int, sha256: str) -> WeightFile:
    return WeightFile(
        name=name,
        bytes=bytes,
        sha256=sha256,
        licence=LICENCE,
        source=f"github.com/cszn/FFDNet at e787f46d, models/{origin}, converted to PyTorch",
    )


GRAY = _converted(
    "ffdnet_gray_clip.pth",
    "FFDNet_Clip_gray.mat",
    1950925,
    "e35773d3e89f1bce0ae60d770c35c2b7b29d626e81a49dc931a282dbe6ef8f94",
)
COLOR = _converted(
    "ffdnet_color_clip.pth",
    "FFDNet_Clip_color.mat",
    3416455,
    "bb428e1665a42503664d2cb2901d6ac0d1bee81ee023bcdc0178c7038db57149",
)
COVARIANCE = _converted(
    "ffdnet_color_3d.pth",
    "FFDNet_3D_RGB.mat",
    3433675,
    "369a8311f8d7f2d8c4d7cbb5d0f52c25b7a1a1252ceb095084a162a627a94b25",
)


def network(state: State, image: Tensor, levels: Tensor) -> Tensor:
    """The denoised image (not clamped) of N×C×H×W in [0, 1].

    ``levels`` are noise levels in [0, 1] that broadcast to N×M×⌈H/2⌉×⌈W/2⌉: one map of standard deviations, or six of
    the square roots of the covariance (:data:`COVARIANCE_MAPS`). Works on half-size images, four to a channel.
    """
    height, width = image.shape[-2:]
    small = F.pixel_unshuffle(F.pad(image, (0, width % 2, 0, height % 2), mode="replicate"), 2)
    maps = levels.expand(len(image), -1, *small.shape[-2:])
    denoised = stacked(torch.cat([small, maps], dim=1), state, numbered(state))
    return F.pixel_shuffle(denoised, 2)[..., :height, :width]


def noise_covariance(image: np.ndarray) -> np.ndarray:
    """The covariance (C×C) of the noise of a C×H×W image, from its finest diagonal wavelet coefficients.

    Donoho & Johnstone's estimate (Biometrika 81, 1994) of standard deviations by the median, for the sums and
    differences of every two channels (Gnanadesikan & Kettenring, Biometrics 28, 1972).

    >>> noise = np.random.default_rng(0).normal(0, 0.1, (1, 256, 256)).repeat(2, axis=0)
    >>> bool(np.abs(noise_covariance(0.5 + noise) - 0.01).max() < 5e-4)
    True
    """
    finest = [pywt.dwt2(channel, "db2")[1][2] for channel in image]

    def variance(x: np.ndarray) -> float:
        return float(np.median(np.abs(x)) / NORMAL_MAD) ** 2

    return np.array([[(variance(a + b) - variance(a - b)) / 4 for b in finest] for a in finest])


def true_covariance(faults: tuple[Fault, ...], channels: int) -> np.ndarray:
    """The covariance (C×C, units of [0, 1]) of the noise that an image is known to have; zeros where it has none."""
    total = np.zeros((channels, channels))
    for fault in faults:
        if fault.factor == "noise_color":
            total += np.eye(channels) * (fault.drawn["sigma"] / 255) ** 2
        elif fault.factor == "noise_gray":
            total += (fault.drawn["sigma"] / 255) ** 2
        elif fault.factor == "noise_correlated":
            total += np.array(fault.drawn["covariance"]) / 255**2
    return total


def denoise(states: dict[str, State], image: Tensor, covariance: np.ndarray) -> Tensor:
    """One image 1×C×H×W without noise of that covariance, by the network that fits it."""
    variances = np.diag(covariance)
    if variances.max() < LEAST_SIGMA**2:
        return image
    deviations = np.sqrt(np.maximum(variances, LEAST_SIGMA**2))
    correlation = covariance / np.outer(deviations, deviations)
    channels = len(covariance)
    levels, state = [float(np.sqrt(variances.mean()))], states[GRAY.name if channels == 1 else COLOR.name]
    if channels == 3 and correlation[np.triu_indices(3, 1)].mean() > CORRELATED:
        levels = [float(np.sqrt(max(covariance[place], 0))) for place in COVARIANCE_MAPS]
        state = states[COVARIANCE.name]
    return network(state, image, image.new_tensor(levels).view(1, -1, 1, 1))


def _load(knows_condition: bool, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    states = {file.name: published_state(weights[file.name], device) for file in (GRAY, COLOR, COVARIANCE)}

    def told(image: Tensor, faults: tuple[Fault, ...]) -> Tensor:
        covariance = true_covariance(faults, image.shape[1])
        return torch.cat([denoise(states, one, covariance) for one in image.split(1)])

    def estimated(image: Tensor) -> Tensor:
        return torch.cat([denoise(states, one, noise_covariance(one[0].cpu().numpy())) for one in image.split(1)])

    return told if knows_condition else estimated


CITATION = r"""@article{zhang2018ffdnet,
  author  = {Zhang, Kai and Zuo, Wangmeng and Zhang, Lei},
  title   = {{FFDNet}: Toward a Fast and Flexible Solution for {CNN}-Based Image Denoising},
  journal = {IEEE Transactions on Image Processing},
  volume  = {27},
  number  = {9},
  pages   = {4608--4622},
  year    = {2018},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Zhang, Zuo & Zhang, FFDNet: toward a fast and flexible solution for CNN-based image denoising, IEEE TIP "
    "27 (2018); github.com/cszn/FFDNet",
    "citation": CITATION,
    "year": 2018,
    "venue": "IEEE TIP",
    "licence": LICENCE,
    "parameters": 485_316 + 852_108 + 856_428,
    "modalities": ("ir", "vis"),
    "removes": ("noise_color", "noise_gray", "noise_correlated"),
    "weights": (GRAY, COLOR, COVARIANCE),
}
TRUE = Restorer(
    name="ffdnet",
    title="FFDNet (true noise)",
    description="Told the true covariance of the noise; an image without noise is left alone.",
    warning="FFDNet (true noise): told what no user knows, how the pair was degraded.",
    knows_condition=True,
    load=partial(_load, True),
    **_FACTS,
)
BLIND = Restorer(
    name="ffdnet_blind",
    title="FFDNet",
    description="Told the covariance of the noise that is estimated from the finest wavelet coefficients.",
    load=partial(_load, False),
    **_FACTS,
)
