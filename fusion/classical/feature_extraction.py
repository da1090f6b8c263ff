"""IFEVIP: infrared feature extraction and visual information preservation (Zhang, Zhang, Bai, Zhang, IPT 2017)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method

SIDE = 512  # the infrared image is decomposed at this size
SMALLEST_BLOCK = 32
SPLIT_RANGE = 0.2  # a block with a larger range of grey levels is split
EROSION, EROSION_ANCHOR = np.ones((32, 32), np.uint8), (15, 15)
SMOOTHING_SIZE, SMOOTHING_SIGMA = (9, 9), 4.5
BRIGHTEST = 0.001  # share of pixels that must not saturate
LARGEST_RATIO = 0.8


def quadtree(image: np.ndarray, top: int = 0, left: int = 0, side: int = SIDE) -> list[tuple[int, int, int]]:
    """Blocks (top, left, side) of a square image, split until they are even or smallest."""
    block = image[top : top + side, left : left + side]
    if side <= SMALLEST_BLOCK or np.ptp(block) <= SPLIT_RANGE:
        return [(top, left, side)]
    half = side // 2
    corners = [(top, left), (top, left + half), (top + half, left), (top + half, left + half)]
    return [leaf for y, x in corners for leaf in quadtree(image, y, x, half)]


def bernstein(side: int) -> np.ndarray:
    """Cubic Bernstein polynomials at ``side`` points from 0 to 1 (side×4)."""
    t = np.linspace(0, 1, side, dtype=np.float32)
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def background(image: np.ndarray) -> np.ndarray:
    """A smooth surface below the bright regions of a SIDE×SIDE image: one cubic Bézier patch per quadtree block."""
    eroded = np.pad(cv2.erode(image, EROSION, anchor=EROSION_ANCHOR), (0, 1), mode="edge")
    surface = np.empty_like(image)
    for top, left, side in quadtree(image):
        offsets = np.array([0, side // 2 - 1, 3 * side // 4 - 1, side])
        curve = bernstein(side)
        control = eroded[np.ix_(top + offsets, left + offsets)]
        surface[top : top + side, left : left + side] = curve @ control @ curve.T
    return surface


def entropy(image: np.ndarray) -> float:
    """Shannon entropy in bits of the 8-bit histogram of an image in [0, 1]."""
    counts = np.bincount(np.round(image * 255).astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / image.size
    return float(-(shares * np.log2(shares)).sum())


def ifevip(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """The visible image plus the bright infrared features that it can take without saturating; H×W in [0, 1]."""
    surface = background(np.clip(cv2.resize(ir, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 1))
    surface = cv2.resize(surface, ir.shape[::-1], interpolation=cv2.INTER_CUBIC)
    # the authors' filter sees zeros beyond the border, which brightens a frame of a few pixels
    surface = cv2.GaussianBlur(surface, SMOOTHING_SIZE, SMOOTHING_SIGMA, borderType=cv2.BORDER_CONSTANT)
    feature = np.clip(ir - surface, 0, 1)
    addition = feature + (ir - vis) * (entropy(ir) / max(entropy(vis), 1e-6))
    bright = (vis + np.maximum(addition, 0)).ravel()
    count = max(1, round(BRIGHTEST * bright.size))
    brightest = np.partition(bright, bright.size - count)[-count:].mean()
    ratio = min(1 / max(brightest, 1e-6), LARGEST_RATIO)
    return vis + np.clip(addition * ratio, 0, 1)


CITATION = r"""@article{zhang2017ifevip,
  author  = {Zhang, Yu and Zhang, Lijia and Bai, Xiangzhi and Zhang, Li},
  title   = {Infrared and Visual Image Fusion Through Infrared Feature Extraction and Visual Information
             Preservation},
  journal = {Infrared Physics \& Technology},
  volume  = {83},
  pages   = {227--237},
  year    = {2017},
  doi     = {10.1016/j.infrared.2017.05.007},
}"""

IFEVIP = Method(
    name="ifevip",
    title="IFEVIP",
    kind="classical",
    description="Bright infrared features above a quadtree-Bézier background, added to the visible image.",
    source="Y. Zhang, L. Zhang, X. Bai, L. Zhang, Infrared and visual image fusion through infrared feature extraction "
    "and visual information preservation",
    citation=CITATION,
    year=2017,
    venue="Infrared Physics & Technology 83",
    luma=True,
    load=partial(on_grey, ifevip),
)
