"""TIF: two-scale image fusion by saliency (Bavirisetti & Dhuli, Infrared Physics & Technology 2016)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method

BASE_SIZE = 35  # side of the mean filter of the base layer
MEDIAN_SIZE = 3  # of the median filter of the saliency
TINY = 1e-12  # equal weights where neither image is salient


def circular_mean(image: np.ndarray, size: int) -> np.ndarray:
    """Mean over a size×size window of the periodically continued image (H×W)."""
    half = size // 2
    wrapped = np.pad(image, half, mode="wrap")
    return cv2.blur(wrapped, (size, size))[half:-half, half:-half]


def zero_padded_median(image: np.ndarray, size: int) -> np.ndarray:
    """Median over a size×size window of the image (H×W float32) continued by zeros."""
    half = size // 2
    return cv2.medianBlur(np.pad(image, half), size)[half:-half, half:-half]


def tif(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Averaged bases plus details weighted by (base - median)², H×W in [0, 1]."""
    images = ir, vis
    bases = [circular_mean(x, BASE_SIZE) for x in images]
    saliency = [(base - zero_padded_median(x, MEDIAN_SIZE)) ** 2 + TINY for x, base in zip(images, bases, strict=True)]
    ir_weight = saliency[0] / (saliency[0] + saliency[1])
    return (bases[0] + bases[1]) / 2 + ir_weight * (ir - bases[0]) + (1 - ir_weight) * (vis - bases[1])


CITATION = r"""@article{bavirisetti2016tif,
  author  = {Bavirisetti, Durga Prasad and Dhuli, Ravindra},
  title   = {Two-Scale Image Fusion of Visible and Infrared Images Using Saliency Detection},
  journal = {Infrared Physics \& Technology},
  volume  = {76},
  pages   = {52--64},
  year    = {2016},
  doi     = {10.1016/j.infrared.2016.01.009},
}"""

TIF = Method(
    name="tif",
    title="TIF",
    kind="classical",
    description="Two scales (mean filter and rest); details weighted by their distance from the local median.",
    source="D. P. Bavirisetti, R. Dhuli, Two-scale image fusion of visible and infrared images using saliency "
    "detection",
    citation=CITATION,
    year=2016,
    venue="Infrared Physics & Technology 76",
    luma=True,
    load=partial(on_grey, tif),
)
