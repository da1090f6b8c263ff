"""MGFF: multi-scale guided filtered fusion (Bavirisetti, Xiao, Zhao, Dhuli, Liu, CSSP 2019)."""

from __future__ import annotations

from functools import partial

import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.guided_filter import guided_filter
from fusion.method import Method

LEVELS = 4
RADIUS = 9
EPSILON = 1000 / 255**2  # given by the authors for grey levels of 0 to 255
TINY = 1e-12  # equal weights where neither image has detail


def mgff(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Sum of the details of four levels, weighted by their magnitude, and the mean of the last bases; H×W in [0, 1].

    Each image guides the filtering of the *other* one, so that structure of either source ends up in both details.
    """
    bases = ir, vis
    fused = np.zeros_like(ir)
    for _ in range(LEVELS):
        smooth = guided_filter(bases[1], bases[0], RADIUS, EPSILON), guided_filter(bases[0], bases[1], RADIUS, EPSILON)
        details = [base - s for base, s in zip(bases, smooth, strict=True)]
        saliency = [np.abs(detail) + TINY for detail in details]
        fused += (saliency[0] * details[0] + saliency[1] * details[1]) / (saliency[0] + saliency[1])
        bases = smooth
    return fused + (bases[0] + bases[1]) / 2


CITATION = r"""@article{bavirisetti2019mgff,
  author  = {Bavirisetti, Durga Prasad and Xiao, Gang and Zhao, Junhao and Dhuli, Ravindra and Liu, Gang},
  title   = {Multi-Scale Guided Image and Video Fusion: A Fast and Efficient Approach},
  journal = {Circuits, Systems, and Signal Processing},
  volume  = {38},
  pages   = {5576--5605},
  year    = {2019},
  doi     = {10.1007/s00034-019-01131-z},
}"""

MGFF = Method(
    name="mgff",
    title="MGFF",
    kind="classical",
    description="Four guided-filter levels, each image guiding the other; details weighted by their magnitude.",
    source="D. P. Bavirisetti et al., Multi-scale guided image and video fusion: A fast and efficient approach",
    citation=CITATION,
    year=2019,
    venue="Circuits, Systems, and Signal Processing 38",
    luma=True,
    load=partial(on_grey, mgff),
)
