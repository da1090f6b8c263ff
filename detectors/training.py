"""Training a detector on fused images: the protocols ``retrain`` (clean pairs) and ``retrain-augmented`` (degraded).

Every method gets the same network, start, recipe and seed; only its images differ. The weights of the last epoch count:
nothing is selected on validation images, so no method is tuned more than another.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from detectors.ultralytics_backend import import_ultralytics

COMPLETE = "set.json"


class Sample(NamedTuple):
    """One training image (H×W×3 uint8 RGB) with its boxes (label, left, top, width, height in pixels)."""

    name: str
    image: np.ndarray
    boxes: Sequence[tuple[str, float, float, float, float]]


class TrainingSet(NamedTuple):
    """Images and labels on disk, and the hash of all of them."""

    folder: Path
    classes: tuple[str, ...]
    sha256: str
    images: int


@dataclass(frozen=True)
class Recipe:
    """How a detector is trained. The same for every method of a comparison."""

    architecture: str = "yolov5n.yaml"
    """An ultralytics architecture by name, or the path of a YAML file."""
    epochs: int = 30
    image_size: int = 640
    batch: int = 16
    optimizer: str = "AdamW"
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.01
    """As a fraction of ``learning_rate``; it falls linearly."""
    warmup_epochs: float = 1.0
    mosaic: float = 1.0
    mosaic_free_epochs: int = 5
    """Four images are joined in one, except in the last epochs."""
    seed: int = 0


RECIPES = {
    "small": Recipe(epochs=15, image_size=416, batch=8, mosaic=0.5),
    "full": Recipe(epochs=100, image_size=640, batch=32, warmup_epochs=3.0, mosaic_free_epochs=10),
}
"""``small`` takes minutes per method on a CPU for a few dozen pairs, ``full`` is for all of M3FD on a GPU."""


def write_training_set(samples: Iterable[Sample], classes: Sequence[str], folder: Path) -> TrainingSet:
    """Write ``samples`` to ``folder`` as PNG and YOLO labels, unless a complete set is there already.

    ``samples`` is not touched where the set is complete, so a generator that fuses images costs nothing on a second
    run; ``folder`` must therefore name everything that decides what is in it. Boxes of other classes are left out.
    Raises ``ValueError`` where there is no image, or no box at all.
    """
    classes = tuple(classes)
    marker = folder / COMPLETE
    if marker.exists():
        found = json.loads(marker.read_text())
        if tuple(found["classes"]) != classes:
            raise ValueError(
                f"{folder} holds a training set of the classes {', '.join(found['classes'])}; expected "
                f"{', '.join(classes)}: remove the folder or name another"
            )
        return TrainingSet(folder, classes, found["sha256"], found["images"])
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    digest, images, boxes = hashlib.sha256(), 0, 0
    for sample in samples:
        lines = _yolo_lines(sample, classes)
        cv2.imwrite(str(folder / "images" / f"{sample.name}.png"), sample.image[..., ::-1])
        text = "\n".join(lines)
        (folder / "labels" / f"{sample.name}.txt").write_text(text)
        digest.update(f"{sample.name}\n{sample.image.shape}\n{text}\n".encode() + sample.image.tobytes())
        images, boxes = images + 1, boxes + len(lines)
    if not boxes:
        raise ValueError(f"nothing to train on: {images} images with no box of the classes {', '.join(classes)}")
    found = {"sha256": digest.hexdigest(), "images": images, "boxes": boxes, "classes": classes}
    marker.write_text(json.dumps(found, indent=1))
    return TrainingSet(folder, classes, found["sha256"], images)


def _yolo_lines(sample: Sample, classes: tuple[str, ...]) -> list[str]:
    """Class number, centre and size of each box as fractions of the image."""
    height, width = sample.image.shape[:2]
    return [
        f"{classes.index(label)} {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f}"
        for label, x, y, w, h in sample.boxes
        if label in classes
    ]


def train_detector(
    training_set: TrainingSet,
    recipe: Recipe,
    folder: Path,
    *,
    initial: Path | None = None,
    device: str = "cpu",
) -> Path:
    """Train and return the path of the checkpoint, ``folder``/<16 hex digits>.pt, which ultralytics loads.

    The digits name the content (images, labels, recipe, initial weights, ultralytics version): an existing file is
    returned at once, and a training that was cut off goes on after its last whole epoch. ``initial`` is a file of plain
    tensors that start the network wherever name and shape agree. Training on a GPU needs no other setting than
    ``device``.
    """
    ultralytics = import_ultralytics()
    from ultralytics.nn.tasks import load_checkpoint

    key = content_key(training_set, recipe, initial, ultralytics.__version__)
    result = folder / f"{key}.pt"
    if result.exists():
        return result
    work = folder / key
    trainer = _trainer(training_set, recipe, work, initial, device)
    trainer.train()
    model = load_checkpoint(work / "weights" / "last.pt")[0].half()
    partial = result.with_suffix(".part")
    # Only what loading needs: the trainer's own file also names folders of this machine.
    torch.save({"model": model, "train_args": {"imgsz": recipe.image_size, "task": "detect"}}, partial)
    partial.rename(result)
    result.with_suffix(".json").write_text(
        json.dumps(
            {
                "images": training_set.images,
                "training_set": training_set.sha256,
                "initial": initial.name if initial else None,
                "ultralytics": ultralytics.__version__,
                "recipe": asdict(recipe),
            },
            indent=1,
        )
    )
    shutil.rmtree(work)
    return result


def content_key(training_set: TrainingSet, recipe: Recipe, initial: Path | None, version: str) -> str:
    """16 hex digits of everything that decides the trained weights."""
    what = {
        "set": training_set.sha256,
        "classes": training_set.classes,
        "recipe": asdict(recipe),
        "initial": hashlib.sha256(initial.read_bytes()).hexdigest() if initial else None,
        "ultralytics": version,
    }
    if recipe.architecture.endswith(".yaml") and Path(recipe.architecture).exists():
        what["architecture"] = Path(recipe.architecture).read_text()
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def load_matching(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor | Mapping]) -> int:
    """Copy every tensor whose name and shape the model has; returns how many were copied.

    Tensors may lie one level down, as under ``state_dict``.
    """
    nested = [value for value in tensors.values() if isinstance(value, Mapping)]
    flat = {name: value for group in (tensors, *nested) for name, value in group.items() if torch.is_tensor(value)}
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    matching = {name: value.float() for name, value in flat.items() if shapes.get(name) == value.shape}
    model.load_state_dict(matching, strict=False)
    return len(matching)


def _trainer(training_set: TrainingSet, recipe: Recipe, work: Path, initial: Path | None, device: str):
    """An ultralytics trainer that starts from ``initial``, never validates, and writes below ``work`` alone."""
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.nn.tasks import DetectionModel

    class LastEpochTrainer(DetectionTrainer):
        def get_model(self, cfg=None, weights=None, verbose=True):
            model = DetectionModel(recipe.architecture, nc=len(training_set.classes), verbose=False)
            if weights is not None:
                model.load(weights, verbose=False)
            elif initial is not None and not load_matching(model, torch.load(initial, weights_only=True)):
                raise ValueError(f"{initial.name}: no tensor fits {recipe.architecture}; choose another start")
            return model

        def validate(self):
            return {}, 0.0

        def final_eval(self):
            """The last epoch is the result, whatever a validation would say."""

    work.mkdir(parents=True, exist_ok=True)
    data = work / "data.yaml"
    images = str((training_set.folder / "images").resolve())
    names = dict(enumerate(training_set.classes))
    data.write_text(json.dumps({"path": images, "train": images, "val": images, "names": names}))
    last = work / "weights" / "last.pt"
    settings = {
        "model": recipe.architecture,
        "data": str(data),
        "epochs": recipe.epochs,
        "imgsz": recipe.image_size,
        "batch": min(recipe.batch, training_set.images),
        "nbs": min(recipe.batch, training_set.images),  # one step per batch, however small the set
        "optimizer": recipe.optimizer,
        "lr0": recipe.learning_rate,
        "lrf": recipe.final_learning_rate,
        "warmup_epochs": recipe.warmup_epochs,
        "mosaic": recipe.mosaic,
        "close_mosaic": recipe.mosaic_free_epochs,
        "seed": recipe.seed,
        "device": device,
        "project": str(work.parent.resolve()),
        "name": work.name,
        "exist_ok": True,
        "deterministic": True,
        "patience": 0,
        "plots": False,
        "val": False,
        "amp": device != "cpu" and "bf16",  # "bf16" is the mode that needs no downloaded test network
        "workers": 0 if device == "cpu" else 8,
        "verbose": False,
    }
    if last.exists():
        settings["resume"] = str(last)
    return LastEpochTrainer(overrides=settings)
