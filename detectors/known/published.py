"""Published COCO detectors in files that stay the same."""

from __future__ import annotations

from detectors.card import COCO_LABELS, DetectorCard
from tsdm_bench.weights.card import WeightFile, github_file

YOLOV5 = "Ultralytics YOLOv5 v6.0, https://github.com/ultralytics/yolov5"

YOLOV5N = DetectorCard(
    name="yolov5n_coco.onnx",
    title="YOLOv5n v6.0",
    labels=COCO_LABELS,
    image_size=640,
    source=f"{YOLOV5}, exported with the anchor head decoded",
    licence="AGPL-3.0",
    backend="onnxruntime",
    weights=(
        WeightFile(
            name="yolov5n_coco.onnx",
            bytes=7529817,
            sha256="339fead9beeca769adc8da878f16492591146840bb234320d79eb68dc220c502",
            licence="AGPL-3.0",
            source=f"{YOLOV5}, exported with the anchor head decoded",
        ),
        WeightFile(
            name="yolov5n_coco_state.pt",
            bytes=3872975,
            sha256="6bc2f7e1fbe19f17c18fadec6cb1e28f82a0189b28b4d02ae4baf477be9da377",
            licence="GPL-3.0 at v6.0; AGPL-3.0 now",
            source=f"{YOLOV5}: the tensors of yolov5n.pt under their names",
        ),
    ),
)

YOLOX_NANO = DetectorCard(
    name="yolox_nano.onnx",
    title="YOLOX-Nano",
    labels=COCO_LABELS,
    image_size=416,
    source="Megvii YOLOX, https://github.com/Megvii-BaseDetection/YOLOX",
    licence="Apache-2.0",
    backend="onnxruntime",
    weights=(
        github_file(
            "Bigisland1729/object-detection-models",
            "7f3f2fa34b351e3d2af150893458106ad3f3a84f",
            "yolox_nano.onnx",
            name="yolox_nano.onnx",
            bytes=3678356,
            sha256="e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
            licence="Apache-2.0 upstream (Megvii-BaseDetection/YOLOX); none in this copy's repository",
        ),
    ),
)
