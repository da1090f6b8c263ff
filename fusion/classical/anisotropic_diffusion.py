"""ADF: fusion by anisotropic diffusion and Karhunen–Loève weights (Bavirisetti & Dhuli, IEEE Sensors Journal 2016)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.karhunen_loeve import karhunen_loeve_weights
from fusion.method import Method

STEPS = 10
STEP_SIZE = 0.15
CONTRAST = 30 / 255  # kappa, 30 grey levels of 255
# (the part of the zero-framed image that is the first end of each link, the part that is the second, its weight)
LINKS = (
    (np.s_[:, :-1], np.s_[:, 1:], 1.0),
    (np.s_[:-1, :], np.s_[1:, :], 1.0),
    (np.s_[:-1, :-1], np.s_[1:, 1:], 0.5),
    (np.s_[:-1, 1:], np.s_[1:, :-1], 0.5),
)


def smooth(image: np.ndarray) -> np.ndarray:
    """Perona–Malik diffusion over eight neighbours (H×W); beyond the border lies a fixed zero.

    Perona & Malik 1990, eq. 7, with c = exp(-(difference/kappa)²) and half the flow along diagonals. The flow between
    two neighbours is the same seen from either end, so each link is computed once.
    """
    framed = np.pad(image, 1)
    for _ in range(STEPS):
        change = np.zeros_like(framed)
        for first, second, weight in LINKS:
            difference = framed[second] - framed[first]
            flow = cv2.exp(difference * difference * (-1 / CONTRAST**2))
            flow *= difference
            flow *= weight * STEP_SIZE
            change[first] += flow
            change[second] -= flow
        framed[1:-1, 1:-1] += change[1:-1, 1:-1]
    return framed[1:-1, 1:-1]


def adf(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Averaged bases plus details under their Karhunen–Loève weights; H×W in [0, 1]."""
    bases = smooth(ir), smooth(vis)
    details = ir - bases[0], vis - bases[1]
    ir_weight, vis_weight = karhunen_loeve_weights(*details)
    return (bases[0] + bases[1]) / 2 + ir_weight * details[0] + vis_weight * details[1]


CITATION = r"""@article{bavirisetti2016adf,
  author  = {Bavirisetti, Durga Prasad and Dhuli, Ravindra},
  title   = {Fusion of Infrared and Visible Sensor Images Based on Anisotropic Diffusion and {Karhunen-Loeve}
             Transform},
  journal = {IEEE Sensors Journal},
  volume  = {16},
  number  = {1},
  pages   = {203--209},
  year    = {2016},
  doi     = {10.1109/JSEN.2015.2478655},
}"""

ADF = Method(
    name="adf",
    title="ADF",
    kind="classical",
    description="Base layers by anisotropic diffusion, averaged; details weighted by their principal component.",
    source="D. P. Bavirisetti, R. Dhuli, Fusion of infrared and visible sensor images based on anisotropic diffusion "
    "and Karhunen-Loeve transform",
    citation=CITATION,
    year=2016,
    venue="IEEE Sensors Journal 16(1)",
    luma=True,
    load=partial(on_grey, adf),
)
