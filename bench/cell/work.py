"""The unit of work: one pair under one condition, through every method, to rows and detections."""

from __future__ import annotations

import time

import numpy as np

from bench.cell.isolation import untouched_process
from bench.cell.rows import CellResult, DetectionRow, Failure, Picture, Row
from bench.cell.sources import Bench, Sources, seen_sources
from bench.datasets.pair import Pair
from bench.metrics import METRICS, evaluate, plane_of
from bench.plan import Cell, Condition
from tsdm_bench.errors import one_line
from tsdm_bench.images import as_batch, encode_png, quantise


def run_cell(cell: Cell, bench: Bench) -> CellResult:
    """Degrade the pair once, then fuse, quantise, score and detect with each method of the cell.

    Nothing raises for bad data or a method that fails in whatever way (``SystemExit`` included): what fails is told in
    ``failures`` and the rest goes on. Only ``KeyboardInterrupt``, the user's wish to stop, ends the cell.
    """
    result = CellResult()
    try:
        clean = bench.clean_sources(cell.pair)
        seen = seen_sources(cell.pair, cell.condition, bench)
    except Exception as error:
        result.failures.append(Failure(cell.pair.image, *cell.condition, "", one_line(error)))
        return result
    if (cell.pair.image, cell.condition) in bench.setup.inputs_shown:
        result.pictures += [_picture(cell, "ir", seen.ir_u8), _picture(cell, "vis", seen.vis_u8)]
    for name in cell.methods:
        bench.at_work(name)
        try:
            _run_method(name, cell, clean, seen, bench, result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            result.failures.append(Failure(cell.pair.image, *cell.condition, name, one_line(error)))
    bench.at_work("")
    return result


def _run_method(name: str, cell: Cell, clean: Sources, seen: Sources, bench: Bench, result: CellResult) -> None:
    """Add what one method gives to ``result``, all of it or nothing."""
    setup, condition, image = bench.setup, cell.condition, cell.pair.image
    fused, seconds = fuse_seen(name, cell.pair, condition, seen, bench)
    values = _score(fused, clean, seen, bench)
    head = (setup.dataset, image, cell.pair.scene, *condition, setup.suite.seed, name)
    rows = [Row(*head, metric, reference, value, seconds) for metric, reference, value in values]
    detections = []
    if setup.suite.detector is not None and cell.pair.boxes is not None:
        detector = bench.detector(setup.detectors.get(name))
        seen_by = (setup.dataset, image, *condition, name, detector.name)
        detections = [DetectionRow(*seen_by, *found) for found in detector.detect([fused])[0]]
    result.rows += rows
    result.detections += detections
    if (image, condition) in setup.results_shown:
        result.pictures.append(_picture(cell, name, fused))


def fuse_seen(name: str, pair: Pair, condition: Condition, seen: Sources, bench: Bench) -> tuple[np.ndarray, float]:
    """The 8-bit result of a method (H×W×3 uint8 RGB) and the seconds it took.

    The method gets copies of its inputs: it may write into them. An image that another method of the cell has restored
    in the same way is not restored again; the seconds count as if it were.
    """
    fuse = bench.fuse_of(name)
    seed = bench.setup.suite.seed
    key = {"dataset": bench.setup.dataset, "image": pair.image, **condition._asdict(), "seed": seed}
    ir, vis = seen.ir.clone(), seen.vis.clone()
    with untouched_process():
        started, bench.restored.saved = time.perf_counter(), 0.0
        fused = quantise(fuse(ir, vis, key))
        seconds = time.perf_counter() - started + bench.restored.saved
    if fused.shape != seen.vis_u8.shape:
        raise ValueError(
            f"the fused image is {fused.shape[1]}×{fused.shape[0]}; expected the size of the pair, "
            f"{seen.vis_u8.shape[1]}×{seen.vis_u8.shape[0]}"
        )
    return fused, seconds


def _score(fused: np.ndarray, clean: Sources, seen: Sources, bench: Bench) -> list[tuple[str, str, float]]:
    """(metric, reference, value) of every metric of the run; the planes lie on the device of the sources."""
    metrics = bench.setup.metrics
    plane = plane_of(as_batch(fused, bench.setup.device))
    alone = [name for name in metrics if not METRICS[name].reference]
    against = [name for name in metrics if METRICS[name].reference]
    values = [
        (name, "none", value.item()) for name, value in evaluate(alone, clean.ir_plane, clean.vis_plane, plane).items()
    ]
    for reference in bench.setup.suite.references:
        sources = clean if reference == "clean" else seen
        of = evaluate(against, sources.ir_plane, sources.vis_plane, plane)
        values += [(name, reference, value.item()) for name, value in of.items()]
    return values


def _picture(cell: Cell, name: str, pixels: np.ndarray) -> Picture:
    return Picture(cell.pair.image, *cell.condition, name, encode_png(pixels))
