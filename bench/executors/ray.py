"""Run cells on a Ray cluster: one actor per worker, each with its own open :class:`Bench`.

Every node needs the project, the datasets and the weights under the same paths; where detectors are retrained, the run
folder too.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from bench.cell.rows import CellResult, Failure
from bench.cell.setup import Setup
from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.plan import Cell
from tsdm_bench.errors import UsageError, one_line

MOST_TRIES = 3
"""Of a cell whose actor or node was lost."""
log = logging.getLogger(__name__)


def run_cells(cells: Sequence[Cell], setup: Setup, workers: int) -> Iterator[CellResult]:
    """Yield the result of every cell as it is ready, in any order.

    Joins the cluster named by ``RAY_ADDRESS``, else starts one on this machine. No more actors are started than the
    cluster can place at once; one that is lost, alone or with its node, is replaced and its cell is tried again. Raises
    ``UsageError`` where Ray is not installed or the cluster has no place for a single actor.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--executor ray needs Ray: pip install 'tsdm-bench[cluster]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    needs = {"CPU": setup.threads, "GPU": 1 if setup.device.startswith("cuda") else 0}
    worker = ray.remote(num_cpus=needs["CPU"], num_gpus=needs["GPU"])(_Worker)
    try:
        places = _places(ray.cluster_resources(), needs)
        if workers > places:
            log.warning("the cluster has room for %d workers at once, not %d", places, workers)
        yield from _collect(ray, worker, cells, setup, min(workers, places))
    finally:
        if started:
            ray.shutdown()


def _places(resources: dict[str, float], needs: dict[str, int]) -> int:
    """How many actors the cluster can place at once."""
    places = min(int(resources.get(kind, 0) // number) for kind, number in needs.items() if number)
    if places < 1:
        wanted = ", ".join(f"{number} {kind}" for kind, number in needs.items() if number)
        raise UsageError(f"the Ray cluster has no node with {wanted} for a worker; add nodes, or use --executor local")
    return places


def _collect(ray: Any, worker: Any, cells: Sequence[Cell], setup: Setup, workers: int) -> Iterator[CellResult]:
    waiting = [(cell, 1) for cell in reversed(cells)]
    free, running = [worker.remote(setup) for _ in range(workers)], dict[Any, tuple[Cell, int, Any]]()
    while waiting or running:
        while free and waiting:
            (cell, tries), actor = waiting.pop(), free.pop()
            running[actor.run.remote(cell)] = (cell, tries, actor)
        (ready,), _ = ray.wait(list(running), num_returns=1)
        cell, tries, actor = running.pop(ready)
        try:
            yield ray.get(ready)
            free.append(actor)
        except ray.exceptions.RayActorError as error:
            free.append(worker.remote(setup))
            if tries < MOST_TRIES:
                waiting.append((cell, tries + 1))
            else:
                line = f"its worker was lost {tries} times: {one_line(error)}"
                yield CellResult(failures=[Failure(cell.pair.image, *cell.condition, "", line)])


class _Worker:
    """A process of the cluster with everything loaded once."""

    def __init__(self, setup: Setup) -> None:
        self.bench = Bench(setup)

    def run(self, cell: Cell) -> CellResult:
        return run_cell(cell, self.bench)
