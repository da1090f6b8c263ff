"""Run cells on a Ray cluster: one actor per worker, each with its own open :class:`Bench`.

Every node needs the project, the datasets and the weights under the same paths; where detectors are retrained, the run
folder too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from bench.cell.rows import CellResult
from bench.cell.setup import Setup
from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.plan import Cell
from tsdm_bench.errors import UsageError


def run_cells(cells: Sequence[Cell], setup: Setup, workers: int) -> Iterator[CellResult]:
    """Yield the result of every cell as it is ready, in any order.

    Joins the cluster named by ``RAY_ADDRESS``, else starts one on this machine. Raises ``UsageError`` where Ray is not
    installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.util import ActorPool
    except ImportError:
        raise UsageError("--executor ray needs Ray: pip install 'tsdm-bench[cluster]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    gpus = 1 if setup.device.startswith("cuda") else 0
    worker = ray.remote(num_cpus=setup.threads, num_gpus=gpus)(_Worker)
    try:
        actors = [worker.remote(setup) for _ in range(workers)]
        yield from ActorPool(actors).map_unordered(lambda actor, cell: actor.run.remote(cell), cells)
    finally:
        if started:
            ray.shutdown()


class _Worker:
    """A process of the cluster with everything loaded once."""

    def __init__(self, setup: Setup) -> None:
        self.bench = Bench(setup)

    def run(self, cell: Cell) -> CellResult:
        return run_cell(cell, self.bench)
