"""Run cells on this machine: in this process, alone or in batches, or in several workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench.cell.rows import CellResult, Failure
from bench.cell.setup import Setup
from bench.cell.sources import Bench, Inputs
from bench.cell.work import read_inputs, run_cell, run_together
from bench.executors.pool import Died, available_cores, map_ahead, map_unordered, note
from bench.plan import Cell, Condition
from tsdm_bench.errors import UsageError

DIED = "its process ended while it was at work: a crash in compiled code, exit by the method, or no memory left"
DIED_OUTSIDE = "the process ended outside any method, twice: most likely no memory was left; use fewer --workers"
MOST_DEATHS = 3
"""Processes that may end one after the other outside any method before the run is given up."""
BATCHES_AHEAD = 2
"""What is read and degraded while a batch is at work."""
_bench: Bench | None = None


def run_cells(cells: Sequence[Cell], setup: Setup, workers: int) -> Iterator[CellResult]:
    """Yield the result of every cell as it is ready, in any order.

    One worker means this very process, unless a method is the user's own. Where a worker ends, the method that it was
    at fails on that pair, and the rest of the cell is done by another. Raises ``UsageError`` where workers end without
    having begun.
    """
    if workers == 1 and not setup.runs_foreign_code:
        bench = Bench(setup)
        if setup.batch == 1 or (setup.batch is None and setup.device == "cpu"):
            yield from (run_cell(cell, bench) for cell in cells)
        else:
            yield from run_in_batches(cells, bench)
        return
    waiting: deque[Cell] = deque(cells)
    failed: dict[tuple[str, Condition], list[Failure]] = {}
    again: set[tuple[str, Condition]] = set()
    deaths = 0
    for cell, result in map_unordered(_run, waiting, workers, _open, (setup,)):
        key = cell.pair.image, cell.condition
        if not isinstance(result, Died):
            deaths = 0
            result.failures[:0] = failed.pop(key, [])
            yield result
        elif result.note in cell.methods:
            deaths = 0
            failed.setdefault(key, []).append(Failure(cell.pair.image, *cell.condition, result.note, DIED))
            rest = tuple(name for name in cell.methods if name != result.note)
            if rest:
                waiting.append(replace(cell, methods=rest))
            else:
                yield CellResult(failures=failed.pop(key))
        elif (deaths := deaths + 1) > MOST_DEATHS:
            raise UsageError(
                f"{deaths} worker processes ended one after the other before they ran a method, most likely for lack "
                f"of memory; what was computed is kept: repeat the command with fewer --workers (now {workers})"
            )
        elif key in again:
            failures = [*failed.pop(key, []), Failure(cell.pair.image, *cell.condition, "", DIED_OUTSIDE)]
            yield CellResult(failures=failures)
        else:
            again.add(key)
            waiting.append(cell)  # this cell may have nothing to do with it


def run_in_batches(cells: Iterable[Cell], bench: Bench) -> Iterator[CellResult]:
    """Read and degrade ahead, in threads, and let neighbouring cells of one size and the same methods go together."""
    threads = available_cores()
    batch: list[Inputs] = []
    for inputs in map_ahead(partial(read_inputs, bench=bench), cells, threads, _ahead(bench, threads)):
        if isinstance(inputs, CellResult):
            yield inputs
            continue
        if batch and not (_alike(batch[0], inputs) and len(batch) < bench.together(inputs.clean[0].size)):
            yield from run_together(batch, bench)
            batch = []
        batch.append(inputs)
    if batch:
        yield from run_together(batch, bench)


def _ahead(bench: Bench, threads: int) -> int:
    return max(threads, BATCHES_AHEAD * (bench.setup.batch or 1))


def _alike(one: Inputs, other: Inputs) -> bool:
    return one.clean[1].shape == other.clean[1].shape and one.cell.methods == other.cell.methods


def _open(setup: Setup) -> None:
    global _bench
    _bench = Bench(setup, at_work=note)


def _run(cell: Cell) -> CellResult:
    if _bench is None:
        raise RuntimeError("a worker was given a cell before it was opened")
    return run_cell(cell, _bench)
