"""The unit of work: one pair under one condition, through every method, to rows and detections."""

from __future__ import annotations

import time

import numpy as np

from bench.cell.rows import CellResult, DetectionRow, Failure, Row
from bench.cell.sources import Bench, Sources, seen_sources
from bench.datasets.pair import Pair
from bench.metrics import METRICS, evaluate, plane_of
from bench.plan import Cell, Condition
from bench.suite import Suite
from tsdm_bench.images import as_batch, quantise


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
