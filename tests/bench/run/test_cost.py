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
from bench.run.cost import COLUMNS, REPEATS, efficiency_table, measure
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


@pytest.mark.parametrize(("cap", "runs"), [(0.0, 1), (60.0, 1 + REPEATS)])
def test_a_slow_method_runs_once_at_full_size(cap, runs):
    shapes = []
    measure(lambda ir, vis: shapes.append(ir.shape[-2:]), size=SIZE, cap=cap)
    assert shapes[1:] == [SIZE] * runs  # the first one, on a small pair, warms up


def test_every_method_has_a_row_whatever_it_is():
    def fail(ir, vis):
        raise RuntimeError("out of order")

    table = table_of(
        method(lambda ir, vis: vis, name="copy", parameters=3),
        method(lambda ir, vis: vis, name="own", kind="external"),
        method(lambda ir, vis, key: vis, name="elsewhere", keyed=True),
        method(fail, name="failing"),
    ).set_index("method")
    assert [*table.index.names, *table.columns] == COLUMNS
    assert table.loc["copy", "parameters"] == 3
    assert pd.isna(table.loc["own", "parameters"])
    assert list(table["seconds_per_megapixel"].notna()) == [True, True, False, False]
    assert list(table["problem"]) == ["", "", "computed elsewhere", "RuntimeError: out of order"]
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
    with pytest.raises(SystemExit):
        main(["list", "methods", "--efficiency", "--size", size])
    assert "expected width and height such as 640x480" in capsys.readouterr().err


def test_only_methods_have_an_efficiency(capsys):
    assert main(["list", "metrics", "--efficiency"]) == 2
    assert "--efficiency goes with `list methods`" in capsys.readouterr().err
