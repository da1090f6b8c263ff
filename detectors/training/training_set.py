"""The images that a detector is trained on: PNG and YOLO labels on disk, and the hash of all of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tsdm_bench.images import encode_png

COMPLETE = "set.json"


class Sample(NamedTuple):
    """One training image (H×W×3 uint8 RGB) with its boxes (label, left, top, width, height in pixels).

    A fourth channel (H×W×4) may hold the infrared image.
    """

    name: str
    image: np.ndarray
    boxes: Sequence[tuple[str, float, float, float, float]]


class TrainingSet(NamedTuple):
    """Images and labels on disk, and the hash of all of them."""

    folder: Path
    classes: tuple[str, ...]
    sha256: str
    images: int
    channels: int = 3

    @property
    def has_images(self) -> bool:
        """Whether the images are still there, see :func:`forget_images`."""
        return (self.folder / "images").is_dir()


def read_training_set(folder: Path) -> TrainingSet | None:
    """The complete training set that lies in ``folder``, None where there is none."""
    marker = folder / COMPLETE
    if not marker.exists():
        return None
    found = json.loads(marker.read_text(encoding="utf-8"))
    return TrainingSet(folder, tuple(found["classes"]), found["sha256"], found["images"], found.get("channels", 3))


def forget_images(training_set: TrainingSet) -> None:
    """Remove the images and labels but not the record of what they were, which still finds the trained detector."""
    for part in ("images", "labels"):
        shutil.rmtree(training_set.folder / part, ignore_errors=True)
    (training_set.folder / "labels.cache").unlink(missing_ok=True)  # of ultralytics


def write_training_set(samples: Iterable[Sample], classes: Sequence[str], folder: Path) -> TrainingSet:
    """Write ``samples`` to ``folder`` as PNG and YOLO labels, unless a complete set is there already.

    ``samples`` is not touched where the set is complete, so a generator that fuses images costs nothing on a second
    run; ``folder`` must therefore name everything that decides what is in it. Boxes of other classes are left out.
    Raises ``ValueError`` where there is no image, no box at all, or images differ in their number of channels.
    """
    classes = tuple(classes)
    if found := read_training_set(folder):
        if found.classes != classes:
            raise ValueError(
                f"{folder} holds a training set of the classes {', '.join(found.classes)}; expected "
                f"{', '.join(classes)}: remove the folder or name another"
            )
        return found
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    digest, images, boxes, channels = hashlib.sha256(), 0, 0, set[int]()
    for sample in samples:
        lines = _yolo_lines(sample, classes)
        (folder / "images" / f"{sample.name}.png").write_bytes(encode_png(_as_read(sample.image)))
        text = "\n".join(lines)
        (folder / "labels" / f"{sample.name}.txt").write_text(text, encoding="utf-8")
        digest.update(f"{sample.name}\n{sample.image.shape}\n{text}\n".encode() + sample.image.tobytes())
        images, boxes, channels = images + 1, boxes + len(lines), channels | {sample.image.shape[2]}
    if not boxes:
        raise ValueError(f"nothing to train on: {images} images with no box of the classes {', '.join(classes)}")
    if len(channels) > 1:
        raise ValueError(
            f"training images have {' and '.join(map(str, sorted(channels)))} channels; expected one number"
        )
    record: dict[str, Any] = {"sha256": digest.hexdigest(), "images": images, "boxes": boxes, "classes": classes}
    record["channels"] = channels.pop()
    (folder / COMPLETE).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return TrainingSet(folder, classes, record["sha256"], images, record["channels"])


def _as_read(image: np.ndarray) -> np.ndarray:
    """The image to write: ultralytics brings blue, green, red back to RGB where an image has three channels alone."""
    return image if image.shape[2] == 3 else image[..., [2, 1, 0, *range(3, image.shape[2])]]


def _yolo_lines(sample: Sample, classes: tuple[str, ...]) -> list[str]:
    """Class number, centre and size of each box as fractions of the image."""
    height, width = sample.image.shape[:2]
    return [
        f"{classes.index(label)} {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f}"
        for label, x, y, w, h in sample.boxes
        if label in classes
    ]
