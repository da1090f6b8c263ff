"""What each family of detectors takes and gives: pixel convention, placement, and how its raw output reads.

Conventions turn a raw output into (boxes N×4 as x1, y1, x2, y2 in network pixels, scores N×classes, final), where
``final`` says that the network has suppressed duplicates itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from detectors.backends.letterbox import Fit

STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 3
"""YOLOv5 and YOLOv7 predict three boxes per cell, YOLOX and the anchor-free ultralytics networks one."""
END_TO_END_LIMIT = 1000
"""More rows than this in an N×6 output are dense predictions of a one-class network, not final detections."""

Decoded = tuple[Tensor, Tensor, bool]


@dataclass(frozen=True)
class Conventions:
    """How the networks of one export family take an image and give their boxes."""

    name: str
    decode: Callable[[Tensor, tuple[int, int], int], Decoded]
    """``decode(raw, (height, width), classes)`` for the output of one image, without its batch axis, computed where
    it lies."""
    bgr: bool = False
    scale: float = 1 / 255
    fit: Fit = "centre"


def _corners(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 from centre x, centre y, width, height."""
    half = boxes[:, 2:4] / 2
    return torch.cat([boxes[:, :2] - half, boxes[:, :2] + half], dim=1)


def _scores(score: Tensor, label: Tensor, classes: int) -> Tensor:
    """One score per detection spread over a row per detection and a column per class."""
    scores = torch.zeros(len(score), classes, device=score.device)
    return scores.scatter_(1, label.long()[:, None], score[:, None])


def _decode_ultralytics(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """(4 + classes)×N: centre boxes in pixels and class scores (YOLOv5u, v8, v9, 11, 12…)."""
    return _corners(raw[:4].T), raw[4 : 4 + classes].T, False


def _decode_ultralytics_end_to_end(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """N×6: x1, y1, x2, y2, score, class (YOLOv10, YOLO26, exports with nms=True)."""
    return raw[:, :4], _scores(raw[:, 4], raw[:, 5], classes), True


def _decode_rtdetr(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """N×6 (score, class) or N×(4 + classes), centre boxes as fractions of the input."""
    boxes = _corners(raw[:, :4]) * raw.new_tensor([size[1], size[0]] * 2)
    scores = _scores(raw[:, 4], raw[:, 5], classes) if raw.shape[1] == 6 and classes != 2 else raw[:, 4:]
    return boxes, scores, True


def _decode_anchored(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """N×(5 + classes): centre boxes in pixels, objectness, class scores (YOLOv5, YOLOv7, decoded YOLOX)."""
    return _corners(raw[:, :4]), raw[:, 5 : 5 + classes] * raw[:, 4:5], False


def _decode_yolov7_end_to_end(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """M×7: image number, x1, y1, x2, y2, class, score (YOLOv7 exported with ``--end2end --max-wh``)."""
    return raw[:, 1:5], _scores(raw[:, 6], raw[:, 5], classes), True


def _decode_yolox(raw: Tensor, size: tuple[int, int], classes: int) -> Decoded:
    """N×(5 + classes) with boxes relative to their grid cells: xy = (p + cell)·stride, wh = exp(p)·stride."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = size[0] // stride, size[1] // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        cells.append(torch.stack([x.flatten(), y.flatten()], dim=1))
        strides.append(torch.full((rows * columns, 1), stride))
    cell, of_cell = (torch.cat(each).to(raw) for each in (cells, strides))
    boxes = torch.cat([(raw[:, :2] + cell) * of_cell, raw[:, 2:4].exp() * of_cell], dim=1)
    return _corners(boxes), raw[:, 5 : 5 + classes] * raw[:, 4:5], False


ULTRALYTICS = Conventions("ultralytics", _decode_ultralytics)
ULTRALYTICS_END_TO_END = Conventions("ultralytics-end-to-end", _decode_ultralytics_end_to_end)
RTDETR = Conventions("rtdetr", _decode_rtdetr, fit="stretch")
ANCHORED = Conventions("yolov5-yolov7", _decode_anchored)
YOLOV7_END_TO_END = Conventions("yolov7-end-to-end", _decode_yolov7_end_to_end)
YOLOX = Conventions("yolox", _decode_yolox, bgr=True, scale=1.0, fit="top_left")
YOLOX_DECODED = Conventions("yolox-decoded", _decode_anchored, bgr=True, scale=1.0, fit="top_left")


def recognise(
    shape: tuple[int, ...], size: tuple[int, int], first_column: Tensor, from_ultralytics: bool
) -> Conventions:
    """The conventions of a network whose raw output has ``shape`` (with its batch axis) for an input of ``size``.

    ``size`` is (height, width). YOLOX and YOLOv5 outputs have the same columns; the number of rows tells them apart
    (one or three per cell), and the values of the first column (centre x of a grey image) tell raw YOLOX exports from
    decoded ones.
    Raises ``ValueError`` where nothing fits.
    """
    cells = sum((size[0] // s) * (size[1] // s) for s in STRIDES)
    if len(shape) == 2 and shape[1] == 7:
        return YOLOV7_END_TO_END
    if len(shape) == 3:
        rows, columns = shape[1:]
        if columns == 6 and rows <= END_TO_END_LIMIT and from_ultralytics:
            return ULTRALYTICS_END_TO_END
        if rows == cells and columns >= 6 and not from_ultralytics:
            return YOLOX_DECODED if first_column.max() > size[1] / 2 else YOLOX
        if rows > cells and rows % ANCHORS_PER_CELL == 0 and columns >= 6:
            return ANCHORED
        if columns >= cells and rows >= 5:
            return ULTRALYTICS
    raise ValueError(
        f"output of shape {shape} for a {size[0]}×{size[1]} input is none of: ultralytics 1×(4+classes)×N or 1×N×6, "
        f"YOLOv5/YOLOv7 1×N×(5+classes), YOLOv7 end-to-end M×7, YOLOX 1×N×(5+classes)"
    )
