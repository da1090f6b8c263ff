"""What a run will take, method by method, from a few calls measured on one of its pairs before it starts."""

from __future__ import annotations

import gc
import logging
import math
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby

from bench.cell.rows import CellResult
from bench.cell.setup import Setup
from bench.cell.sources import Bench, Images, Inputs, Sources
from bench.cell.work import Batch, detect, fuse_seen, score
from bench.datasets.pair import Pair
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
    """Seconds of one worker on one image of so many ``pixels``; on one of another size they go by its pixels."""

    fuse: dict[str, float] = field(default_factory=dict)
    """By method; one that is not here was not measured."""
    degrade: dict[str, float] = field(default_factory=dict)
    """By factor."""
    varying: frozenset[str] = frozenset()
    """Methods whose cost depends on the condition, which they are told: no one figure would be true."""
    read: float = 0.0
    sources: float = 0.0
    """What metrics have to know of the images of a cell, whatever the method."""
    score: float = 0.0
    detect: float = 0.0
    """Whatever the size of an image: a detector brings it to its own."""
    pixels: int = 0
    """0: not known, and all pairs are taken to be of one size."""

    def times(self, pair: Pair) -> float:
        """How many times as large as the measured pair another one is; 1 where that is not known."""
        return pair.pixels / self.pixels if pair.pixels and self.pixels else 1.0

    def of_cell(self, cell: Cell) -> float:
        """Reading is left out: a pair is read once for all of its cells."""
        by_pixels = sum(self.fuse.get(name, 0.0) + self.score for name in cell.methods)
        by_pixels += self.degrade.get(cell.condition.factor, 0.0) + self.sources
        detected = len(cell.methods) if cell.pair.boxes is not None else 0
        return by_pixels * self.times(cell.pair) + detected * self.detect

    def of(self, cells: Sequence[Cell]) -> float:
        """Of all ``cells``, one after the other."""
        pairs = {cell.pair.image: cell.pair for cell in cells}
        return sum(map(self.of_cell, cells)) + self.read * sum(map(self.times, pairs.values()))

    def fusing(self, cells: Sequence[Cell]) -> dict[str, float]:
        """Method → seconds that all of its images take to be fused, of those that were measured."""
        found: dict[str, float] = {}
        for cell in cells:
            for name in self.fuse.keys() & cell.methods:
                found[name] = found.get(name, 0.0) + self.fuse[name] * self.times(cell.pair)
        return found

    def dear(self, cells: Sequence[Cell]) -> frozenset[str]:
        """Methods that others should not wait for, those of which nothing is known included.

        Not those that are told the condition: in one cell they share the images that they restore.
        """
        fusing, images = self.fusing(cells), _images(cells)
        names = images.keys() - self.varying
        return frozenset(name for name in names if fusing.get(name, math.inf) / images[name] > DEAR)

    def lines(self, cells: Sequence[Cell], workers: int) -> Iterator[str]:
        """What is said before a run: the whole, then every method, the dearest first."""
        images, fusing, whole = _images(cells), self.fusing(cells), self.of(cells)
        pairs = len({cell.pair.image for cell in cells})
        unknown = [name for name in images if name not in self.fuse]
        least = "at least " if unknown else "about "
        yield (
            f"to fuse: {counted(sum(images.values()), 'image')} of {counted(pairs, 'pair')}; this takes {least}"
            f"{duration(whole / workers)} with {counted(workers, 'worker')}"
        )
        for name, seconds in sorted(fusing.items(), key=lambda item: -item[1]):
            yield f"  {name:<28} {seconds / images[name]:>9.3g} s an image  {duration(seconds / workers):>12}"
        rest = f"score {self.score:.2g}, detect {self.detect:.2g}"
        yield f"  {'all around fusing':<28} {rest:>16}  {duration((whole - sum(fusing.values())) / workers):>15}"
        if self.degrade:
            dearest = sorted(self.degrade.items(), key=lambda item: -item[1])
            yield "  seconds to degrade: " + ", ".join(f"{name} {seconds:.2g}" for name, seconds in dearest)
        if told := [name for name in unknown if name in self.varying]:
            yield f"  not in this: {', '.join(told)}, whose cost depends on the condition"
        if unmeasured := [name for name in unknown if name not in self.varying]:
            yield f"  not measured: {', '.join(unmeasured)}"

    def fitting(self, cells: Sequence[Cell], workers: int, budget: float) -> str:
        """What a budget of seconds is enough for, in words; ``cells`` are in the order in which they are computed."""
        by_pair = groupby(cells, lambda cell: cell.pair.image)
        ends = list(accumulate(self.of(list(of_one)) / workers for _, of_one in by_pair))
        fit = bisect_right(ends, budget)
        known = self.fuse.keys() >= {name for cell in cells for name in cell.methods}
        if fit:
            about = "about" if known else "at most"
            return f"budget of {duration(budget)}: {about} {fit} of {counted(len(ends), 'pair')} under all conditions"
        return (
            f"budget of {duration(budget)}: not enough for one pair under all conditions with all methods, which takes "
            f"about {duration(ends[0])}; fewer --methods, --factors or --severities bring a sample that is balanced"
        )


def forecast(setup: Setup, cells: Sequence[Cell]) -> Forecast | None:
    """Measure on a pair of middling size; None where that pair cannot be read.

    Methods that are the user's own are not measured: they may end the process.
    """
    found = _measured(Bench(setup), cells)
    gc.collect()  # what was loaded refers to itself; a run needs the room
    return found


def middling(cells: Sequence[Cell]) -> Cell:
    """The first cell whose pair comes nearest to the mean number of pixels; the very first where none is known."""
    pixels = {cell.pair.image: cell.pair.pixels for cell in cells if cell.pair.pixels}
    mean = sum(pixels.values()) / max(len(pixels), 1)
    return min(cells, key=lambda cell: abs(pixels.get(cell.pair.image, math.inf) - mean))


def _images(cells: Sequence[Cell]) -> Counter[str]:
    """How many images each method has to fuse."""
    return Counter(name for cell in cells for name in cell.methods)


def _measured(bench: Bench, cells: Sequence[Cell]) -> Forecast | None:
    found, setup = Forecast(), bench.setup
    started = time.perf_counter()
    first = middling(cells)
    try:
        whole = bench.read(first.pair)
        found.read, found.pixels = time.perf_counter() - started, whole[0].size
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
    started = time.perf_counter()
    score(levels, replace(batch, seen=Sources([inputs.seen], bench.setup.device)), bench)
    found.sources = max(time.perf_counter() - started - found.score, 0.0)


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
