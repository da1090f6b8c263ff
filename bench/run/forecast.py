"""What a run will take, method by method, from a few calls measured on its first pair before it starts."""

from __future__ import annotations

import gc
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.cell.rows import CellResult
from bench.cell.setup import Setup
from bench.cell.sources import Bench, Images, Inputs, Sources
from bench.cell.work import Batch, detect, fuse_seen, score
from bench.methods import find_method
from bench.plan import CLEAN, Cell
from tsdm_bench.errors import words_of
from tsdm_bench.words import counted, duration

log = logging.getLogger(__name__)
CALLS_WORTH_A_FORECAST = 100
"""Images to fuse; a smaller run is over before it is worth a question."""
CROPS = ((64, 64), (128, 160))
"""Height and width: the first warms up, the second is measured; time goes by pixels."""
QUICK = 0.5
"""A method that seems to take fewer seconds for a whole image is measured on one."""
ENOUGH = 12.0
"""Seconds after which no further method is measured, so that a run begins."""
DEAR = 5.0
"""A method that takes more seconds for an image gets cells of its own, so that the others need not wait for it."""


@dataclass
class Forecast:
    """Seconds of one worker on one image of the size of the first pair."""

    fuse: dict[str, float] = field(default_factory=dict)
    """By method; one that is not here was not measured."""
    degrade: dict[str, float] = field(default_factory=dict)
    """By factor."""
    varying: frozenset[str] = frozenset()
    """Methods whose cost depends on the condition, which they are told: no one figure would be true."""
    read: float = 0.0
    score: float = 0.0
    detect: float = 0.0

    def of_cell(self, cell: Cell) -> float:
        """Reading is left out: a pair is read once for all of its cells."""
        per_method = self.score + (self.detect if cell.pair.boxes is not None else 0)
        known = sum(self.fuse.get(name, 0.0) + per_method for name in cell.methods)
        return self.degrade.get(cell.condition.factor, 0.0) + known

    def of(self, cells: Sequence[Cell]) -> float:
        """Of all ``cells``, one after the other."""
        return sum(map(self.of_cell, cells)) + self.read * len({cell.pair.image for cell in cells})

    def dear(self, cells: Sequence[Cell]) -> frozenset[str]:
        """Methods that others should not wait for, those of which nothing is known included.

        Not those that are told the condition: in one cell they share the images that they restore.
        """
        names = {name for cell in cells for name in cell.methods} - self.varying
        return frozenset(name for name in names if self.fuse.get(name, math.inf) > DEAR)

    def lines(self, cells: Sequence[Cell], workers: int) -> Iterator[str]:
        """What is said before a run: the whole, then every method, the dearest first."""
        images = Counter(name for cell in cells for name in cell.methods)
        pairs = len({cell.pair.image for cell in cells})
        whole = self.of(cells)
        unknown = [name for name in images if name not in self.fuse]
        least = "at least " if unknown else "about "
        yield (
            f"to fuse: {counted(sum(images.values()), 'image')} of {counted(pairs, 'pair')}; this takes {least}"
            f"{duration(whole / workers)} with {counted(workers, 'worker')}"
        )
        for name in sorted(self.fuse, key=lambda name: -self.fuse[name] * images[name]):
            total = self.fuse[name] * images[name] / workers
            yield f"  {name:<28} {self.fuse[name]:>9.3g} s an image  {duration(total):>12}"
        fusing = sum(self.fuse.get(name, 0) * count for name, count in images.items())
        rest = f"score {self.score:.2g}, detect {self.detect:.2g}"
        yield f"  {'all around fusing':<28} {rest:>16}  {duration((whole - fusing) / workers):>15}"
        if self.degrade:
            dearest = sorted(self.degrade.items(), key=lambda item: -item[1])
            yield "  seconds to degrade: " + ", ".join(f"{name} {seconds:.2g}" for name, seconds in dearest)
        if told := [name for name in unknown if name in self.varying]:
            yield f"  not in this: {', '.join(told)}, whose cost depends on the condition"
        if unmeasured := [name for name in unknown if name not in self.varying]:
            yield f"  not measured: {', '.join(unmeasured)}"

    def fitting(self, cells: Sequence[Cell], workers: int, budget: float) -> str:
        """What a budget of seconds is enough for, in words."""
        pairs = len({cell.pair.image for cell in cells})
        per_pair = self.of(cells) / workers / max(pairs, 1)
        fit = min(int(budget / per_pair) if per_pair else pairs, pairs)
        known = self.fuse.keys() >= {name for cell in cells for name in cell.methods}
        if fit:
            about = "about" if known else "at most"
            return f"budget of {duration(budget)}: {about} {fit} of {counted(pairs, 'pair')} under all conditions"
        return (
            f"budget of {duration(budget)}: not enough for one pair under all conditions with all methods, which takes "
            f"about {duration(per_pair)}; fewer --methods, --factors or --severities bring a sample that is balanced"
        )


def forecast(setup: Setup, cells: Sequence[Cell]) -> Forecast | None:
    """Measure on the pair of the first cell; None where that pair cannot be read.

    Methods that are the user's own are not measured: they may end the process.
    """
    found = _measured(Bench(setup), cells)
    gc.collect()  # what was loaded refers to itself; a run needs the room
    return found


def _measured(bench: Bench, cells: Sequence[Cell]) -> Forecast | None:
    found, setup = Forecast(), bench.setup
    started = time.perf_counter()
    first = cells[0]
    try:
        whole = bench.read(first.pair)
        found.read = time.perf_counter() - started
        inputs = Inputs(Cell(first.pair, CLEAN, first.methods), whole, whole)
        _measure_around(found, inputs, cells, bench)
    except Exception as error:  # the run itself will name it, cell by cell
        log.debug("no forecast: %s", error)
        return None
    started = time.perf_counter()
    names = list(dict.fromkeys(name for cell in cells for name in cell.methods))
    fusing = [name for name in names if not bench.unfused(name)]
    found.fuse = dict.fromkeys(set(names) - set(fusing), 0.0)
    found.varying = frozenset(name for name in fusing if find_method(setup.specs[name]).knows_condition)
    for name in fusing:
        if name in found.varying or (":" in setup.specs[name] and setup.runs_foreign_code):
            continue
        if time.perf_counter() - started > ENOUGH:
            break
        try:
            found.fuse[name] = _seconds_to_fuse(name, inputs, bench)
        except Exception as error:
            log.debug("no forecast for %s: %s", name, words_of(error, 120))
    return found


def _measure_around(found: Forecast, inputs: Inputs, cells: Sequence[Cell], bench: Bench) -> None:
    """Degrading, scoring and detecting, on the whole image."""
    by_factor: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.condition.factor != CLEAN.factor:
            by_factor.setdefault(cell.condition.factor, []).append(cell)
    for factor, those in by_factor.items():
        middle = those[len(those) // 2].condition
        started = time.perf_counter()
        bench.inputs(Cell(inputs.cell.pair, middle, ()))
        found.degrade[factor] = time.perf_counter() - started
    batch = Batch([inputs], [CellResult()], *bench.sources([inputs]))
    levels = batch.seen.vis_plane.colour
    if levels is None:
        raise AssertionError("a visible image has colour")
    fused = [name for name in bench.setup.specs if not bench.unfused(name)]
    for _ in range(2):  # the first call loads what is compiled and makes the statistics of the sources
        started = time.perf_counter()
        score(levels, batch, bench)
        found.score = time.perf_counter() - started
        if fused:
            started = time.perf_counter()
            detect(fused[0], levels, batch, bench)
            found.detect = time.perf_counter() - started


def _seconds_to_fuse(name: str, inputs: Inputs, bench: Bench) -> float:
    """By a crop, and by the whole image where that is quick."""
    pixels, seconds = inputs.clean[0].size, 0.0
    for height, width in CROPS:
        crop = _crop(inputs.clean, height, width)
        _, seconds = fuse_seen(name, inputs.cell, Sources([crop], bench.setup.device), bench)
        seconds *= pixels / crop[0].size
    if seconds > QUICK:
        return seconds
    return fuse_seen(name, inputs.cell, Sources([inputs.clean], bench.setup.device), bench)[1]


def _crop(images: Images, height: int, width: int) -> Images:
    ir, vis = images
    return ir[:height, :width].copy(), vis[:height, :width].copy()
