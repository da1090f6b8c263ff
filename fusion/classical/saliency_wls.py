"""VSM-WLS: visual saliency map and weighted least squares (Ma, Zhou, Wang, Zong, IPT 2017)."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.guided_filter import guided_filter
from fusion.method import Method

SIGMAS = 2.0, 4.0, 8.0  # start of the rolling guidance of each level
ROLLING_STEPS = 4
ROLLING_EPSILON = 0.05**2
BASE_SIGMA = 2.0  # last smoothing, which gives the base layer
MASK_SIGMA = 2.0
SMOOTHNESS = 0.01  # lambda of the least squares
WINDOW = 7, 7
TINY = 1e-6


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over ±3 sigma (H×W), replicated beyond the border."""
    side = 2 * round(3 * sigma) + 1
    return cv2.GaussianBlur(image, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)


def rolling_guidance(image: np.ndarray, sigma: float) -> np.ndarray:
    """Removes structure smaller than ``sigma`` and keeps the edges of the rest (Zhang, Shen, Xu, Jia, ECCV 2014)."""
    result = gaussian(image, sigma)
    for _ in range(ROLLING_STEPS):
        result = guided_filter(image, result, round(sigma), ROLLING_EPSILON)
    return result


def saliency(image: np.ndarray) -> np.ndarray:
    """Contrast of each pixel's grey level with the histogram of the image, stretched to [0, 1]."""
    levels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    histogram = np.bincount(levels.ravel(), minlength=256)
    grey = np.arange(256)
    contrast = np.abs(grey[:, None] - grey) @ histogram.astype(np.float64)
    contrast -= contrast[np.unique(levels)].min()
    largest = contrast[np.unique(levels)].max()
    return (contrast / max(largest, 1.0)).astype(np.float32)[levels]


def decompose(image: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Details from fine to coarse, and the base (H×W each)."""
    layers = [image]
    for sigma in SIGMAS:
        layers.append(rolling_guidance(layers[-1], sigma))
    layers.append(gaussian(layers[-1], BASE_SIGMA))
    return [fine - coarse for fine, coarse in pairwise(layers)], layers[-1]


def fuse_detail(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """The larger detail, drawn towards the infrared one where the visible detail is weak (noise).

    The least squares of the paper have one unknown per pixel, and are solved by this quotient.
    """
    mask = gaussian((np.abs(ir) > np.abs(vis)).astype(ir.dtype), MASK_SIGMA)
    chosen = mask * ir + (1 - mask) * vis
    weight = SMOOTHNESS / (np.abs(cv2.blur(vis, WINDOW, borderType=cv2.BORDER_REPLICATE)) + TINY)
    return (chosen + weight * ir) / (1 + weight)


def vsm_wls(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Bases weighted by saliency, finest details by magnitude, the others by least squares; H×W in [0, 1]."""
    (ir_details, ir_base), (vis_details, vis_base) = decompose(ir), decompose(vis)
    ir_weight = 0.5 + 0.5 * (saliency(ir) - saliency(vis))
    fused = ir_weight * ir_base + (1 - ir_weight) * vis_base
    fused += np.where(np.abs(ir_details[0]) > np.abs(vis_details[0]), ir_details[0], vis_details[0])
    for ir_detail, vis_detail in zip(ir_details[1:], vis_details[1:], strict=True):
        fused += fuse_detail(ir_detail, vis_detail)
    return fused


CITATION = r"""@article{ma2017vsmwls,
  author  = {Ma, Jinlei and Zhou, Zhiqiang and Wang, Bo and Zong, Hua},
  title   = {Infrared and Visible Image Fusion Based on Visual Saliency Map and Weighted Least Square
             Optimization},
  journal = {Infrared Physics \& Technology},
  volume  = {82},
  pages   = {8--17},
  year    = {2017},
  doi     = {10.1016/j.infrared.2017.02.005},
}"""

VSM_WLS = Method(
    name="vsm_wls",
    title="VSM-WLS",
    kind="classical",
    description="Rolling-guidance levels; bases weighted by visual saliency, details by weighted least squares.",
    source="J. Ma, Z. Zhou, B. Wang, H. Zong, Infrared and visible image fusion based on visual saliency map and "
    "weighted least square optimization",
    citation=CITATION,
    year=2017,
    venue="Infrared Physics & Technology 82",
    luma=True,
    load=partial(on_grey, vsm_wls),
)
