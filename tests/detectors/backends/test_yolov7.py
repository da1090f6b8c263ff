"""YOLOv7 in both of its ONNX forms, end to end: from an image file's pixels to boxes in these pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import nms
from yolov7_form import ANCHORS, STRIDES, EndToEnd, random_weights, write_yolov7

from detectors.backends.letterbox import letterbox, to_image
from detectors.class_map import COCO_CLASSES
from detectors.detection import Detection
from detectors.detector import open_detector

pytest.importorskip("onnx")
SIZE = (64, 96)
M3FD = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
LABELS = {"People": "person", "Lamp": "traffic light"}
COLUMNS = [COCO_CLASSES.index(LABELS.get(name, name.lower())) for name in M3FD]
WEIGHTS = random_weights(len(COCO_CLASSES), likely=COLUMNS)
IMAGE = np.random.default_rng(1).integers(0, 256, (50, 120, 3), np.uint8)
"""Wider than the input: it is shrunk and gets grey above and below."""


def decoded(placed: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (x0, y0, x1, y1) and scores of all classes, by the formulas of YOLOv7, anchor by anchor."""
    image = torch.from_numpy(placed).permute(2, 0, 1)[None].float() / 255
    boxes, scores = [], []
    for (kernel, bias), anchors, stride in zip(WEIGHTS, ANCHORS, STRIDES, strict=True):
        raw = torch.conv2d(image, torch.from_numpy(kernel), torch.from_numpy(bias), stride=stride)[0]
        y = raw.reshape(3, -1, *raw.shape[1:]).sigmoid()
        rows, columns = torch.meshgrid(torch.arange(y.shape[2]), torch.arange(y.shape[3]), indexing="ij")
        for of, (width, height) in zip(y, anchors, strict=True):
            x, centre = (2 * of[0] - 0.5 + columns) * stride, (2 * of[1] - 0.5 + rows) * stride
            w, h = (2 * of[2]) ** 2 * width, (2 * of[3]) ** 2 * height
            corners = torch.stack([x - w / 2, centre - h / 2, x + w / 2, centre + h / 2], dim=-1)
            boxes.append(corners.reshape(-1, 4))
            scores.append((of[5:] * of[4]).flatten(1).T)
    return torch.cat(boxes), torch.cat(scores)


def expected(boxes: torch.Tensor, score: torch.Tensor, column: torch.Tensor, placement, iou: float) -> list[Detection]:
    """Suppressed class by class, in pixels of the image, best first."""
    kept = torch.cat([
        own[nms(boxes[own], score[own], iou)] for own in (torch.where(column == c)[0] for c in range(len(M3FD)))
    ])  # fmt: skip
    kept = kept[score[kept].argsort(descending=True)]
    corners = to_image(boxes[kept].numpy().astype(float), placement)
    return [
        Detection(M3FD[int(c)], float(s), x0, y0, x1 - x0, y1 - y0)
        for c, s, (x0, y0, x1, y1) in zip(column[kept], score[kept], corners, strict=True)
    ]


def assert_alike(found: list[Detection], wanted: list[Detection]) -> None:
    """The same boxes; cells of the grey border have equal scores, so that the order among them is open."""
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert len(found) == len(wanted)
    for label in M3FD:
        one, other = (np.array([of[1:] for of in each if of.label == label]) for each in (found, wanted))
        assert len(one) == len(other)
        apart = np.abs(one[:, None] - other[None]).max(axis=2)
        assert apart.min(axis=0).max() < 2e-3
        assert apart.min(axis=1).max() < 2e-3


def test_the_plain_form_gives_what_the_formulas_say(tmp_path: Path) -> None:
    path = write_yolov7(tmp_path / "yolov7.onnx", WEIGHTS, SIZE)
    detector = open_detector(path, classes=M3FD, confidence=0.6, iou=0.65, max_detections=3000)
    assert detector.network.conventions.name == "yolov5-yolov7"
    assert detector.image_size == 96
    placed, placement = letterbox(IMAGE, SIZE, "centre", None)
    boxes, scores = decoded(placed)
    row, column = (scores[:, COLUMNS] > 0.6).nonzero(as_tuple=True)  # a box may carry several classes
    wanted = expected(boxes[row], scores[:, COLUMNS][row, column], column, placement, 0.65)
    (found,) = detector.detect([IMAGE])
    assert len(wanted) > 20
    assert {one.label for one in wanted} == set(M3FD)
    assert_alike(found, wanted)


def test_the_end_to_end_form_gives_the_best_class_of_each_box_by_the_thresholds_of_its_graph(tmp_path: Path) -> None:
    settings = EndToEnd(most=1000, iou=0.5, confidence=0.3, max_wh=4096)
    path = write_yolov7(tmp_path / "yolov7-e2e.onnx", WEIGHTS, SIZE, settings)
    detector = open_detector(path, classes=M3FD, confidence=0.001, iou=0.9, max_detections=1000)
    assert detector.network.conventions.name == "yolov7-end-to-end"
    placed, placement = letterbox(IMAGE, SIZE, "centre", None)
    boxes, scores = decoded(placed)
    best, label = scores.max(dim=1)
    place = {index: column for column, index in enumerate(COLUMNS)}
    own = torch.tensor([float(s) > 0.3 and int(c) in place for s, c in zip(best, label, strict=True)])
    column = torch.tensor([place[int(c)] for c in label[own]])
    wanted = expected(boxes[own], best[own], column, placement, 0.5)
    (found,) = detector.detect([IMAGE])
    assert len(wanted) > 5
    assert_alike(found, wanted)


def test_a_graph_that_finds_nothing_is_still_recognised(tmp_path: Path) -> None:
    path = write_yolov7(tmp_path / "none.onnx", WEIGHTS, SIZE, EndToEnd(confidence=0.9999))
    assert open_detector(path, classes=M3FD).detect([IMAGE]) == [[]]


def test_own_classes_are_read_from_the_names_in_the_file(tmp_path: Path) -> None:
    weights = random_weights(2, seed=3)
    path = write_yolov7(tmp_path / "own.onnx", weights, SIZE, EndToEnd(confidence=0.01), names=("car", "person"))
    detector = open_detector(path, classes=("People", "Car"))
    assert detector.class_map == {"car": "Car", "person": "People"}
    assert {one.label for one in detector.detect([IMAGE])[0]} == {"People", "Car"}
