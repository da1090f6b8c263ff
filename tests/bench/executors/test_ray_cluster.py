"""A real cluster of two nodes on this machine, of which one is killed while it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.cell.rows import CellResult
from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.executors.ray import run_cells
from bench.plan import plan
from bench.run.resolve import Options, resolve
from bench.suite import Suite

SLOW = """import os, pathlib, time

def fuse(ir, vis):
    pids = pathlib.Path(__file__).with_name("pids.txt")
    with pids.open("a") as file:
        print(os.getpid(), file=file)
    for _ in range(600):  # until both workers are there, so that one can be killed at work
        if len(set(pids.read_text().split())) >= 2:
            break
        time.sleep(0.2)
    time.sleep(0.3)
    return (ir + vis) / 2
"""
os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # a machine may be busy; read when Ray is imported
ray = pytest.importorskip("ray")


def rows(results: list[CellResult]) -> list[tuple]:
    return sorted(row[:11] for result in results for row in result.rows)


def test_a_run_outlives_a_node_and_gives_the_rows_of_a_local_run(
    small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    (tmp_path / "slow.py").write_text(SLOW)
    suite = Suite(
        name="small", dataset="folder", methods=("average", f"slow={tmp_path}/slow.py:fuse"), metrics=("en", "mse"),
        factors=("noise_gray", "jpeg"), severities=(0, 1, 2, 3, 4, 5),
    )  # fmt: skip
    run = resolve(suite, Options(data_root=small_pairs, device="cpu"))
    cells = plan(run.setup.suite, run.pairs)
    try:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        second = cluster.add_node(num_cpus=1)
    except Exception as error:  # Ray's own, where a machine is too busy
        pytest.skip(f"no cluster can be started here: {error}")
    try:
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        cluster.wait_for_nodes()
        results, killed = [], False
        for result in run_cells(cells, run.setup, workers=2):
            results.append(result)
            if not killed and len(set((tmp_path / "pids.txt").read_text().split())) == 2:  # both are at work
                cluster.remove_node(second, allow_graceful=False)
                killed = True
        assert killed
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert [failure for result in results for failure in result.failures] == []
    assert len(results) == len(cells) == 3 * 11
    bench = Bench(run.setup)
    assert rows(results) == rows([run_cell(cell, bench) for cell in cells])
