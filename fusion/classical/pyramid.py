"""Fusion on Gaussian pyramids: of differences (Laplacian pyramid) and of ratios (contrast pyramid)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.selection import first_is_stronger, stronger_coefficient
from fusion.method import Method

LEVELS = 4
RATIO_EPSILON = 1e-6  # keeps the ratio finite on black


def gaussian_pyramid(image: np.ndarray) -> list[np.ndarray]:
    """The image and :data:`LEVELS` halvings of it by the 5-tap kernel [1 4 6 4 1]/16 (Burt & Adelson 1983, REDUCE)."""
    levels = [image]
    for _ in range(LEVELS):
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def expand(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """``coarse`` interpolated to the size of ``fine`` (Burt & Adelson 1983, EXPAND)."""
    return cv2.pyrUp(coarse, dstsize=fine.shape[::-1])


def laplacian_pyramid(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Choose-max fusion of the Laplacian pyramids of two H×W images; the coarsest level is averaged."""
    pyramids = gaussian_pyramid(ir), gaussian_pyramid(vis)
    fused = (pyramids[0][-1] + pyramids[1][-1]) / 2
    for level in reversed(range(LEVELS)):
        details = [p[level] - expand(p[level + 1], p[level]) for p in pyramids]
        fused = expand(fused, details[0]) + stronger_coefficient(*details)
    return fused


def ratio_pyramid(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Choose-max fusion of ratio-of-low-pass pyramids of two H×W images in [0, 1]; the coarsest level is averaged.

    Toet 1989: the contrast of a ratio r is |r - 1|, so that dark detail on bright ground counts as much as the reverse.
    """
    pyramids = gaussian_pyramid(ir), gaussian_pyramid(vis)
    fused = (pyramids[0][-1] + pyramids[1][-1]) / 2
    for level in reversed(range(LEVELS)):
        ratios = [p[level] / (expand(p[level + 1], p[level]) + RATIO_EPSILON) for p in pyramids]
        ir_wins = first_is_stronger(*(np.abs(ratio - 1) for ratio in ratios))
        fused = (expand(fused, ratios[0]) + RATIO_EPSILON) * np.where(ir_wins, *ratios)
    return fused


BURT_1983 = r"""@article{burt1983laplacian,
  author  = {Burt, Peter J. and Adelson, Edward H.},
  title   = {The {Laplacian} Pyramid as a Compact Image Code},
  journal = {IEEE Transactions on Communications},
  volume  = {31},
  number  = {4},
  pages   = {532--540},
  year    = {1983},
  doi     = {10.1109/TCOM.1983.1095851},
}"""
TOET_1989 = r"""@article{toet1989ratio,
  author  = {Toet, Alexander},
  title   = {Image Fusion by a Ratio of Low-Pass Pyramid},
  journal = {Pattern Recognition Letters},
  volume  = {9},
  number  = {4},
  pages   = {245--253},
  year    = {1989},
  doi     = {10.1016/0167-8655(89)90003-2},
}"""

LAPLACIAN_PYRAMID = Method(
    name="laplacian_pyramid",
    title="Laplacian pyramid",
    kind="classical",
    description="Four-level Laplacian pyramid, choose-max with consistency check, averaged coarsest level.",
    source="P. J. Burt, E. H. Adelson, The Laplacian pyramid as a compact image code",
    citation=BURT_1983,
    year=1983,
    venue="IEEE Transactions on Communications 31(4)",
    luma=True,
    load=partial(on_grey, laplacian_pyramid),
)

RATIO_PYRAMID = Method(
    name="ratio_pyramid",
    title="Ratio pyramid",
    kind="classical",
    description="Four-level ratio-of-low-pass pyramid, choose-max of contrast, averaged coarsest level.",
    source="A. Toet, Image fusion by a ratio of low-pass pyramid",
    citation=TOET_1989,
    year=1989,
    venue="Pattern Recognition Letters 9(4)",
    luma=True,
    load=partial(on_grey, ratio_pyramid),
)
