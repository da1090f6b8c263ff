"""Destriping without a network: what the mean of a line differs from its neighbours' is taken off the line."""

from __future__ import annotations

from pathlib import Path

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from fusion.restoration.restorer import Restorer

SIGMA = 8.0
"""Lines; wider differences of the means belong to the scene."""


def along_rows(image: Tensor) -> bool:
    """Whether the stripes of an H×W image run along its rows rather than its columns.

    The means of striped lines jump from line to line; the median jump is hardly that of a few edges of the scene.
    """
    rows, columns = (image.mean(axis).diff().abs().median() for axis in (1, 0))
    return bool(rows > columns)


def destripe(image: Tensor) -> Tensor:
    """An H×W image in [0, 1] (not clamped after) whose lines have the means of their smoothed neighbourhood."""
    if along_rows(image):
        return destripe_columns(image.T).T
    return destripe_columns(image)


def destripe_columns(image: Tensor) -> Tensor:
    """As :func:`destripe`, for stripes along the columns."""
    means = image.mean(0).cpu().numpy()
    return image - torch.from_numpy(means - gaussian_filter1d(means, SIGMA, mode="nearest")).to(image)


def _load(weights: dict[str, Path], device: torch.device):
    return lambda image: torch.stack([destripe(one) for one in image[:, 0]])[:, None]


CITATION = r"""@article{gadallah2000destriping,
  author  = {Gadallah, F. L. and Csillag, F. and Smith, E. J. M.},
  title   = {Destriping Multisensor Imagery With Moment Matching},
  journal = {International Journal of Remote Sensing},
  volume  = {21},
  number  = {12},
  pages   = {2505--2511},
  year    = {2000},
  doi     = {10.1080/01431160050030592},
}"""

RESTORER = Restorer(
    name="destripe",
    title="Destripe",
    kind="classical",
    description="The mean of every row or column brought to that of its neighbourhood (Gaussian, sigma 8 lines).",
    source="moment matching of neighbouring lines; Gadallah, Csillag & Smith, Int. J. Remote Sensing 21 (2000)",
    citation=CITATION,
    removes=("stripe_noise",),
    modalities=("ir",),
    load=_load,
)
