"""Fitting an image of any size into the rectangle that a network takes, and bringing boxes back."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np

PAD_GREY = 114
"""The grey that YOLO networks are trained to see around an image."""

Fit = Literal["centre", "top_left", "stretch"]


class Placement(NamedTuple):
    """Where the image lies in the network's input: network = image * scale + offset, per axis."""

    scale_x: float
    scale_y: float
    left: int
    top: int
    height: int
    width: int
    """Size of the original image."""


def letterbox(image: np.ndarray, size: tuple[int, int], fit: Fit, stride: int | None) -> tuple[np.ndarray, Placement]:
    """Resize ``image`` (H×W×3 uint8) to fit ``size`` (height, width) and pad it with grey.

    With ``stride`` only up to the next multiple of it is padded (the smallest rectangle); without it the whole of
    ``size`` is filled. ``centre`` splits the padding between both sides as YOLOv5 and ultralytics do, ``top_left``
    puts all of it right and below as YOLOX does, ``stretch`` ignores the aspect ratio as RT-DETR does.
    """
    height, width = image.shape[:2]
    if fit == "stretch":
        resized = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
        return resized, Placement(size[1] / width, size[0] / height, 0, 0, height, width)
    scale = min(size[0] / height, size[1] / width)
    rounded = int if fit == "top_left" else round  # YOLOX truncates, YOLOv5 rounds
    inner_h, inner_w = max(rounded(height * scale), 1), max(rounded(width * scale), 1)
    pad_h, pad_w = size[0] - inner_h, size[1] - inner_w
    if stride:
        pad_h, pad_w = pad_h % stride, pad_w % stride
    if (inner_h, inner_w) != (height, width):
        image = cv2.resize(image, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    # The half pixel of an odd padding goes to the right and below: round(d/2 - 0.1), as ultralytics does.
    top, left = (0, 0) if fit == "top_left" else (round(pad_h / 2 - 0.1), round(pad_w / 2 - 0.1))
    padded = cv2.copyMakeBorder(
        image, top, pad_h - top, left, pad_w - left, cv2.BORDER_CONSTANT, value=(PAD_GREY, PAD_GREY, PAD_GREY)
    )
    return padded, Placement(inner_w / width, inner_h / height, left, top, height, width)


def to_image(boxes: np.ndarray, placement: Placement) -> np.ndarray:
    """Boxes N×4 (x1, y1, x2, y2) in network pixels, in pixels of the original image and clipped to it."""
    offset = np.array([placement.left, placement.top] * 2, dtype=boxes.dtype)
    scale = np.array([placement.scale_x, placement.scale_y] * 2, dtype=boxes.dtype)
    limit = np.array([placement.width, placement.height] * 2, dtype=boxes.dtype)
    return np.clip((boxes - offset) / scale, 0, limit)
