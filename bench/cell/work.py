"""The unit of work: pairs under their conditions, through every method, to rows and detections."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.cell.isolation import untouched_process
from bench.cell.rows import CellResult, DetectionRow, Failure, Picture, Row
from bench.cell.sources import Bench, Inputs, Sources
from bench.metrics import METRICS, evaluate, plane_of
from bench.plan import Cell, Condition
from bench.unfused import Unfused
from detectors.detection import Detection
from detectors.detector import Detector
from detectors.merging import merge_detections
from tsdm_bench.device import ran_out_of_memory
from tsdm_bench.errors import one_line
from tsdm_bench.images import encode_png
from tsdm_bench.tensors import as_pixels, to_levels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Cells of one size and the same methods that go through together; most often a single one."""

    inputs: Sequence[Inputs]
    results: Sequence[CellResult]
    """What is found is added here, in the order of the inputs."""
    clean: Sources
    seen: Sources

    def __len__(self) -> int:
        return len(self.inputs)

    def parts(self, size: int, bench: Bench) -> list[Batch]:
        """The batch in smaller ones."""
        found = []
        for first in range(0, len(self), size):
            inputs, results = self.inputs[first : first + size], self.results[first : first + size]
            found.append(Batch(inputs, results, *bench.sources(inputs)))
        return found


def run_cell(cell: Cell, bench: Bench) -> CellResult:
    """Degrade the pair once, then fuse, quantise, score and detect with each method of the cell.

    Nothing raises for bad data or a method that fails in whatever way (``SystemExit`` included): what fails is told in
    ``failures`` and the rest goes on. Only ``KeyboardInterrupt``, the user's wish to stop, ends the cell.
    """
    inputs = read_inputs(cell, bench)
    return inputs if isinstance(inputs, CellResult) else run_together([inputs], bench)[0]


def read_inputs(cell: Cell, bench: Bench) -> Inputs | CellResult:
    """The images of a cell, or the failure where they cannot be read or degraded."""
    try:
        return bench.inputs(cell)
    except Exception as error:
        return CellResult(failures=[Failure(cell.pair.image, *cell.condition, "", one_line(error))])


def run_together(inputs: Sequence[Inputs], bench: Bench) -> list[CellResult]:
    """The results of cells of one size and the same methods, as :func:`run_cell` gives them for each."""
    try:
        batch = Batch(inputs, [CellResult() for _ in inputs], *bench.sources(inputs))
    except Exception as error:
        if len(inputs) == 1:
            cell = inputs[0].cell
            return [CellResult(failures=[Failure(cell.pair.image, *cell.condition, "", one_line(error))])]
        ran_out_of_memory(error)
        batch = None
    if batch is None:
        half = len(inputs) // 2
        return run_together(inputs[:half], bench) + run_together(inputs[half:], bench)
    for (cell, _, seen), result in zip(inputs, batch.results, strict=True):
        if (cell.pair.image, cell.condition) in bench.setup.inputs_shown:
            result.pictures += [_picture(cell, "ir", seen[0]), _picture(cell, "vis", seen[1])]
    for name in inputs[0].cell.methods:
        bench.at_work(name)
        _run_method(name, batch, bench)
    bench.at_work("")
    return list(batch.results)


def _run_method(name: str, batch: Batch, bench: Bench) -> None:
    """Add what one method gives to the results, for each image all of it or nothing.

    A batch that finds no room in a device's memory is halved, and so are the next ones of that method. One that fails
    otherwise is gone through image by image: so it is known which of them fails.
    """
    smaller = bench.most_together.get(name, len(batch))
    try:
        if len(batch) <= smaller:
            _add(name, batch, bench)
            return
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if len(batch) == 1:
            (inputs,), (result,) = batch.inputs, batch.results
            result.failures.append(Failure(inputs.cell.pair.image, *inputs.cell.condition, name, one_line(error)))
            return
        smaller = 1
        if ran_out_of_memory(error):
            smaller = bench.most_together[name] = len(batch) // 2
            log.warning("no room on %s for %d images of %s at once: %d", bench.setup.device, len(batch), name, smaller)
    for part in batch.parts(smaller, bench):  # here, where nothing holds what the failed call had made
        _run_method(name, part, bench)


def _add(name: str, batch: Batch, bench: Bench) -> None:
    setup = bench.setup
    if (unfused := bench.unfused(name)) is not None:
        for (cell, *_), result, of in zip(batch.inputs, batch.results, _unfused(unfused, batch, bench), strict=True):
            result.detections += of
            result.detected.append((cell.pair.image, *cell.condition, name))
        return
    levels, seconds = fuse_seen(name, batch.inputs[0].cell, batch.seen, bench)
    values = score(levels, batch, bench)
    detections = detect(name, levels, batch, bench)
    pixels = {i: as_pixels(levels[i]) for i, (cell, *_) in enumerate(batch.inputs) if _shown(cell, bench)}
    for i, ((cell, *_), result) in enumerate(zip(batch.inputs, batch.results, strict=True)):
        image, condition = cell.pair.image, cell.condition
        head = (setup.dataset, image, cell.pair.scene, *condition, setup.suite.seed, name)
        result.rows += [Row(*head, metric, reference, of[i], seconds) for metric, reference, of in values]
        result.detections += detections[i]
        if i in pixels:
            result.pictures.append(_picture(cell, name, pixels[i]))


def fuse_seen(name: str, cell: Cell, seen: Sources, bench: Bench) -> tuple[Tensor, float]:
    """The 8-bit results of a method for some pairs, of which ``cell`` is the first, and the seconds that each took.

    They are N×3×H×W uint8 RGB on the device of the run; N×C×H×W of a method that stacks C channels.

    The method gets copies of its inputs: it may write into them. An image that another method of the cell has restored
    in the same way is not restored again; the seconds count as if it were. On the CPU images go through one by one,
    which is as fast, so that a result does not depend on how they are grouped.
    """
    fuse = bench.fuse_of(name)
    seed = bench.setup.suite.seed
    key = {"dataset": bench.setup.dataset, "image": cell.pair.image, **cell.condition._asdict(), "seed": seed}
    ir, vis = seen.ir.clone(), seen.vis.clone()
    with untouched_process():
        started, bench.restored.saved = time.perf_counter(), 0.0
        size = 1 if bench.setup.device == "cpu" else len(ir)
        parts = [to_levels(fuse(*part, key)) for part in zip(ir.split(size), vis.split(size), strict=True)]
        levels = parts[0] if len(parts) == 1 else torch.cat(parts)  # a device is waited for: is all finite?
        seconds = (time.perf_counter() - started + bench.restored.saved) / len(levels)
    channels = unfused.channels if (unfused := bench.unfused(name)) else 3
    if levels.shape != (len(ir), channels, *seen.vis.shape[-2:]):
        raise ValueError(
            f"the fused image is {levels.shape[3]}×{levels.shape[2]}; expected the size of the pair, "
            f"{seen.vis.shape[3]}×{seen.vis.shape[2]}"
        )
    return levels, seconds


def score(levels: Tensor, batch: Batch, bench: Bench) -> list[tuple[str, str, list[float]]]:
    """(metric, reference, a value per image) of every metric of the run, computed where the images lie."""
    metrics = bench.setup.metrics
    plane = plane_of(levels)
    against = [name for name in metrics if METRICS[name].reference]
    alone = [name for name in metrics if not METRICS[name].reference]
    asked: list[tuple[str, list[str], Sources]] = [("none", alone, batch.clean)]
    for which in bench.setup.suite.references:
        asked.append((which, against, batch.clean if which == "clean" else batch.seen))
    found: list[tuple[str, str]] = []
    values: list[Tensor] = []
    for reference, ids, sources in asked:
        of = evaluate(ids, sources.ir_plane, sources.vis_plane, plane)
        found += [(name, reference) for name in of]
        values += of.values()
    table = torch.stack(values).tolist() if values else []  # the device is waited for once
    return [(name, reference, of) for (name, reference), of in zip(found, table, strict=True)]


def detect(name: str, levels: Tensor, batch: Batch, bench: Bench) -> list[list[DetectionRow]]:
    """What the detector finds in each image of a labelled pair."""
    if bench.setup.suite.detector is None:
        return [[] for _ in batch.inputs]
    detector = bench.detector(bench.setup.detectors.get(name))
    return _as_rows(name, detector.name, _found(detector, levels, batch), batch, bench)


def _unfused(card: Unfused, batch: Batch, bench: Bench) -> list[list[DetectionRow]]:
    """What is found where a detector is given both images: in one image, or in each view, merged."""
    settings = bench.setup.suite.detector
    if settings is None:
        raise AssertionError("a run without a detector refuses methods that give detections alone")
    views = card.views or (card.name,)
    detectors = [bench.detector(bench.setup.detectors.get(view)) for view in views]
    found = []
    for view, detector in zip(views, detectors, strict=True):
        levels, _ = fuse_seen(view, batch.inputs[0].cell, batch.seen, bench)
        found.append(_found(detector, levels, batch))
    boxes, (height, width) = found[0], batch.seen.vis.shape[-2:]
    if card.views:
        most = settings.max_detections
        boxes = [merge_detections(each, (height, width), most) for each in zip(*found, strict=True)]
    return _as_rows(card.name, "+".join(dict.fromkeys(of.name for of in detectors)), boxes, batch, bench)


def _found(detector: Detector, levels: Tensor, batch: Batch) -> list[list[Detection]]:
    """Detections in the images of the labelled pairs, none in the others."""
    found: list[list[Detection]] = [[] for _ in batch.inputs]
    labelled = [i for i, inputs in enumerate(batch.inputs) if inputs.cell.pair.boxes is not None]
    if labelled:
        of_labelled = levels if len(labelled) == len(levels) else levels[labelled]
        for i, boxes in zip(labelled, detector.detect_levels(of_labelled), strict=True):
            found[i] = boxes
    return found


def _as_rows(
    name: str, detector: str, found: Sequence[Sequence[Detection]], batch: Batch, bench: Bench
) -> list[list[DetectionRow]]:
    rows = []
    for (cell, *_), boxes in zip(batch.inputs, found, strict=True):
        seen_by = (bench.setup.dataset, cell.pair.image, *cell.condition, name, detector)
        rows.append([DetectionRow(*seen_by, *box) for box in boxes])
    return rows


def _shown(cell: Cell, bench: Bench) -> bool:
    key: tuple[str, Condition] = (cell.pair.image, cell.condition)
    return key in bench.setup.results_shown


def _picture(cell: Cell, name: str, pixels: np.ndarray) -> Picture:
    return Picture(cell.pair.image, *cell.condition, name, encode_png(pixels))
