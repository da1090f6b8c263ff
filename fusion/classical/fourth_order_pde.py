"""FPDE: fusion by fourth-order partial differential equations (Bavirisetti, Xiao, Liu, FUSION 2017)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from fusion.classical.grey import on_grey
from fusion.classical.karhunen_loeve import karhunen_loeve_weights
from fusion.method import Method

STEPS = 15
STEP_SIZE = 0.9
CONTRAST = 4 / 255  # k of the diffusion coefficient, 4 grey levels of 255
SECOND_DIFFERENCE = np.array([1, 0, -2, 0, 1], np.float32) / 4  # two central differences, away from the border


def second_difference(image: np.ndarray, axis: int) -> np.ndarray:
    """Second derivative of an H×W image (sides ≥ 4): central differences taken twice, one-sided at both ends."""
    kernel = SECOND_DIFFERENCE[None] if axis else SECOND_DIFFERENCE[:, None]
    result = cv2.filter2D(image, -1, kernel)
    along, out = (image.T, result.T) if axis else (image, result)
    for near, end in ((along, out), (along[::-1], out[::-1])):
        end[0] = (near[2] + near[0]) / 2 - near[1]
        end[1] = (near[3] - near[1]) / 4 - (near[1] - near[0]) / 2
    return result


def smooth(image: np.ndarray) -> np.ndarray:
    """Fourth-order diffusion of an H×W image (You & Kaveh 2000), rounded to 8 bits like the authors'."""
    for _ in range(STEPS):
        curvature_x, curvature_y = second_difference(image, 1), second_difference(image, 0)
        resistance = curvature_x * curvature_x
        resistance += curvature_y * curvature_y
        resistance *= 1 / CONTRAST**2
        resistance += 1
        curvature_x /= resistance
        curvature_y /= resistance
        change = second_difference(curvature_x, 1)
        change += second_difference(curvature_y, 0)
        change *= -STEP_SIZE
        image = np.add(image, change, out=change)
    return np.round(np.clip(image, 0, 1) * 255) / 255


def fpde(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Averaged bases plus details under their Karhunen–Loève weights; H×W in [0, 1]."""
    bases = smooth(ir), smooth(vis)
    details = ir - bases[0], vis - bases[1]
    ir_weight, vis_weight = karhunen_loeve_weights(*details)
    return (bases[0] + bases[1]) / 2 + ir_weight * details[0] + vis_weight * details[1]


CITATION = r"""@inproceedings{bavirisetti2017fpde,
  author    = {Bavirisetti, Durga Prasad and Xiao, Gang and Liu, Gang},
  title     = {Multi-Sensor Image Fusion Based on Fourth Order Partial Differential Equations},
  booktitle = {International Conference on Information Fusion},
  pages     = {1--9},
  year      = {2017},
  doi       = {10.23919/ICIF.2017.8009719},
}"""

FPDE = Method(
    name="fpde",
    title="FPDE",
    kind="classical",
    description="Base layers by fourth-order diffusion, averaged; details weighted by their principal component.",
    source="D. P. Bavirisetti, G. Xiao, G. Liu, Multi-sensor image fusion based on fourth order partial differential "
    "equations",
    citation=CITATION,
    year=2017,
    venue="International Conference on Information Fusion",
    luma=True,
    load=partial(on_grey, fpde),
)
