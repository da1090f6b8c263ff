"""A run says what it will take, and what is done of it at any moment is a balanced sample."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.executors.local import run_cells
from bench.plan import balanced, plan
from bench.run import flow
from bench.run.flow import run_benchmark
from bench.run.forecast import Forecast, forecast, middling
from bench.run.resolve import Options, resolve
from bench.suite import Suite
from fusion.method import METHODS
from tsdm_bench.images import write_png
from tsdm_bench.words import duration

SUITE = Suite(
    name="small", dataset="folder", methods=("ir", "average", "gff"), factors=("noise_gray", "jpeg"),
    severities=(0, 3), metrics=("en", "mse"),
)  # fmt: skip


@pytest.fixture(scope="module")
def cells(small_pairs: Path) -> tuple:
    run = resolve(SUITE, Options(data_root=small_pairs, device="cpu"))
    return run.setup, plan(run.setup.suite, run.pairs)


def test_the_cost_of_every_method_and_factor_is_measured(cells: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.run.forecast.ENOUGH", 600.0)
    setup, todo = cells
    found = forecast(setup, todo)
    assert found.fuse.keys() == {"ir", "average", "gff"}
    assert found.degrade.keys() == {"noise_gray", "jpeg"}
    assert min(*found.fuse.values(), *found.degrade.values(), found.score, found.read) > 0
    assert found.fuse["gff"] > found.fuse["ir"]


def test_the_time_of_a_run_is_the_sum_of_its_parts(cells: tuple) -> None:
    _, todo = cells
    known = Forecast(
        {"ir": 1.0, "average": 2.0, "gff": 10.0}, {"noise_gray": 0.5, "jpeg": 0.25}, read=4.0, sources=0.5, score=0.1
    )
    per_pair = 3 * (13 + 3 * 0.1 + 0.5) + 0.75 + 4
    assert known.of(todo) == pytest.approx(3 * per_pair)
    assert known.dear(todo) == {"gff"}
    lines = list(known.lines(todo, workers=2))
    assert lines[0] == "to fuse: 27 images of 3 pairs; this takes about 69 s with 2 workers"
    assert [line.split()[0] for line in lines[1:4]] == ["gff", "average", "ir"]
    assert lines[1].split()[1:] == ["10", "s", "an", "image", "45", "s"]
    assert known.fitting(todo, 2, 50.0) == "budget of 50 s: about 2 of 3 pairs under all conditions"
    assert "not enough for one pair" in known.fitting(todo, 2, 5.0)
    del known.fuse["gff"]
    lines = list(known.lines(todo, workers=2))
    assert "takes at least" in lines[0]
    assert lines[-1].strip() == "not measured: gff"
    assert known.dear(todo) == {"gff"}  # nobody waits for what may take long


@pytest.fixture
def of_two_sizes(tmp_path: Path) -> tuple:
    """Set-up and cells of pairs without labels: 64 times as many pixels in the last one as in the others."""
    generator = np.random.default_rng(3)
    for index, (height, width) in enumerate(((48, 64), (48, 64), (384, 512))):
        for name, channels in (("ir", 1), ("vis", 3)):
            image = generator.integers(0, 256, (height, width, channels), np.uint8)
            (tmp_path / "pairs" / name).mkdir(parents=True, exist_ok=True)
            write_png(tmp_path / "pairs" / name / f"{index}.png", image.squeeze())
    run = resolve(SUITE, Options(data_root=tmp_path / "pairs", device="cpu"))
    return run.setup, plan(run.setup.suite, run.pairs)


def test_what_was_measured_on_one_pair_goes_by_the_pixels_of_the_others(of_two_sizes: tuple) -> None:
    setup, todo = of_two_sizes
    found = forecast(setup, todo)
    assert found.pixels == 48 * 64  # two of three pairs are nearer to the mean
    small, large = ([cell for cell in todo if cell.pair.image == image] for image in ("0", "2"))
    assert found.of(large) / found.of(small) == pytest.approx(64)
    assert found.of(todo) == pytest.approx(66 * found.of(small))
    assert middling(todo[6:]) == todo[6]  # 1 and 2 are as near: the first of them
    assert middling([*todo, *large, *large]).pair.image == "0"  # each pair counts once


def test_a_forecast_of_pairs_of_two_sizes_says_means_and_a_budget_goes_pair_by_pair(of_two_sizes: tuple) -> None:
    _, todo = of_two_sizes
    known = Forecast({"ir": 0.25, "average": 0.5, "gff": 1.0}, read=0.75, score=0.25, detect=9.0, pixels=48 * 64)
    small = 3 * (1.75 + 3 * 0.25) + 0.75  # no pair has labels: nothing is detected
    lines = list(known.lines(todo, workers=1))
    assert lines[0] == f"to fuse: 27 images of 3 pairs; this takes about {duration(66 * small)} with 1 worker"
    assert lines[1].split()[:4] == ["gff", "22", "s", "an"]  # (1 + 1 + 64) / 3
    assert known.dear(todo) == {"ir", "average", "gff"}
    assert known.dear(todo[:6]) == frozenset()
    assert "about 2 of 3 pairs" in known.fitting(todo, 1, 60 * small)
    assert "about 3 of 3 pairs" in known.fitting(todo, 1, 67 * small)
    assert (
        f"not enough for one pair under all conditions with all methods, which takes about {duration(64 * small)}"
        in (known.fitting([cell for cell in todo if cell.pair.image == "2"], 1, 60 * small))
    )


def test_a_detector_takes_as_long_whatever_the_size_and_an_unknown_size_is_that_of_the_measured_pair(
    of_two_sizes: tuple,
) -> None:
    _, todo = of_two_sizes
    cell = todo[-1]
    known = Forecast({"ir": 1.0}, detect=5.0, pixels=48 * 64)
    labelled, of_no_size = replace(cell.pair, boxes=()), replace(cell.pair, size=None)
    assert known.of_cell(replace(cell, methods=("ir",), pair=labelled)) == 64 + 5
    assert known.of_cell(replace(cell, methods=("ir",), pair=of_no_size)) == 1
    assert middling([replace(cell, pair=of_no_size), *todo]) == todo[0]
    assert middling([replace(cell, pair=of_no_size)]).pair == of_no_size


def test_what_depends_on_the_condition_is_in_no_figure(small_pairs: Path) -> None:
    """One figure would be that of whichever condition was tried."""
    suite = SUITE.model_copy(update={"methods": ("ir", "wiener+average")})
    run = resolve(suite, Options(data_root=small_pairs, device="cpu"))
    todo = plan(run.setup.suite, run.pairs)
    found = forecast(run.setup, todo)
    assert (found.fuse.keys(), found.varying) == ({"ir"}, {"wiener+average"})
    lines = list(found.lines(todo, workers=1))
    assert "takes at least" in lines[0]
    assert lines[-1].strip() == "not in this: wiener+average, whose cost depends on the condition"
    assert "at most 3 of 3 pairs" in found.fitting(todo, 1, 600.0)
    assert found.dear(todo) == frozenset()  # the methods of a cell share what it restores


def test_every_beginning_is_spread_over_the_pairs_and_whole_in_conditions(cells: tuple) -> None:
    _, todo = cells
    ordered = balanced(todo, {"gff"})
    assert [cell.methods for cell in ordered[:4]] == [("ir", "average"), ("gff",)] * 2
    by_pair = [cell.pair.image for cell in ordered]
    assert by_pair == ["0"] * 6 + ["2"] * 6 + ["1"] * 6
    keys = [(cell.pair.image, cell.condition, name) for cell in ordered for name in cell.methods]
    assert sorted(keys) == sorted((cell.pair.image, cell.condition, name) for cell in todo for name in cell.methods)


def test_cells_of_their_own_give_the_same_rows(cells: tuple) -> None:
    setup, todo = cells
    results = [list(run_cells(those, setup, 1)) for those in (todo, balanced(todo, {"average"}))]
    rows = [sorted(row[:11] for result in of for row in result.rows) for of in results]
    assert rows[0] == rows[1]
    assert len(results[1]) == 2 * len(results[0])


def test_a_budget_ends_a_run_which_can_be_gone_on_with(
    small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    monkeypatch.setattr(flow.time, "monotonic", lambda: clock[0])
    original = flow.executor

    def slowly(name: str):
        def cells_one_by_one(*arguments):
            for result in original(name)(*arguments):
                clock[0] += 10.0
                yield result

        return cells_one_by_one

    monkeypatch.setattr(flow, "executor", slowly)
    caplog.set_level(logging.INFO, logger="bench")
    options = {"data_root": small_pairs, "out": tmp_path, "device": "cpu", "workers": 1}
    folder = run_benchmark(SUITE, Options(**options, budget=35.0))
    assert "under all conditions" in caplog.text
    assert "the budget is used up" in caplog.text
    done = folder.rows()[["image", "factor", "method"]].drop_duplicates()
    assert len(done) == 4 * 3  # one whole pair, and a condition of the next
    assert set(done["image"]) == {"0", "2"}
    complete = run_benchmark(SUITE, Options(**options)).rows()
    assert len(complete[["image", "factor", "method"]].drop_duplicates()) == 3 * 3 * 3
    pd.testing.assert_frame_equal(
        complete.merge(folder.rows()[["image", "factor", "method", "metric", "reference"]]), folder.rows()
    )


def test_a_duration_that_is_none_is_refused(capsys: pytest.CaptureFixture) -> None:
    for text in ("2", "h", "0s", "1h-2m", "two hours"):
        assert main(["--budget", text]) == 2
        assert "such as 2h, 90m or 1h30m" in capsys.readouterr().err


def test_the_first_result_is_stored_at_once(small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a method that takes long has given anything."""
    monkeypatch.setattr(flow, "CALLS_WORTH_A_FORECAST", 1)
    monkeypatch.setattr("bench.run.forecast.Forecast.dear", lambda self, cells: frozenset({"gff"}))
    seen = []
    prepared = METHODS["gff"].load({}, torch.device("cpu"))

    def slow(*images: torch.Tensor) -> torch.Tensor:
        seen.append(len(list(tmp_path.rglob("rows/*.parquet"))))
        time.sleep(0.01)
        return prepared(*images)

    monkeypatch.setattr("bench.cell.sources.prepare", _with(slow))
    run_benchmark(SUITE, Options(data_root=small_pairs, out=tmp_path, device="cpu", workers=1))
    in_the_run = seen[-9:]
    assert in_the_run[0] == 1


def _with(slow):
    from fusion.method import prepare

    def prepare_slowly(method, *arguments):
        if method.name == "gff":
            method = replace(method, load=lambda paths, device: slow)
        return prepare(method, *arguments)

    return prepare_slowly
