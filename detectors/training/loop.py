"""Training a detector on fused images: the protocols ``retrain`` (clean pairs) and ``retrain-augmented`` (degraded).

Every method gets the same network, start, recipe and seed; only its images differ. The weights of the last epoch count:
nothing is selected on validation images, so no method is tuned more than another.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.training.recipe import Recipe
from tsdm_bench.errors import one_line

COMPLETE = "set.json"
log = logging.getLogger(__name__)


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

    @property
    def has_images(self) -> bool:
        """Whether the images are still there, see :func:`forget_images`."""
        return (self.folder / "images").is_dir()


def read_training_set(folder: Path) -> TrainingSet | None:
    """The complete training set that lies in ``folder``, None where there is none."""
    marker = folder / COMPLETE
    if not marker.exists():
        return None
    found = json.loads(marker.read_text())
    return TrainingSet(folder, tuple(found["classes"]), found["sha256"], found["images"])


def forget_images(training_set: TrainingSet) -> None:
    """Remove the images and labels but not the record of what they were, which still finds the trained detector."""
    for part in ("images", "labels"):
        shutil.rmtree(training_set.folder / part, ignore_errors=True)
    (training_set.folder / "labels.cache").unlink(missing_ok=True)  # of ultralytics


def write_training_set(samples: Iterable[Sample], classes: Sequence[str], folder: Path) -> TrainingSet:
    """Write ``samples`` to ``folder`` as PNG and YOLO labels, unless a complete set is there already.

    ``samples`` is not touched where the set is complete, so a generator that fuses images costs nothing on a second
    run; ``folder`` must therefore name everything that decides what is in it. Boxes of other classes are left out.
    Raises ``ValueError`` where there is no image, or no box at all.
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
    record = {"sha256": digest.hexdigest(), "images": images, "boxes": boxes, "classes": classes}
    (folder / COMPLETE).write_text(json.dumps(record, indent=1))
    return TrainingSet(folder, classes, record["sha256"], images)


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
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Train and return the path of the checkpoint, ``folder``/<16 hex digits>.pt, which ultralytics loads.

    The digits name the content (images, labels, recipe, initial weights, ultralytics version): an existing file is
    returned at once, and a training that was cut off goes on after its last whole epoch (or starts again where that
    cannot be read). ``initial`` starts the network wherever name and shape agree; see :func:`initial_tensors`.
    ``progress`` is told the number of finished epochs. Training on a GPU needs no other setting than ``device``.
    """
    ultralytics = import_ultralytics()
    result = detector_path(training_set, recipe, folder, initial)
    if result.exists():
        return result
    work, started = folder / result.stem, time.monotonic()
    resumed_after = _train(training_set, recipe, work, initial, device, progress)
    from ultralytics.nn.tasks import load_checkpoint

    model = load_checkpoint(work / "weights" / "last.pt")[0].half()
    # Only what loading needs: the trainer's own settings name folders of this machine.
    model.args, model.pt_path = {"imgsz": recipe.image_size, "task": "detect"}, ""
    record = {
        "images": training_set.images,
        "training_set": training_set.sha256,
        "initial": initial.name if initial else None,
        "ultralytics": ultralytics.__version__,
        "resumed_after": resumed_after,
        "seconds": time.monotonic() - started,
        "recipe": asdict(recipe),
    }
    result.with_suffix(".json").write_text(json.dumps(record, indent=1))
    partial = result.with_suffix(".part")
    torch.save({"model": model, "train_args": model.args}, partial)
    partial.rename(result)
    shutil.rmtree(work)
    return result


def detector_path(training_set: TrainingSet, recipe: Recipe, folder: Path, initial: Path | None = None) -> Path:
    """Where :func:`train_detector` puts its result, whether it is there or not."""
    return folder / f"{content_key(training_set, recipe, initial, import_ultralytics().__version__)}.pt"


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


def initial_tensors(path: Path) -> Mapping[str, torch.Tensor | Mapping]:
    """The tensors of a file of plain tensors (as :func:`load_matching` reads them), or of an ultralytics checkpoint.

    Raises ``ValueError`` where the file is neither.
    """
    try:
        found = torch.load(path, weights_only=True)
    except Exception:  # of many kinds, and not what a reader needs: a pickled network is tried next
        found = None
    if isinstance(found, Mapping) and not isinstance(found.get("model"), torch.nn.Module):
        return found
    import_ultralytics()
    from ultralytics.nn.tasks import load_checkpoint

    try:
        return load_checkpoint(path)[0].state_dict()
    except Exception as error:
        raise ValueError(
            f"{path.name} cannot start a detector: it is neither a file of plain tensors nor an ultralytics "
            f"checkpoint; give another file or none"
        ) from error


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


def _train(
    training_set: TrainingSet,
    recipe: Recipe,
    work: Path,
    initial: Path | None,
    device: str,
    progress: Callable[[int], None] | None,
) -> int | None:
    """Train in ``work``; returns the number of epochs that an earlier, interrupted training had left, if any."""
    if (work / "weights" / "last.pt").exists():
        try:
            trainer = _trainer(training_set, recipe, work, initial, device, progress)
            trainer.train()
            return trainer.start_epoch
        except Exception as error:  # a checkpoint cut off while it was written, or one of the last epoch
            log.warning("the interrupted training in %s starts again: %s", work, one_line(error))
    shutil.rmtree(work, ignore_errors=True)
    _trainer(training_set, recipe, work, initial, device, progress).train()
    return None


def _trainer(
    training_set: TrainingSet,
    recipe: Recipe,
    work: Path,
    initial: Path | None,
    device: str,
    progress: Callable[[int], None] | None,
):
    """An ultralytics trainer that starts from ``initial``, never validates, and writes below ``work`` alone."""
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.nn.tasks import DetectionModel

    class LastEpochTrainer(DetectionTrainer):
        def get_model(self, cfg=None, weights=None, verbose=True):
            model = DetectionModel(recipe.architecture, nc=len(training_set.classes), verbose=False)
            if weights is not None:
                model.load(weights, verbose=False)
            elif initial is not None and not load_matching(model, initial_tensors(initial)):
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
        "warmup_bias_lr": recipe.warmup_bias_learning_rate,
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
    trainer = LastEpochTrainer(overrides=settings)
    if progress is not None:
        trainer.add_callback("on_train_start", lambda trainer: progress(trainer.start_epoch))
        trainer.add_callback("on_model_save", lambda trainer: progress(trainer.epoch + 1))
    return trainer
