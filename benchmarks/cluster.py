"""Ray beside local workers, on the same cells: ``python -m benchmarks.cluster``; status 1 where the budget is missed.

A Ray cluster of two nodes with one core each, started on this machine, and two local workers compute the same cells by
turns. What counts is wall time from the first cell that is begun to the last result; what comes before it is told
apart. The efficiency of Ray is the time of the local workers divided by that of Ray, each the median of the rounds.
Rows have to be equal. Two cores are to have nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.cell.setup import Setup
from bench.datasets.pair import Pair
from bench.executors import executor
from bench.plan import plan
from bench.run.resolve import Options, resolve
from bench.suite import Suite
from benchmarks.harness import ROOT, SIZE, write_pairs
from benchmarks.timing import machine
from tsdm_bench.words import counted

EFFICIENCY = 0.9
WORKERS = 2
SUITE = Suite(
    name="cluster", dataset="folder", methods=("average", "laplacian_pyramid", "gff"), metrics=("core",),
    factors=("noise_gray", "jpeg", "gaussian_blur"), severities=(0, 1, 3, 5),
)  # fmt: skip
FOR_RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "300", "PYTHONPATH": str(ROOT)}
"""Read when Ray is imported, and by its nodes."""


class Took(NamedTuple):
    """What one executor did in one round."""

    start: float
    """Seconds until the first cell was begun."""
    later: float
    """Seconds from then until the other worker began."""
    cells: float
    """Seconds from the first cell to the last result."""
    rows: list[str]
    """Sorted, without the seconds of the methods."""

    def __str__(self) -> str:
        return f"begins after {self.start:.1f} s (the other worker {self.later:.1f} s later), takes {self.cells:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=4, help="each under ten conditions")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("HEIGHT", "WIDTH"))
    args = parser.parse_args()
    if importlib.util.find_spec("ray") is None:
        print("skipped: Ray is not installed; pip install 'tsdm-bench[cluster]'")
        return
    os.environ.update(FOR_RAY)
    took: dict[str, list[Took]] = {"local": [], "ray": []}
    with tempfile.TemporaryDirectory(prefix="tsdm-bench-cluster-") as place:
        folder = Path(place)
        run = resolve(SUITE, Options(data_root=write_pairs(folder / "pairs", args.pairs, args.size), device="cpu"))
        print(
            f"{machine()}; {counted(args.pairs, 'pair')} of {args.size[1]}×{args.size[0]}, {WORKERS} workers",
            flush=True,
        )
        for number in range(args.rounds):
            for name in sorted(took, reverse=bool(number % 2)):  # whatever the machine does, it does to both
                with two_nodes() if name == "ray" else nullcontext():
                    took[name].append(measured(name, run.setup, run.pairs, folder / f"{name}{number}"))
                print(f"{name:<6} {took[name][-1]}", flush=True)
    sys.exit(0 if kept(took["local"], took["ray"]) else 1)


def measured(name: str, setup: Setup, pairs: Sequence[Pair], begun: Path) -> Took:
    """All cells by one executor, of which every worker notes in the folder ``begun`` when it begins."""
    begun.mkdir()
    cells = plan(setup.suite, [replace(pair, read=partial(read_noting, begun, pair.read)) for pair in pairs])
    asked = last = time.monotonic()
    rows = []
    for result in executor(name)(cells, setup, WORKERS):
        last = time.monotonic()
        if result.failures:
            sys.exit(f"{name}: {result.failures[0]}")
        rows += [repr(row._replace(seconds=0.0)) for row in result.rows]
    notes = [float(path.read_text()) for path in begun.iterdir()]
    if len(notes) != WORKERS:
        sys.exit(f"{name}: {counted(len(notes), 'worker')} took part, expected {WORKERS}; take more --pairs")
    return Took(min(notes) - asked, max(notes) - min(notes), last - min(notes), sorted(rows))


def read_noting(begun: Path, read: Callable) -> object:
    """Read a pair; the first time in this process, note when: the clock is one for all processes of a machine."""
    note = begun / str(os.getpid())
    if not note.exists():
        note.write_text(repr(time.monotonic()))
    return read()


@contextmanager
def two_nodes() -> Iterator[None]:
    """A cluster of two nodes with a core each, which this process joins; says how long it took to be there."""
    import ray
    from ray.cluster_utils import Cluster

    asked = time.monotonic()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        cluster.wait_for_nodes()
        print(f"ray    the cluster is there after {time.monotonic() - asked:.1f} s", flush=True)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


def kept(local: Sequence[Took], ray: Sequence[Took]) -> bool:
    """Print the medians and the efficiency; whether rows are equal and the budget is kept."""
    for name, rounds in (("local", local), ("ray", ray)):
        middle = [statistics.median(of) for of in zip(*(each[:3] for each in rounds), strict=True)]
        print(f"{name:<6} median of {len(rounds)}: {Took(*middle, [])}")
    equal = all(each.rows == local[0].rows for each in (*local, *ray))
    if not equal:
        print("rows differ between local workers and Ray, or between rounds", file=sys.stderr)
    efficiency = statistics.median(each.cells for each in local) / statistics.median(each.cells for each in ray)
    print(f"efficiency {efficiency:.3f}   budget {EFFICIENCY:g}")
    if efficiency < EFFICIENCY:
        print(f"budget missed: efficiency {efficiency:.3f}, expected at least {EFFICIENCY:g}", file=sys.stderr)
    return equal and efficiency >= EFFICIENCY


if __name__ == "__main__":
    main()
