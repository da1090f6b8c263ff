"""Run cells in this process, or in a pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing.connection import wait as wait_for

from bench.cell.rows import CellResult
from bench.cell.setup import Setup
from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.plan import Cell

_bench: Bench | None = None


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_cells(cells: Sequence[Cell], setup: Setup, workers: int) -> Iterator[CellResult]:
    """Yield the result of every cell as it is ready, in any order. One worker means this very process.

    Raises ``BrokenProcessPool`` where a worker is killed from outside (out of memory).
    """
    if workers == 1:
        bench = Bench(setup)
        for cell in cells:
            yield run_cell(cell, bench)
        return
    # Spawned, not forked: the thread pools of torch and onnxruntime do not survive a fork.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _open, (setup,))
    try:
        waiting = iter(cells)
        running = {pool.submit(_run, cell) for cell in islice(waiting, 2 * workers)}
        while running:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
                running |= {pool.submit(_run, cell) for cell in islice(waiting, 1)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _open(setup: Setup) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it saves what is done
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process().sentinel,), daemon=True).start()
    _bench = Bench(setup)


def _end_with(parent: int) -> None:
    """A parent that was killed can't tell its workers, which would wait for cells for ever."""
    wait_for([parent])
    os._exit(1)


def _run(cell: Cell) -> CellResult:
    return run_cell(cell, _bench)
