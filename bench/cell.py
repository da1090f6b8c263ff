"""The unit of work: one pair under one condition, through every method, to rows and detections."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights
from bench.metrics import METRICS, evaluate, plane_of
from bench.plan import CLEAN, Cell, Condition
from bench.registry import FACTORS
from bench.suite import Suite
from degradation.condition import degrade
from detectors.detector import Detector, open_detector
from fusion.method import Fuse, prepare


class Row(NamedTuple):
    """One value of one metric; the truth that every table is derived from."""

    dataset: str
    image: str
    scene: str
    factor: str
    severity: int
    modality: str
    seed: int
    method: str
    metric: str
    reference: str
    """``clean``, ``seen``, or ``none`` for metrics that look at the fused image alone."""
    value: float
    seconds: float
    """Time that fusing took."""


# ``class`` is a Python keyword, so this tuple is made by call.
DetectionRow = NamedTuple(
    "DetectionRow",
    [
        *((name, str) for name in ("dataset", "image", "factor")),
        ("severity", int),
        *((name, str) for name in ("modality", "method", "detector", "label")),
        *((name, float) for name in ("score", "x", "y", "w", "h")),
    ],
)
DETECTION_COLUMNS = tuple("class" if name == "label" else name for name in DetectionRow._fields)


class Failure(NamedTuple):
    """What went wrong where; ``method`` is empty where the pair itself could not be read or degraded."""

    image: str
    factor: str
    severity: int
    modality: str
    method: str
    error: str


@dataclass
class CellResult:
    """What one cell adds to the run."""

    rows: list[Row] = field(default_factory=list)
    detections: list[DetectionRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Setup:
    """What a worker needs to open a :class:`Bench`; small and picklable."""

    suite: Suite
    specs: dict[str, str]
    """Method name → what :func:`find_method` understands: the card's name, or a user's own specification."""
    dataset: str
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    weights_dir: Path | None
    device: str
    threads: int
    detectors: dict[str, Path] = field(default_factory=dict)
    """Method name → the detector that was trained for it; empty where one detector serves all."""

    def open_detector(self, own: Path | None = None) -> Detector:
        """The detector that was trained for a method, else the one of the suite (the caller has left only one)."""
        settings = self.suite.detector
        detector = open_detector(
            own or settings.weights[0],
            classes=self.classes,
            weights_dir=self.weights_dir,
            device=self.device,
            **settings.model_dump(exclude={"weights"}),
        )
        return replace(detector, name=f"{self.suite.detection.protocol}-{detector.name}") if own else detector


class Bench:
    """Everything that cells share within one process: loaded methods, the detector, the sources last read."""

    def __init__(self, setup: Setup) -> None:
        torch.set_num_threads(setup.threads)
        cv2.setNumThreads(setup.threads)
        self.setup = setup
        self.fuse_of = cache(self._load)
        self.detector = cache(setup.open_detector)
        self.clean_sources = lru_cache(maxsize=1)(self._read)

    def _load(self, name: str) -> Fuse:
        method = find_method(self.setup.specs[name])
        return prepare(method, find_weights(method, self.setup.weights_dir), self.setup.device)

    def _read(self, pair: Pair) -> Sources:
        return Sources(*pair.read(), device=self.setup.device)


class Sources:
    """A pair as the methods and the metrics see it; planes are made once and remember their statistics."""

    def __init__(self, ir: np.ndarray, vis: np.ndarray, device: str) -> None:
        self.ir_u8, self.vis_u8 = ir, vis
        levels = [as_batch(image, device) for image in (ir, vis)]
        self.ir, self.vis = (image.float() / 255 for image in levels)
        self.planes = tuple(plane_of(image) for image in levels)


def run_cell(cell: Cell, bench: Bench) -> CellResult:
    """Degrade the pair once, then fuse, quantise, score and detect with each method of the cell.

    Nothing raises for bad data: what fails is told in ``failures`` and the rest goes on.
    """
    result = CellResult()
    try:
        clean = bench.clean_sources(cell.pair)
        seen = seen_sources(cell.pair, cell.condition, bench)
    except Exception as error:
        result.failures.append(Failure(cell.pair.image, *cell.condition, "", _line(error)))
        return result
    for name in cell.methods:
        try:
            rows, detections = _run_method(name, cell, clean, seen, bench)
        except Exception as error:
            result.failures.append(Failure(cell.pair.image, *cell.condition, name, _line(error)))
        else:
            result.rows += rows
            result.detections += detections
    return result


def seen_sources(pair: Pair, condition: Condition, bench: Bench) -> Sources:
    """The pair as the methods see it under a condition; the clean sources themselves where it is clean."""
    clean = bench.clean_sources(pair)
    if condition == CLEAN:
        return clean
    factor, severity, modality = condition
    setup = bench.setup
    ir, vis, _ = degrade(
        clean.ir_u8,
        clean.vis_u8,
        FACTORS[factor],
        severity,
        modality,
        seed=setup.suite.seed,
        dataset=setup.dataset,
        image=pair.image,
    )
    return Sources(ir, vis, setup.device)


def _run_method(
    name: str, cell: Cell, clean: Sources, seen: Sources, bench: Bench
) -> tuple[list[Row], list[DetectionRow]]:
    suite, condition, image = bench.setup.suite, cell.condition, cell.pair.image
    fused, seconds = fuse_seen(name, cell.pair, condition, seen, bench)
    values = _score(bench.setup.metrics, suite, fused, clean, seen)
    head = (bench.setup.dataset, image, cell.pair.scene, *condition, suite.seed, name)
    rows = [Row(*head, metric, reference, value, seconds) for metric, reference, value in values]
    if suite.detector is None or cell.pair.boxes is None:
        return rows, []
    detector = bench.detector(bench.setup.detectors.get(name))
    head = (bench.setup.dataset, image, *condition, name, detector.name)
    return rows, [DetectionRow(*head, *found) for found in detector.detect([fused])[0]]


def fuse_seen(name: str, pair: Pair, condition: Condition, seen: Sources, bench: Bench) -> tuple[np.ndarray, float]:
    """The 8-bit result of a method (H×W×3 uint8 RGB) and the seconds it took."""
    fuse = bench.fuse_of(name)
    key = {"dataset": bench.setup.dataset, "image": pair.image, **condition._asdict()}
    started = time.perf_counter()
    fused = quantise(fuse(seen.ir, seen.vis, key))
    return fused, time.perf_counter() - started


def as_batch(image: np.ndarray, device: str = "cpu") -> torch.Tensor:
    """An H×W or H×W×3 uint8 image as a 1×1×H×W or 1×3×H×W uint8 tensor on ``device``."""
    return torch.from_numpy(image).to(device).reshape(1, *image.shape[:2], -1).permute(0, 3, 1, 2).contiguous()


def quantise(fused: torch.Tensor) -> np.ndarray:
    """The 8-bit image that would be saved, H×W×3 uint8 RGB, of a 1×3×H×W result in [0, 1]."""
    if not torch.isfinite(fused).all():
        raise ValueError("the fused image holds values that are not finite; check the method and its weights")
    return (fused[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _score(
    metrics: tuple[str, ...], suite: Suite, fused: np.ndarray, clean: Sources, seen: Sources
) -> list[tuple[str, str, float]]:
    plane = plane_of(as_batch(fused))
    alone = [name for name in metrics if not METRICS[name].reference]
    against = [name for name in metrics if METRICS[name].reference]
    values = [(name, "none", value.item()) for name, value in evaluate(alone, *clean.planes, plane).items()]
    for reference in suite.references:
        sources = clean if reference == "clean" else seen
        values += [(name, reference, value.item()) for name, value in evaluate(against, *sources.planes, plane).items()]
    return values


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
