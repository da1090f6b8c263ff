"""Fusion pixel by pixel: average, maximum, and one weight per image."""

from __future__ import annotations

from functools import partial

import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.karhunen_loeve import principal_direction
from fusion.method import Method


def average(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """(ir + vis) / 2, H×W."""
    return (ir + vis) / 2


def maximum(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """The brighter of the two at each pixel, H×W."""
    return np.maximum(ir, vis)


def weighted(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """w·ir + (1 - w)·vis, H×W, with the principal-component weights of the two images.

    Naidu & Raol 2008: the image that varies more gets the larger weight. Magnitudes are weighed, so that a
    negative correlation of the sources never subtracts one from the other.
    """
    ir_weight, vis_weight = np.abs(principal_direction(ir, vis))
    return ((ir_weight * ir + vis_weight * vis) / (ir_weight + vis_weight)).astype(ir.dtype)


CITATION = r"""@article{naidu2008pca,
  author  = {Naidu, V. P. S. and Raol, J. R.},
  title   = {Pixel-Level Image Fusion Using Wavelets and Principal Component Analysis},
  journal = {Defence Science Journal},
  volume  = {58},
  number  = {3},
  pages   = {338--352},
  year    = {2008},
  doi     = {10.14429/dsj.58.1653},
}"""

AVERAGE = Method(
    name="average",
    title="Average",
    kind="classical",
    description="Mean of infrared and visible luma.",
    source="definition",
    luma=True,
    load=partial(on_grey, average),
)

MAXIMUM = Method(
    name="maximum",
    title="Maximum",
    kind="classical",
    description="Pixel-wise maximum of infrared and visible luma.",
    source="definition",
    luma=True,
    load=partial(on_grey, maximum),
)

WEIGHTED = Method(
    name="weighted",
    title="Weighted (PCA)",
    kind="classical",
    description="Weighted mean of infrared and visible luma; the weights are the principal component of the pair.",
    source="V. P. S. Naidu, J. R. Raol, Pixel-level image fusion using wavelets and principal component analysis",
    citation=CITATION,
    year=2008,
    venue="Defence Science Journal 58(3)",
    luma=True,
    load=partial(on_grey, weighted),
)
