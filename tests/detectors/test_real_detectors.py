"""Detectors with real weights: real cars, golden values, and the predictor of ultralytics."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.class_map import COCO_CLASSES
from detectors.detector import open_detector

M3FD = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")


def m3fd_pair(data_root: Path, image: str) -> tuple[np.ndarray, dict[str, list[list[float]]]]:
    """Visible image (RGB) and its boxes x1, y1, x2, y2 by class."""
    folder = data_root / "M3FD_Detection"
    if not folder.is_dir():
        pytest.skip("needs M3FD_Detection under TSDM_BENCH_DATA")
    boxes: dict[str, list[list[float]]] = {}
    for item in ElementTree.parse(folder / "Annotation" / f"{image}.xml").getroot().iter("object"):
        corners = [float(item.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
        boxes.setdefault(item.findtext("name"), []).append(corners)
    return np.ascontiguousarray(cv2.imread(str(folder / "Vis" / f"{image}.png"))[..., ::-1]), boxes


@pytest.mark.parametrize("name", ["yolov5n_coco.onnx", "yolox_nano.onnx"])
def test_real_detectors_find_real_cars(name, weights_dir, data_root):
    image, boxes = m3fd_pair(data_root, "02120")
    detector = open_detector(name, classes=M3FD, weights_dir=weights_dir)
    found = [d for d in detector.detect([image])[0] if d.label == "Car" and d.score > 0.3]
    truth = torch.tensor(boxes["Car"])
    corners = torch.tensor([[d.x, d.y, d.x + d.w, d.y + d.h] for d in found])
    assert (box_iou(truth, corners).max(dim=1).values > 0.6).float().mean() >= 0.8


def test_yolov5n_output_equals_the_golden_one(weights_dir, golden_dir):
    golden = np.load(golden_dir / "networks_96x130.npz")
    detector = open_detector("yolov5n_coco.onnx", classes=M3FD, weights_dir=weights_dir)
    pixels = golden["viRGB_u8"][:, :128].transpose(2, 0, 1)[None].astype(np.float32) / 255
    raw = detector.network.run(torch.from_numpy(pixels))[0]
    boxes, scores, _ = detector.network.conventions.decode(raw, (96, 128), 80)
    expected = golden["yolov5n_out_for_viRGB_cols0to127"][0]
    np.testing.assert_allclose((boxes[:, :2] + boxes[:, 2:]) / 2, expected[:, :2], atol=2e-3)
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], expected[:, 2:4], atol=2e-3)
    np.testing.assert_allclose(scores, expected[:, 5:] * expected[:, 4:5], atol=1e-4)


def test_same_boxes_as_the_ultralytics_predictor(weights_dir, data_root):
    image, _ = m3fd_pair(data_root, "02120")
    detector = open_detector("yolov5n_coco.onnx", classes=COCO_CLASSES, weights_dir=weights_dir, confidence=0.25)
    ours = np.array([[d.score, d.x, d.y, d.x + d.w, d.y + d.h] for d in detector.detect([image])[0]])
    model = import_ultralytics().YOLO(weights_dir / "yolov5n_coco.onnx", task="detect")
    theirs = model.predict(image[..., ::-1], conf=0.25, iou=0.7, imgsz=640, device="cpu", verbose=False)[0].boxes
    np.testing.assert_allclose(ours[:, 0], theirs.conf.numpy(), atol=1e-4)
    np.testing.assert_allclose(ours[:, 1:], theirs.xyxy.numpy(), atol=0.05)


def test_an_image_is_detected_alike_alone_and_among_others(weights_dir):
    detector = open_detector("yolov5n_coco.onnx", classes=M3FD, weights_dir=weights_dir, image_size=128)
    images = list(np.random.default_rng(0).integers(0, 256, (3, 96, 128, 3), dtype=np.uint8))
    assert detector.detect(images) == [detector.detect([image])[0] for image in images]
