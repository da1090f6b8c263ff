"""The detector that comes with this package."""

from __future__ import annotations

from pathlib import Path

from detectors.card import DetectorCard
from tsdm_bench.cards import OURS
from tsdm_bench.weights.card import WeightFile

SYNTHETIC = DetectorCard(
    name="yolov5p_synthetic.onnx",
    title="Narrow YOLOv5, trained on synthetic scenes",
    labels="the six classes of M3FD",
    image_size=416,
    source="trained by this project on its synthetic scenes (detectors/weights/yolov5p_synthetic.md)",
    licence=OURS,
    backend="onnxruntime",
    weights=(
        WeightFile(
            name="yolov5p_synthetic.onnx",
            bytes=1655091,
            sha256="aeafe1c0bac1debd6c2cbe62869f6b9084c9b1e01b7439c98dfd5d3666ad61b2",
            licence=OURS,
            source="this package",
            folder=Path(__file__).parents[1] / "weights",
        ),
    ),
)
