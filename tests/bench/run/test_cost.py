"""Operations counted by hand against those that are counted, and seconds against a known pause."""

from __future__ import annotations

import json
import math
import time

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from bench.cli import main
from bench.methods import find_method
from bench.run.cost import FEWEST, MOST, efficiency_table, measure, write_costs
from bench.run.cost_table import COLUMNS
from fusion.method import Method

SIZE = HEIGHT, WIDTH = 40, 50
MEGAPIXELS = HEIGHT * WIDTH / 1e6


def method(fuse, **facts) -> Method:
    card = {"name": "m", "title": "M", "kind": "learned", "description": "", "source": "", "load": lambda *_: fuse}
    return Method(**card | facts)


def table_of(*methods: Method, **options) -> pd.DataFrame:
    return efficiency_table(methods, lambda method: {}, size=SIZE, **options)


def test_operations_of_convolutions_and_matrix_products():
    kernel, matrix = torch.rand(1, 1, 3, 3), torch.rand(WIDTH, WIDTH)

    def fuse(ir, vis):
        with torch.inference_mode():
            return F.conv2d(ir[..., :WIDTH], kernel, padding=1)[..., :WIDTH].matmul(matrix[: min(WIDTH, ir.shape[-1])])

    counted = measure(fuse, size=SIZE)["gflops_per_megapixel"]
    by_hand = 2 * 9 * HEIGHT * WIDTH + 2 * HEIGHT * WIDTH * WIDTH
    assert math.isclose(counted, by_hand / 1e9 / MEGAPIXELS, rel_tol=1e-9)


def test_no_operations_are_not_zero_operations():
    assert math.isnan(measure(lambda ir, vis: vis, size=SIZE)["gflops_per_megapixel"])


def test_seconds_per_megapixel():
    pause = 0.02
    measured = measure(lambda ir, vis: time.sleep(pause), size=SIZE)["seconds_per_megapixel"]
    assert pause <= measured * MEGAPIXELS < 5 * pause


@pytest.mark.parametrize(("enough", "runs"), [(0.0, FEWEST), (60.0, MOST)])
def test_a_slow_method_is_measured_three_times_after_warming_up(enough, runs):
    shapes = []
    measured = measure(lambda ir, vis: shapes.append(ir.shape[-2:]), size=SIZE, enough=enough)
    assert shapes[1:] == [SIZE] * (1 + runs)  # before that a small pair
    assert measured["repeats"] == runs


def test_the_median_stands_between_the_fastest_and_the_slowest_run():
    pauses = iter([0.0, 0.0, 0.01, 0.03, 0.02])
    measured = measure(lambda ir, vis: time.sleep(next(pauses)), size=SIZE, enough=0.0)
    times = [measured[name] * MEGAPIXELS for name in ("fastest", "seconds_per_megapixel", "slowest")]
    assert times == sorted(times)
    assert 0.02 <= times[1] < 0.03


def test_nothing_is_measured_beside_other_work(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr("bench.run.cost.busy", lambda: 0.6)
    cache = tmp_path / "tables/efficiency.csv"
    write_costs(tmp_path, [method(lambda ir, vis: vis)], lambda method: {}, "cpu")
    assert "cost of m: not measured: other work takes over 25% of this machine; repeat when idle" in caplog.text
    assert not cache.exists()


def test_another_code_behind_one_name_is_measured_again(tmp_path):
    own = tmp_path / "own.py"
    for text in ("a", "b"):
        own.write_text(f"# {text}\n")
        table_of(method(lambda ir, vis: vis, code=(own,)), cache=tmp_path / "efficiency.csv")
    assert len(pd.read_csv(tmp_path / "efficiency.csv")) == 2


@pytest.mark.parametrize("content", ["", "method\n\0", "method,version\n1,2,3,4\n5\n"])
def test_a_damaged_table_is_made_anew(tmp_path, content):
    cache = tmp_path / "efficiency.csv"
    cache.write_text(content)
    table_of(method(lambda ir, vis: vis), cache=cache)
    assert len(pd.read_csv(cache)) == 1


def test_a_method_of_ones_own_that_ends_its_process_does_not_end_the_run(tmp_path):
    own = tmp_path / "leaving.py"
    own.write_text("import os\n\ndef fuse(ir, vis):\n    os._exit(0)\n")
    table = efficiency_table([find_method(f"{own}:fuse")], lambda method: {}, size=SIZE)
    assert table["problem"].tolist() == ["its process ended"]


def test_every_method_has_a_row_whatever_it_is():
    def fail(ir, vis):
        raise RuntimeError("out of order")

    table = table_of(
        method(lambda ir, vis: vis, name="copy", parameters=3),
        method(lambda ir, vis, key: vis, name="elsewhere", keyed=True),
        method(fail, name="failing"),
    ).set_index("method")
    assert [*table.index.names, *table.columns] == COLUMNS
    assert table.loc["copy", "parameters"] == 3
    assert list(table["seconds_per_megapixel"].notna()) == [True, False, False]
    assert list(table["problem"]) == ["", "computed elsewhere", "RuntimeError: out of order"]
    assert set(table["device"]) == {"cpu"}


def test_what_was_measured_is_not_measured_again(tmp_path):
    calls = []

    def count(ir, vis):
        calls.append(ir.shape)
        return vis

    cache = tmp_path / "efficiency.csv"
    first = table_of(method(count, version="1"), cache=cache)
    done = len(calls)
    pd.testing.assert_frame_equal(table_of(method(count, version="1"), cache=cache), first)
    assert len(calls) == done
    table_of(method(count, version="2"), cache=cache)
    efficiency_table([method(count)], lambda method: {}, size=(30, 20), cache=cache)
    assert len(calls) > done
    assert len(pd.read_csv(cache)) == 3


def test_a_failure_is_not_remembered_and_a_foreign_file_is_replaced(tmp_path):
    cache = tmp_path / "efficiency.csv"
    cache.write_text("something,else\n1,2\n")
    answers = [RuntimeError("not yet"), None]

    def fuse(ir, vis):
        if answers and (answer := answers.pop(0)):
            raise answer
        return vis

    assert table_of(method(fuse), cache=cache)["problem"][0] == "RuntimeError: not yet"
    assert table_of(method(fuse), cache=cache)["problem"][0] == ""
    assert pd.read_csv(cache)["method"].to_list() == ["m"]


def test_at_the_command_line(tmp_path, capsys):
    own = tmp_path / "own_fusion.py"
    own.write_text("def fuse(ir, vis):\n    return (ir + vis) / 2\n")
    file = tmp_path / "efficiency.csv"
    arguments = ["list", "methods", "--efficiency", "--methods", f"source,gff,{own}:fuse", "--size", "80x60"]
    arguments += ["--device", "cpu", "--csv", str(file)]
    assert main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in rows] == ["ir", "vis", "gff", "fuse"]
    assert [row["parameters"] for row in rows] == [0, 0, 0, None]
    assert all(row["s/MP"] > 0 and (row["height"], row["width"]) == (60, 80) for row in rows)
    measured = file.read_text()
    assert main(arguments) == 0
    assert "gff" in capsys.readouterr().out
    assert file.read_text() == measured


@pytest.mark.parametrize("size", ["640", "0x480", "640x480x3", "axb"])
def test_a_size_is_width_times_height(size, capsys):
    assert main(["list", "methods", "--efficiency", "--size", size]) == 2
    assert "expected width and height such as 640x480" in capsys.readouterr().err


def test_only_methods_have_an_efficiency(capsys):
    assert main(["list", "metrics", "--efficiency"]) == 2
    assert "--efficiency goes with `list methods`" in capsys.readouterr().err
