"""What each difference between COCO's average precision and that of ``yolo val`` comes to, on real pairs.

    python -m benchmarks.average_precision --data-root DIR --detector yolov5n_coco.onnx

The clean pairs of M3FD that have boxes, taken evenly, are fused by their mean. The detector looks at them as in a run,
and through ``yolo val`` itself, with its rectangles and with squares. The table changes one thing at a time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from bench.datasets import DATASETS
from bench.datasets.pair import M3FD_CLASSES, Pair
from benchmarks.detection import fuse, truth_table
from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.class_map import COCO_CLASSES, map_by_name
from detectors.detector import open_detector
from detectors.evaluation.average_precision import Read, interpolated, precision_and_recall, trapezoids
from detectors.evaluation.definitions import DEFINITIONS
from detectors.evaluation.matching import DETECTION_COLUMNS, ClassMatches
from tsdm_bench.images import write_png

LABELS = map_by_name(dict(enumerate(COCO_CLASSES)), M3FD_CLASSES)
"""Label of the detector → class of M3FD."""
FLOORS = (0.01, 0.05, 0.25)


class Boxes(NamedTuple):
    """The boxes of one way to detect."""

    truth: pd.DataFrame
    found: pd.DataFrame
    images: list[str]

    def above(self, score: float) -> Boxes:
        return self._replace(found=self.found[self.found["score"] >= score])

    def best(self, number: int) -> Boxes:
        """The ``number`` best of each image."""
        ranked = self.found.sort_values("score", ascending=False, kind="stable")
        return self._replace(found=ranked.groupby("image", sort=False).head(number))


def precision(boxes: Boxes, by: str, read: Read | None = None) -> tuple[float, float]:
    """(AP50, AP), the mean over the classes with objects, matched as one definition does and read as any."""
    definition = DEFINITIONS[by]
    matches: dict[str, ClassMatches] = definition.match(*boxes, M3FD_CLASSES)
    values = [precision_and_recall(matches[name], read=read or definition.read)[0][:, 0] for name in M3FD_CLASSES]
    of_class = np.stack([value for value in values if not np.isnan(value).any()])
    return float(of_class[:, 0].mean()), float(of_class.mean())


def rows_of(boxes: Boxes) -> list[tuple[str, tuple[float, float]]]:
    """The definitions and what lies between them, of the same boxes."""
    told = [
        ("COCO", precision(boxes, "coco")),
        ("COCO, read by trapezoids", precision(boxes, "coco", trapezoids)),
        ("COCO, 300 best of an image", precision(boxes, "ultralytics", interpolated)),
        ("ultralytics", precision(boxes, "ultralytics")),
    ]
    for number in (100, 30):
        told.append((f"COCO, max_det {number}", precision(boxes.best(number), "coco")))
        told.append((f"ultralytics, max_det {number}", precision(boxes.best(number), "ultralytics")))
    for floor in FLOORS:
        told.append((f"COCO, conf {floor:g}", precision(boxes.above(floor), "coco")))
        told.append((f"ultralytics, conf {floor:g}", precision(boxes.above(floor), "ultralytics")))
    return told


def detected(pairs: Sequence[Pair], detector_file: Path) -> Boxes:
    """As in a run: the smallest rectangle of multiples of 32."""
    detector = open_detector(detector_file, classes=M3FD_CLASSES)
    found = []
    for pair in pairs:
        found += [(pair.image, *box) for box in detector.detect([fuse("average", *pair.read())])[0]]
    return Boxes(
        truth_table(pairs), pd.DataFrame(found, columns=list(DETECTION_COLUMNS)), sorted(pair.image for pair in pairs)
    )


def write_for_yolo(pairs: Sequence[Pair], place: Path) -> Path:
    """The fused images and their labels as ``yolo val`` reads them, by the numbers of the detector's labels."""
    number = {LABELS[label]: COCO_CLASSES.index(label) for label in LABELS}
    for pair in pairs:
        image = fuse("average", *pair.read())
        height, width = image.shape[:2]
        for part in ("images", "labels"):
            (place / part).mkdir(parents=True, exist_ok=True)
        write_png(place / "images" / f"{pair.image}.png", image)
        lines = [
            f"{number[label]} {(x + w / 2) / width:.9f} {(y + h / 2) / height:.9f} {w / width:.9f} {h / height:.9f}"
            for label, x, y, w, h in pair.boxes
        ]
        (place / "labels" / f"{pair.image}.txt").write_text("\n".join(lines) + "\n")
    names = "\n".join(f"  {index}: {name}" for index, name in enumerate(COCO_CLASSES))
    (place / "data.yaml").write_text(f"path: {place}\ntrain: images\nval: images\nnames:\n{names}\n")
    return place / "data.yaml"


def validated(data: Path, detector_file: Path, truth: Boxes, rect: bool) -> tuple[Boxes, tuple[float, float]]:
    """The boxes of ``yolo val``, and the (mAP50, mAP50-95) that it prints."""
    ultralytics = import_ultralytics()
    result = ultralytics.YOLO(detector_file, task="detect").val(
        data=str(data), imgsz=640, rect=rect, batch=1, device="cpu", workers=0, plots=False, save_json=True,
        verbose=False, project=str(data.parent), name=f"val{int(rect)}",
    )  # fmt: skip
    found = [
        (Path(row["file_name"]).stem, LABELS[label], row["score"], *row["bbox"])
        for row in json.loads((Path(result.save_dir) / "predictions.json").read_text())
        if (label := COCO_CLASSES[row["category_id"] - 1]) in LABELS
    ]
    boxes = truth._replace(found=pd.DataFrame(found, columns=list(DETECTION_COLUMNS)))
    return boxes, (float(result.box.map50), float(result.box.map))


def table(pairs: Sequence[Pair], detector_file: Path, place: Path) -> str:
    """The measured table in Markdown."""
    ours = detected(pairs, detector_file)
    data = write_for_yolo(pairs, place)
    told = [("a run", *row) for row in rows_of(ours)]
    for where, rect in (("yolo val, its rectangles", True), ("yolo val, squares", False)):
        boxes, printed = validated(data, detector_file, ours, rect)
        told += [(where, name, precision(boxes, name)) for name in ("coco", "ultralytics")]
        told.append((where, "as printed", printed))
    objects = ours.truth["class"].value_counts()
    first = told[0][2]
    lines = [
        f"{len(pairs)} pairs, {len(ours.found)} boxes; objects: {', '.join(f'{n} {c}' for n, c in objects.items())}",
        "",
        "| boxes of | AP | mAP50 | | mAP50:95 | |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for where, what, (fifty, whole) in told:
        change = f"{fifty - first[0]:+.4f} | {whole:.4f} | {whole - first[1]:+.4f}"
        lines.append(f"| {where} | {what} | {fifty:.4f} | {change} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="folder with M3FD_Detection")
    parser.add_argument(
        "--detector", type=Path, required=True, help="an ultralytics detector of the 80 classes of COCO"
    )
    parser.add_argument("--pairs", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    labelled = [pair for pair in DATASETS["m3fd"].pairs(arguments.data_root) if pair.boxes]
    pairs = labelled[:: max(1, len(labelled) // arguments.pairs)][: arguments.pairs]
    with tempfile.TemporaryDirectory() as place:
        print(table(pairs, arguments.detector, Path(place)))


if __name__ == "__main__":
    main()
