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
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.training.initial import initial_tensors, load_matching
from detectors.training.jitter import with_jitter
from detectors.training.recipe import Recipe
from detectors.training.training_set import TrainingSet
from tsdm_bench.errors import one_line
from tsdm_bench.files import write_atomically

if TYPE_CHECKING:
    from ultralytics.models.yolo.detect import DetectionTrainer

LAST = Path("weights", "last.pt")
"""Where ultralytics keeps the last whole epoch, below the folder of a training."""
log = logging.getLogger(__name__)


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
    resumed_after = _train(partial(_trainer, training_set, recipe, work, initial, device, progress), work)
    record = {
        "images": training_set.images,
        "training_set": training_set.sha256,
        "initial": initial.name if initial else None,
        "ultralytics": ultralytics.__version__,
        "resumed_after": resumed_after,
        "seconds": time.monotonic() - started,
        "recipe": asdict(recipe),
    }
    write_atomically(
        result.with_suffix(".json"), lambda path: path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    )
    write_atomically(result, lambda path: _pack(work / LAST, recipe, path))
    shutil.rmtree(work)
    return result


def detector_path(training_set: TrainingSet, recipe: Recipe, folder: Path, initial: Path | None = None) -> Path:
    """Where :func:`train_detector` puts its result, whether it is there or not."""
    return folder / f"{content_key(training_set, recipe, initial, import_ultralytics().__version__)}.pt"


def content_key(training_set: TrainingSet, recipe: Recipe, initial: Path | None, version: str) -> str:
    """16 hex digits of everything that decides the trained weights."""
    what: dict[str, object] = {
        "set": training_set.sha256,
        "classes": training_set.classes,
        "recipe": asdict(recipe),
        "initial": hashlib.sha256(initial.read_bytes()).hexdigest() if initial else None,
        "ultralytics": version,
    }
    if training_set.channels != 3:
        what["channels"] = training_set.channels
    if recipe.architecture.endswith(".yaml") and Path(recipe.architecture).exists():
        what["architecture"] = Path(recipe.architecture).read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def _train(trainer: Callable[[], DetectionTrainer], work: Path) -> int | None:
    """Train in ``work``; returns the number of epochs that an earlier, interrupted training had left, if any."""
    if (work / LAST).exists():
        try:
            resumed = trainer()
            resumed.train()
            return resumed.start_epoch
        except Exception as error:  # a checkpoint cut off while it was written, or one of the last epoch
            log.warning("the interrupted training in %s starts again: %s", work, one_line(error))
    shutil.rmtree(work, ignore_errors=True)
    trainer().train()
    return None


def _pack(checkpoint: Path, recipe: Recipe, path: Path) -> None:
    """Write the network of an ultralytics checkpoint in half precision, without what names folders of this machine."""
    from ultralytics.nn.tasks import load_checkpoint

    model = load_checkpoint(checkpoint)[0].half()
    model.args, model.pt_path = {"imgsz": recipe.image_size, "task": "detect"}, ""
    with path.open("wb") as stream:  # a stream has no name that would enter the file
        torch.save({"model": model, "train_args": model.args}, stream)


def _trainer(
    training_set: TrainingSet,
    recipe: Recipe,
    work: Path,
    initial: Path | None,
    device: str,
    progress: Callable[[int], None] | None,
) -> DetectionTrainer:
    """An ultralytics trainer that starts from ``initial``, never validates, and writes below ``work`` alone."""
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.nn.tasks import DetectionModel

    class LastEpochTrainer(DetectionTrainer):
        def get_model(self, cfg=None, weights=None, verbose=True):
            channels, classes = training_set.channels, len(training_set.classes)
            model = DetectionModel(recipe.architecture, ch=channels, nc=classes, verbose=False)
            if weights is not None:
                model.load(weights, verbose=False)
            elif initial is not None and not load_matching(model, initial_tensors(initial)):
                raise ValueError(f"{initial.name}: no tensor fits {recipe.architecture}; choose another start")
            return model

        def build_dataset(self, img_path, mode="train", batch=None):
            return with_jitter(super().build_dataset(img_path, mode, batch))

        def validate(self):
            return {}, 0.0

        def final_eval(self):
            """The last epoch is the result, whatever a validation would say."""

    work.mkdir(parents=True, exist_ok=True)
    data = work / "data.yaml"
    images = str((training_set.folder / "images").resolve())
    names = dict(enumerate(training_set.classes))
    described = {"path": images, "train": images, "val": images, "names": names, "channels": training_set.channels}
    data.write_text(json.dumps(described), encoding="utf-8")
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
    if (work / LAST).exists():
        settings["resume"] = str(work / LAST)
    trainer = LastEpochTrainer(overrides=settings)
    if progress is not None:
        trainer.add_callback("on_train_start", lambda trainer: progress(trainer.start_epoch))
        trainer.add_callback("on_model_save", lambda trainer: progress(trainer.epoch + 1))
    return trainer
