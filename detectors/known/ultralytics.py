"""Official detectors of ultralytics, which downloads the publisher's newest file itself."""

from __future__ import annotations

from detectors.card import COCO_LABELS, DetectorCard


def _official(stem: str, title: str) -> DetectorCard:
    return DetectorCard(
        name=f"{stem}.pt",
        title=title,
        labels=COCO_LABELS,
        image_size=640,
        source="Ultralytics, https://github.com/ultralytics/ultralytics",
        licence="AGPL-3.0",
        backend="ultralytics",
    )


OFFICIAL = (
    _official("yolov5nu", "YOLOv5n, anchor-free head"),
    _official("yolov8n", "YOLOv8n"),
    _official("yolov9t", "YOLOv9t"),
    _official("yolov10n", "YOLOv10n"),
    _official("yolo11n", "YOLO11n"),
    _official("yolo12n", "YOLO12n"),
    _official("yolo26n", "YOLO26n"),
    _official("rtdetr-l", "RT-DETR-L"),
)
