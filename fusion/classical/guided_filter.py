"""GFF: fusion with guided filtering (Li, Kang, Hu, IEEE TIP 2013), and the guided filter itself."""

from __future__ import annotations

from functools import lru_cache, partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method

BASE_SIZE = 31  # side of the mean filter that splits base from detail
SALIENCY_SIZE, SALIENCY_SIGMA = 11, 5.0  # Gaussian over |Laplacian|
BASE_RADIUS, BASE_EPSILON = 45, 0.3  # guided filter of the base weights
DETAIL_RADIUS, DETAIL_EPSILON = 7, 1e-6  # of the detail weights
TINY = 1e-10  # equal weights where both are rounded to zero


@lru_cache(maxsize=8)
def window_share(height: int, width: int, radius: int) -> np.ndarray:
    """1 / number of pixels of the (2·radius + 1)² window that lie inside the image (H×W float32)."""
    inside = [
        np.minimum(np.arange(n) + radius, n - 1) - np.maximum(np.arange(n) - radius, 0) + 1 for n in (height, width)
    ]
    return (1 / np.outer(*inside)).astype(np.float32)


def box_mean(image: np.ndarray, radius: int) -> np.ndarray:
    """Mean over the (2·radius + 1)² window cut off at the image border (H×W float32)."""
    side = (2 * radius + 1, 2 * radius + 1)
    total = cv2.boxFilter(image, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    total *= window_share(*image.shape, radius)
    return total


def guided_filter(image: np.ndarray, guide: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Edge-preserving smoothing of ``image`` (H×W float32) after the edges of ``guide`` (H×W float32, same range).

    He, Sun, Tang, *Guided image filtering*, IEEE TPAMI 2013, algorithm 1. ``epsilon`` is in squared units of
    ``guide``. Windows are cut off at the border.
    """
    guide_mean, image_mean = box_mean(guide, radius), box_mean(image, radius)
    slope, variance = box_mean(guide * image, radius), box_mean(guide * guide, radius)
    slope -= guide_mean * image_mean
    variance -= guide_mean * guide_mean
    variance += epsilon
    slope /= variance
    image_mean -= np.multiply(slope, guide_mean, out=guide_mean)
    result = box_mean(slope, radius)
    result *= guide
    result += box_mean(image_mean, radius)
    return result


def saliency(image: np.ndarray) -> np.ndarray:
    """Gaussian of the absolute Laplacian (4 neighbours), H×W; eq. 3 and 4."""
    laplacian = np.abs(cv2.Laplacian(image, -1, ksize=1, borderType=cv2.BORDER_REPLICATE))
    size = (SALIENCY_SIZE, SALIENCY_SIZE)
    return cv2.GaussianBlur(laplacian, size, SALIENCY_SIGMA, borderType=cv2.BORDER_REPLICATE)


def gff(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Guided-filter fusion of two H×W images in [0, 1].

    The refined weights are rounded to 8 bits, as the authors' implementation does.
    """
    images = ir, vis
    ir_first = (saliency(ir) >= saliency(vis)).astype(np.float32)  # eq. 5
    bases = [cv2.blur(x, (BASE_SIZE, BASE_SIZE), borderType=cv2.BORDER_REPLICATE) for x in images]
    details = [x - base for x, base in zip(images, bases, strict=True)]
    fused = np.zeros_like(ir)
    for layers, radius, epsilon in ((bases, BASE_RADIUS, BASE_EPSILON), (details, DETAIL_RADIUS, DETAIL_EPSILON)):
        weights = [
            np.round(255 * np.clip(guided_filter(mask, image, radius, epsilon), 0, 1)) + TINY
            for mask, image in zip((ir_first, 1 - ir_first), images, strict=True)
        ]
        fused += (weights[0] * layers[0] + weights[1] * layers[1]) / (weights[0] + weights[1])
    return fused


CITATION = r"""@article{li2013gff,
  author  = {Li, Shutao and Kang, Xudong and Hu, Jianwen},
  title   = {Image Fusion With Guided Filtering},
  journal = {IEEE Transactions on Image Processing},
  volume  = {22},
  number  = {7},
  pages   = {2864--2875},
  year    = {2013},
  doi     = {10.1109/TIP.2013.2244222},
}"""

GFF = Method(
    name="gff",
    title="GFF",
    kind="classical",
    description="Base and detail layers weighted by saliency masks that a guided filter aligns with the image edges.",
    source="S. Li, X. Kang, J. Hu, Image fusion with guided filtering",
    citation=CITATION,
    year=2013,
    venue="IEEE Transactions on Image Processing 22(7)",
    luma=True,
    load=partial(on_grey, gff),
)
