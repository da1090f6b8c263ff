"""Operations counted by hand against those that are counted, and seconds against a known pause."""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F

from bench.report.efficiency import COLUMNS, efficiency_table, measure
from fusion.method import Method

HEIGHT, WIDTH = 40, 50
MEGAPIXELS = HEIGHT * WIDTH / 1e6


def method(fuse, **facts) -> Method:
    card = {"name": "m", "title": "M", "kind": "learned", "description": "", "source": "", "load": lambda *_: fuse}
    return Method(**card | facts)


def test_operations_of_convolutions_and_matrix_products():
    kernel, matrix = torch.rand(1, 1, 3, 3), torch.rand(WIDTH, WIDTH)

    def fuse(ir, vis):
        with torch.inference_mode():
            return F.conv2d(ir, kernel, padding=1).matmul(matrix)

    counted = measure(fuse, repeats=1, height=HEIGHT, width=WIDTH)["gflops_per_megapixel"]
    by_hand = 2 * 9 * HEIGHT * WIDTH + 2 * HEIGHT * WIDTH * WIDTH
    assert math.isclose(counted, by_hand / 1e9 / MEGAPIXELS, rel_tol=1e-9)


def test_no_operations_are_not_zero_operations():
    assert math.isnan(measure(lambda ir, vis: vis, repeats=1, height=HEIGHT, width=WIDTH)["gflops_per_megapixel"])


def test_seconds_per_megapixel():
    pause = 0.02
    measured = measure(lambda ir, vis: time.sleep(pause), height=HEIGHT, width=WIDTH)["seconds_per_megapixel"]
    assert pause <= measured * MEGAPIXELS < 5 * pause


def test_table_has_a_row_per_method_that_runs_here():
    methods = [
        method(lambda ir, vis: vis, name="copy", parameters=3),
        method(lambda ir, vis, key: vis, name="elsewhere", keyed=True),
    ]
    table = efficiency_table(methods, lambda method: {}, repeats=1)
    assert list(table.columns) == list(COLUMNS)
    assert list(table.method) == ["copy"]
    assert table.parameters[0] == 3
    assert table.device[0] == "cpu"
