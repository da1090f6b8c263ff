"""Hybrid-MSD: hybrid Gaussian and bilateral decomposition (Zhou, Wang, Li, Dong, Information Fusion 2016)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method

SPATIAL_SIGMAS = 2.0, 4.0, 8.0, 16.0  # of both filters at the four levels
RANGE_SIGMAS = 0.05, 0.025, 0.0125, 0.00625  # of the bilateral filter
BILATERAL_REACH = 2.0  # in spatial sigmas
LATTICE_SIGMA = 2.0  # sigma of the bilateral filter in steps of the lattice that it looks at
CONTRAST = 30.0  # lambda of the perceptual weight
WEIGHT_SIGMA, BASE_WEIGHT_SIGMA = 1.0, 64.0
COARSE = 8  # the smoothing of the base weight is computed on a grid of this step
BORDER = cv2.BORDER_REFLECT


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over ±3 sigma (H×W), mirrored beyond the border."""
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=BORDER)


def wide_gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """:func:`gaussian` of a large sigma, computed on a coarse grid."""
    coarse = cv2.resize(image, None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_AREA)
    return cv2.resize(gaussian(coarse, sigma / COARSE), image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def bilateral(image: np.ndarray, spatial_sigma: float, range_sigma: float) -> np.ndarray:
    """Bilateral filter of an H×W image whose window is sampled every ``spatial_sigma / LATTICE_SIGMA`` pixels.

    Every pixel is filtered with the neighbours of its own sub-lattice, at a cost that does not grow with sigma. Each
    level starts from the smoothed level before it, so that the sparser sampling changes next to nothing.
    """
    step = max(1, round(spatial_sigma / LATTICE_SIGMA))
    side = 2 * round(BILATERAL_REACH * spatial_sigma / step) + 1
    result = np.empty_like(image)
    for top in range(min(step, image.shape[0])):
        for left in range(min(step, image.shape[1])):
            lattice = np.ascontiguousarray(image[top::step, left::step])
            result[top::step, left::step] = cv2.bilateralFilter(
                lattice, side, range_sigma, spatial_sigma / step, borderType=BORDER
            )
    return result


def decompose(image: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The image and its successive Gaussian, and successive bilateral, smoothings (five H×W each)."""
    blurred, edge_preserved = [image], [image]
    for spatial_sigma, range_sigma in zip(SPATIAL_SIGMAS, RANGE_SIGMAS, strict=True):
        blurred.append(gaussian(blurred[-1], spatial_sigma))
        edge_preserved.append(bilateral(edge_preserved[-1], spatial_sigma, range_sigma))
    return blurred, edge_preserved


def perceptual_weight(ir_edge: np.ndarray, vis_edge: np.ndarray) -> np.ndarray:
    """How much the infrared edges stand out from the visible ones, H×W in [0, 1]: atan(30 R)/atan(30)."""
    excess = np.maximum(np.abs(ir_edge) - np.abs(vis_edge), 0)
    excess /= max(float(excess.max()), np.finfo(np.float32).tiny)
    return np.arctan(CONTRAST * excess) / np.float32(np.arctan(CONTRAST))


def stronger(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The value of larger magnitude at each pixel (H×W)."""
    return np.where(np.abs(first) > np.abs(second), first, second)


def hybrid_msd(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Infrared edges injected into the visible image at each scale; H×W in [0, 1].

    Textures are blurred(j-1) - edge_preserved(j), edges are edge_preserved(j) - blurred(j). Beyond the finest level
    both get one weight, so that only their sum appears below.
    """
    (ir_blurred, ir_kept), (vis_blurred, vis_kept) = decompose(ir), decompose(vis)
    fused = stronger(ir - ir_kept[1], vis - vis_kept[1])
    fused += stronger(ir_kept[1] - ir_blurred[1], vis_kept[1] - vis_blurred[1])
    for level in range(2, len(ir_blurred)):
        weight = perceptual_weight(ir_kept[level] - ir_blurred[level], vis_kept[level] - vis_blurred[level])
        smooth_weight = gaussian(weight, WEIGHT_SIGMA)
        ir_detail = ir_blurred[level - 1] - ir_blurred[level]
        vis_detail = vis_blurred[level - 1] - vis_blurred[level]
        fused += vis_detail + smooth_weight * (ir_detail - vis_detail)
    base_weight = wide_gaussian(weight, BASE_WEIGHT_SIGMA)
    return fused + vis_blurred[-1] + base_weight * (ir_blurred[-1] - vis_blurred[-1])


CITATION = r"""@article{zhou2016hybridmsd,
  author  = {Zhou, Zhiqiang and Wang, Bo and Li, Sun and Dong, Mingjie},
  title   = {Perceptual Fusion of Infrared and Visible Images Through a Hybrid Multi-Scale Decomposition With
             {Gaussian} and Bilateral Filters},
  journal = {Information Fusion},
  volume  = {30},
  pages   = {15--26},
  year    = {2016},
  doi     = {10.1016/j.inffus.2015.11.003},
}"""

HYBRID_MSD = Method(
    name="hybrid_msd",
    title="Hybrid-MSD",
    kind="classical",
    description="Texture and edge layers from Gaussian and bilateral smoothing; infrared edges injected perceptually.",
    source="Z. Zhou, B. Wang, S. Li, M. Dong, Perceptual fusion of infrared and visible images through a hybrid "
    "multi-scale decomposition with Gaussian and bilateral filters",
    citation=CITATION,
    year=2016,
    venue="Information Fusion 30",
    luma=True,
    load=partial(on_grey, hybrid_msd),
)
