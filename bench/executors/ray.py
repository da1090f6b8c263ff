"""Run cells on a Ray cluster: one actor per worker, each with its own open :class:`Bench`.

Every node needs the project, the datasets and the weights under the same paths; where detectors are retrained, the run
folder too.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from bench.cell.rows import CellResult, Failure
from bench.cell.setup import Setup
from bench.cell.sources import MOST_TOGETHER, Bench
from bench.cell.work import run_cell
from bench.executors.local import run_in_batches
from bench.plan import Cell
from bench.stopping import keeping_handlers
from tsdm_bench.errors import UsageError, one_line
from tsdm_bench.words import counted

MOST_TRIES = 3
"""Of cells whose actor or node was lost, and of actors that cannot start one after the other."""
log = logging.getLogger(__name__)
Task = tuple[Cell, ...]
"""Cells that one call computes: as many as may go through a GPU together, one on a CPU."""


def run_cells(
    cells: Sequence[Cell], setup: Setup, workers: int, address: str | None = None, gpu_share: float = 1.0
) -> Iterator[CellResult]:
    """Yield the result of every cell as it is ready, in any order.

    Joins the cluster at ``address``, else the one named by ``RAY_ADDRESS``, else starts one on this machine. No more
    actors are started than the cluster can place at once; on GPUs each takes ``gpu_share`` of one. An actor that is
    lost, alone or with its node, is replaced as soon as there is a place, and its cells are tried again. Raises
    ``UsageError`` where Ray is not installed, the cluster has no place for a single actor, or none can start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--executor ray needs Ray: pip install 'tsdm-bench[cluster]'") from None
    started = not ray.is_initialized()
    if started:
        try:
            with keeping_handlers():
                ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
        except ConnectionError as error:
            raise UsageError(
                f"no Ray cluster at {address or os.environ.get('RAY_ADDRESS')}: {one_line(error)}"
            ) from None
    on_gpu = setup.device.startswith("cuda")
    needs = {"CPU": setup.threads, "GPU": gpu_share if on_gpu else 0}
    worker = ray.remote(num_cpus=needs["CPU"], num_gpus=needs["GPU"])(_Worker)
    together = setup.batch or (MOST_TOGETHER if on_gpu else 1)
    tasks = [tuple(cells[first : first + together]) for first in range(0, len(cells), together)]
    try:
        places = _places(ray.cluster_resources(), needs)
        if workers > places:
            log.warning("the cluster has room for %s at once, not %d", counted(places, "worker"), workers)
        yield from _collect(ray, worker, tasks, setup, min(workers, places))
    finally:
        if started:
            ray.shutdown()


def _places(resources: dict[str, float], needs: dict[str, float]) -> int:
    """How many actors the cluster can place at once."""
    places = min(int(resources.get(kind, 0) / number + 1e-9) for kind, number in needs.items() if number)
    if places < 1:
        wanted = ", ".join(f"{number:g} {kind}" for kind, number in needs.items() if number)
        raise UsageError(f"the Ray cluster has no node with {wanted} for a worker; add nodes, or use --executor local")
    return places


def _collect(ray: Any, worker: Any, tasks: Sequence[Task], setup: Setup, workers: int) -> Iterator[CellResult]:
    """At most one task per actor is on its way; an actor gets its first one when it is there.

    The place of a lost node may never come back: the actor that waits for it then holds up no cell.
    """
    waiting = deque((task, 1) for task in tasks)
    starting, running = dict[Any, Any](), dict[Any, tuple[Task, int, Any]]()
    failed_starts = 0

    def start() -> None:
        actor = worker.remote(setup)
        starting[actor.ready.remote()] = actor

    def give_work(actor: Any) -> None:
        if waiting:
            task, tries = waiting.popleft()
            running[actor.run.remote(task)] = (task, tries, actor)

    for _ in range(workers):
        start()
    while waiting or running:
        (ready,), _ = ray.wait([*running, *starting], num_returns=1)
        if ready in starting:
            actor = starting.pop(ready)
            try:
                ray.get(ready)
            except ray.exceptions.RayError as error:
                failed_starts += 1
                if failed_starts >= MOST_TRIES:
                    raise UsageError(
                        f"{failed_starts} workers of the Ray cluster could not start, the last one for: "
                        f"{one_line(error)}; what was computed is kept"
                    ) from None
                start()
            else:
                failed_starts = 0
                give_work(actor)
            continue
        task, tries, actor = running.pop(ready)
        try:
            results = ray.get(ready)
        except ray.exceptions.RayError as error:
            if tries < MOST_TRIES:
                waiting.append((task, tries + 1))
            else:
                line = f"its worker was lost {tries} times: {one_line(error)}"
                for cell in task:
                    yield CellResult(failures=[Failure(cell.pair.image, *cell.condition, "", line)])
            start()
        else:
            give_work(actor)
            yield from results
        idle = workers - len(running) - len(starting)
        for _ in range(min(idle, len(waiting))):  # actors that had nothing to do when a task came back
            start()


class _Worker:
    """A process of the cluster with everything loaded once."""

    def __init__(self, setup: Setup) -> None:
        self.bench = Bench(setup)

    def ready(self) -> None:
        """Returns when the process is there and has opened everything."""

    def run(self, task: Task) -> list[CellResult]:
        if len(task) == 1:
            return [run_cell(task[0], self.bench)]
        return list(run_in_batches(task, self.bench))
