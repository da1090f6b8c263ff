"""Fitting an image of any size into the rectangle that a network takes, and bringing boxes back."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

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


class _Frame(NamedTuple):
    """How large the resized image is, and how many grey rows and columns surround it."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int


def letterbox(image: np.ndarray, size: tuple[int, int], fit: Fit, stride: int | None) -> tuple[np.ndarray, Placement]:
    """Resize ``image`` (H×W×3 or H×W×4 uint8) to fit ``size`` (height, width) and pad it with grey.

    With ``stride`` only up to the next multiple of it is padded (the smallest rectangle); without it the whole of
    ``size`` is filled. ``centre`` splits the padding between both sides as YOLOv5 and ultralytics do, ``top_left``
    puts all of it right and below as YOLOX does, ``stretch`` ignores the aspect ratio as RT-DETR does.
    """
    shape = image.shape[:2]
    frame = _frame(shape, size, fit, stride)
    if frame[:2] != shape:
        image = cv2.resize(image, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
    padded = cv2.copyMakeBorder(image, *frame[2:], cv2.BORDER_CONSTANT, value=(PAD_GREY,) * 4)
    return padded, _placement(shape, frame)


def letterbox_levels(levels: Tensor, size: tuple[int, int], fit: Fit, stride: int | None) -> tuple[Tensor, Placement]:
    """:func:`letterbox` of N×3×H×W uint8 images where they lie, level for level."""
    shape = (levels.shape[2], levels.shape[3])
    frame = _frame(shape, size, fit, stride)
    if frame[:2] != shape:
        levels = resize_levels(levels, (frame.height, frame.width))
    placed = pad(levels, (frame.left, frame.right, frame.top, frame.bottom), value=PAD_GREY)
    return placed, _placement(shape, frame)


def resize_levels(levels: Tensor, size: tuple[int, int]) -> Tensor:
    """N×C×H×W uint8 images at ``size`` (height, width), by the whole numbers of OpenCV's bilinear interpolation.

    OpenCV weights neighbours by multiples of 1/2048, and takes the mean of 2×2 where both sides are halved.
    """
    height, width = levels.shape[-2:]
    whole = levels.to(torch.int32)
    if (height, width) == (2 * size[0], 2 * size[1]):
        rows = whole[..., ::2, :] + whole[..., 1::2, :]
        return ((rows[..., ::2] + rows[..., 1::2] + 2) >> 2).to(torch.uint8)
    (left, right, of_left, of_right), (top, bottom, of_top, of_bottom) = (
        _neighbours(count, to, levels.device, alone)
        for count, to, alone in ((width, size[1], True), (height, size[0], False))
    )
    along = (whole[..., left] * of_left + whole[..., right] * of_right) >> 4
    above, below = along[..., top, :] * of_top[:, None] >> 16, along[..., bottom, :] * of_bottom[:, None] >> 16
    return ((above + below + 2) >> 2).to(torch.uint8)


def _neighbours(count: int, to: int, device: torch.device, alone: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each of ``to`` places along an axis of ``count``: both neighbours, and their weights in units of 1/2048.

    Beyond the first and the last the neighbour within counts ``alone`` (columns), else twice (rows).
    """
    place = ((np.arange(to) + 0.5) * (count / to) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    share = place - first.astype(np.float32)
    if alone:
        share[(first < 0) | (first >= count - 1)] = 0
    weights = [np.rint(weight * np.float32(2048)).astype(np.int32) for weight in (1 - share, share)]
    both = (first.clip(0, count - 1), (first + 1).clip(0, count - 1), *weights)
    first_place, second_place, of_first, of_second = (torch.from_numpy(each).to(device) for each in both)
    return first_place, second_place, of_first, of_second


def _frame(shape: tuple[int, int], size: tuple[int, int], fit: Fit, stride: int | None) -> _Frame:
    if fit == "stretch":
        return _Frame(*size, 0, 0, 0, 0)
    scale = min(size[0] / shape[0], size[1] / shape[1])
    rounded = int if fit == "top_left" else round  # YOLOX truncates, YOLOv5 rounds
    height, width = (max(rounded(side * scale), 1) for side in shape)
    rows, columns = size[0] - height, size[1] - width
    if stride:
        rows, columns = rows % stride, columns % stride
    # The half pixel of an odd padding goes to the right and below: round(d/2 - 0.1), as ultralytics does.
    top, left = (0, 0) if fit == "top_left" else (round(rows / 2 - 0.1), round(columns / 2 - 0.1))
    return _Frame(height, width, top, rows - top, left, columns - left)


def _placement(shape: tuple[int, int], frame: _Frame) -> Placement:
    return Placement(frame.width / shape[1], frame.height / shape[0], frame.left, frame.top, *shape)


def to_image(boxes: np.ndarray, placement: Placement) -> np.ndarray:
    """Boxes N×4 (x1, y1, x2, y2) in network pixels, in pixels of the original image and clipped to it."""
    offset = np.array([placement.left, placement.top] * 2, dtype=boxes.dtype)
    scale = np.array([placement.scale_x, placement.scale_y] * 2, dtype=boxes.dtype)
    limit = np.array([placement.width, placement.height] * 2, dtype=boxes.dtype)
    return np.clip((boxes - offset) / scale, 0, limit)
