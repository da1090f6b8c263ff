"""What cells share within one process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from bench.cell.sources import Bench
from bench.datasets.synthetic import scenes
from bench.plan import CLEAN, Cell, plan
from bench.run.resolve import Options, resolve
from bench.suite import Suite


def sent(cell: Cell) -> Cell:
    """As a worker gets it."""
    return pickle.loads(pickle.dumps(cell))


@pytest.fixture
def cells(small_pairs: Path) -> tuple[Bench, list[Cell]]:
    """Two pairs under two conditions."""
    suite = Suite(
        name="small", dataset="folder", methods=("ir",), metrics=("en",), factors=("jpeg",), severities=(0, 3), limit=2
    )
    run = resolve(suite, Options(data_root=small_pairs, device="cpu"))
    return Bench(run.setup), plan(run.setup.suite, run.pairs)


def test_a_pair_is_read_once_by_a_worker_to_which_its_cells_are_sent_one_by_one(cells: tuple) -> None:
    bench, (clean, degraded, other, _) = cells
    inputs = [bench.inputs(sent(cell)) for cell in (clean, degraded)]
    assert inputs[0].clean is inputs[1].clean
    assert bench.sources([inputs[0]])[0] is bench.sources([inputs[1]])[0]  # and what is known of its images stays
    assert bench.read(sent(other).pair) is not inputs[0].clean


def test_rendered_pairs_differ_though_no_files_tell_them_apart() -> None:
    first, second = scenes(2, size=(64, 64))
    assert sent(Cell(first, CLEAN, ())).pair == first != second
    assert first != scenes(1, seed=1, size=(64, 64))[0]
    assert first != scenes(1, size=(64, 96))[0]
