"""What compares Ray with local workers: the times, the verdict, and a machine without Ray."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.datasets.files import read_pair
from bench.plan import plan
from bench.run.resolve import Options, resolve
from bench.suite import Suite
from benchmarks import cluster
from benchmarks.cluster import Took, kept, measured

SMALL = Suite(
    name="small", dataset="folder", methods=("average",), metrics=("mse",), factors=("jpeg",), severities=(0, 1, 3, 5)
)


def rounds(*seconds: float, rows: tuple[str, ...] = ("a", "b")) -> list[Took]:
    return [Took(2.0, 0.1, cells, list(rows)) for cells in seconds]


def test_the_budget_is_of_the_medians(capsys: pytest.CaptureFixture) -> None:
    assert kept(rounds(9.0, 9.0, 90.0), rounds(10.0, 99.0, 9.5))
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "local  median of 3: begins after 2.0 s (the other worker 0.1 s later), takes 9.00 s"
    assert told[2] == "efficiency 0.900   budget 0.9"
    assert not kept(rounds(8.9), rounds(10.0))
    assert capsys.readouterr().err == "budget missed: efficiency 0.890, expected at least 0.9\n"


def test_fast_is_not_enough_where_rows_differ(capsys: pytest.CaptureFixture) -> None:
    assert not kept(rounds(10.0, 10.0), [*rounds(5.0), *rounds(5.0, rows=("a", "c"))])
    assert "rows differ" in capsys.readouterr().err


def test_without_ray_it_is_skipped_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["cluster"])
    cluster.main()
    assert capsys.readouterr().out == "skipped: Ray is not installed; pip install 'tsdm-bench[cluster]'\n"


def test_time_counts_from_the_first_cell_that_a_worker_begins(small_pairs: Path, tmp_path: Path) -> None:
    run = resolve(SMALL, Options(data_root=small_pairs, device="cpu"))
    took = measured("local", run.setup, run.pairs, tmp_path / "begun")
    assert len(list((tmp_path / "begun").iterdir())) == 2
    assert min(took.start, took.cells) > 0
    assert 0 <= took.later < took.cells
    bench = Bench(run.setup)
    results = [run_cell(cell, bench) for cell in plan(run.setup.suite, run.pairs)]
    assert took.rows == sorted(repr(row._replace(seconds=0.0)) for result in results for row in result.rows)


def test_a_failure_and_a_worker_without_work_end_the_comparison(
    small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = resolve(SMALL, Options(data_root=small_pairs, device="cpu"))
    bench = Bench(run.setup)
    monkeypatch.setattr(cluster, "executor", lambda name: lambda cells, *_: (run_cell(cell, bench) for cell in cells))
    with pytest.raises(SystemExit, match="here: 1 worker took part, expected 2"):
        measured("here", run.setup, run.pairs, tmp_path / "alone")
    absent = replace(run.pairs[0], image="absent", read=partial(read_pair, tmp_path / "ir.png", tmp_path / "vis.png"))
    with pytest.raises(SystemExit, match=r"here: .*absent.*ir\.png is missing"):
        measured("here", run.setup, [absent], tmp_path / "failing")
