"""The detectors that are known by name, as cards. Any other file can be given by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

OWN_WEIGHTS = Path(__file__).parent / "weights"

ULTRALYTICS = "Ultralytics, https://github.com/ultralytics/ultralytics"
COCO_LABELS = "the 80 classes of COCO"


@dataclass(frozen=True, kw_only=True)
class DetectorCard:
    """One detector: a weight file and where it comes from."""

    name: str
    """The file, as it is given to ``--detector``."""
    title: str
    labels: str
    image_size: int
    source: str
    licence: str
    backend: str
    """``onnxruntime`` or ``ultralytics``."""
    sha256: str = ""
    """Empty where the file is the publisher's newest."""
    download: bool = False
    """Whether it is fetched on first use; otherwise it lies in the weights directory or is shipped here."""
    protocol: str = "fixed"
    version: str = "1"


def _official(stem: str, title: str) -> DetectorCard:
    return DetectorCard(
        name=f"{stem}.pt",
        title=title,
        labels=COCO_LABELS,
        image_size=640,
        source=ULTRALYTICS,
        licence="AGPL-3.0",
        backend="ultralytics",
        download=True,
    )


CARDS = (
    DetectorCard(
        name="yolov5p_synthetic.onnx",
        title="Narrow YOLOv5, trained on synthetic scenes",
        labels="the six classes of M3FD",
        image_size=416,
        source="trained by this project on its synthetic scenes (detectors/weights/yolov5p_synthetic.md)",
        licence="AGPL-3.0-or-later",
        backend="onnxruntime",
        sha256="aeafe1c0bac1debd6c2cbe62869f6b9084c9b1e01b7439c98dfd5d3666ad61b2",
    ),
    DetectorCard(
        name="yolov5n_coco.onnx",
        title="YOLOv5n v6.0",
        labels=COCO_LABELS,
        image_size=640,
        source="Ultralytics YOLOv5 v6.0, https://github.com/ultralytics/yolov5, exported with the anchor head decoded",
        licence="AGPL-3.0",
        backend="onnxruntime",
        sha256="339fead9beeca769adc8da878f16492591146840bb234320d79eb68dc220c502",
    ),
    DetectorCard(
        name="yolox_nano.onnx",
        title="YOLOX-Nano",
        labels=COCO_LABELS,
        image_size=416,
        source="Megvii YOLOX, https://github.com/Megvii-BaseDetection/YOLOX",
        licence="Apache-2.0",
        backend="onnxruntime",
        sha256="e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
    ),
    _official("yolov5nu", "YOLOv5n, anchor-free head"),
    _official("yolov8n", "YOLOv8n"),
    _official("yolov9t", "YOLOv9t"),
    _official("yolov10n", "YOLOv10n"),
    _official("yolo11n", "YOLO11n"),
    _official("yolo12n", "YOLO12n"),
    _official("yolo26n", "YOLO26n"),
    _official("rtdetr-l", "RT-DETR-L"),
)


def cards(weights_dir: Path | None = None) -> Iterator[dict]:
    """Every card as a dict, with ``available``: whether the file is here without a download."""
    from tsdm_bench.weights.location import cache_dir

    places = [*([weights_dir] if weights_dir else []), OWN_WEIGHTS, cache_dir()]
    for card in CARDS:
        yield asdict(card) | {"available": any((place / card.name).is_file() for place in places)}
