"""Whole cells on a device: in batches, and where the device has no room."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.cell.rows import CellResult
from bench.cell.setup import Setup
from bench.cell.sources import Bench
from bench.executors.local import run_cells, run_in_batches
from bench.metrics import PRESETS
from bench.plan import plan, select_pairs
from bench.run.resolve import Options, resolve
from bench.suite import Suite
from detectors.backends.conventions import ULTRALYTICS
from detectors.backends.network import Network

METHOD_NAMES = ("ir", "vis", "average", "laplacian_pyramid", "gff", "tsdm_lite")
SUITE = Suite(
    name="small", dataset="folder", methods=METHOD_NAMES, factors=("noise_gray", "tsdm"), severities=(0, 3),
    metrics=PRESETS["core"],
)  # fmt: skip


@pytest.fixture(scope="module")
def small(small_pairs: Path) -> SimpleNamespace:
    run = resolve(SUITE, Options(data_root=small_pairs, device="cpu"))
    return SimpleNamespace(setup=run.setup, cells=plan(run.setup.suite, run.pairs))


@pytest.fixture(scope="module")
def on_the_cpu(small: SimpleNamespace) -> list[CellResult]:
    return list(run_cells(small.cells, small.setup, 1))


def differences(results: list[CellResult], expected: list[CellResult], batched: bool = True) -> list[tuple]:
    """Rows that are not alike, and failures. In a batch a network rounds otherwise, which may turn a grey level."""
    ours, theirs = ([row for result in of for row in result.rows] for of in (results, expected))
    assert [row[:10] for row in ours] == [row[:10] for row in theirs]
    apart = [
        (*row[3:10], row.value, other.value)
        for row, other in zip(ours, theirs, strict=True)
        if not math.isclose(row.value, other.value, **tolerances(row.method if batched else ""))
    ]
    return apart + [failure for result in results for failure in result.failures]


def tolerances(method: str) -> dict[str, float]:
    return dict.fromkeys(("rel_tol", "abs_tol"), 1e-3 if method == "tsdm_lite" else 1e-5)


def setup_on(device: torch.device, setup: Setup, batch: int) -> Setup:
    return dataclasses.replace(setup, device=device.type, batch=batch)


@pytest.mark.parametrize("batch", [1, 5])
def test_cells_on_a_device_give_the_rows_of_the_cpu(
    batch: int, device: torch.device, small: SimpleNamespace, on_the_cpu: list[CellResult]
) -> None:
    results = list(run_cells(small.cells, setup_on(device, small.setup, batch), 1))
    assert len(results) == len(small.cells) == 3 * 3
    assert differences(results, on_the_cpu) == []


@pytest.mark.parametrize("batch", [2, 16])
def test_the_size_of_batches_changes_no_row(batch: int, small: SimpleNamespace, on_the_cpu: list[CellResult]) -> None:
    results = list(run_cells(small.cells, dataclasses.replace(small.setup, batch=batch), 1))
    assert differences(results, on_the_cpu, batched=False) == []


class _Narrow:
    """A method that takes ``room`` images at once, and notes how many it was given."""

    def __init__(self, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        self.room, self.error, self.given = room, error, []

    def __call__(self, ir: torch.Tensor, vis: torch.Tensor, key: object = None) -> torch.Tensor:
        self.given.append(len(ir))
        if len(ir) > self.room:
            raise self.error("no room")
        return vis


@pytest.mark.parametrize("room", [1, 3])
def test_a_batch_that_finds_no_room_is_halved_and_so_are_the_next(
    room: int, device: torch.device, small: SimpleNamespace, on_the_cpu: list[CellResult]
) -> None:
    bench = Bench(setup_on(device, small.setup, 8))
    narrow, original = _Narrow(room), bench._load
    bench.fuse_of = lambda name: narrow if name == "vis" else original(name)
    results = list(run_in_batches(small.cells, bench))
    assert differences(results, on_the_cpu) == []
    fits = 2 if room == 3 else 1
    assert narrow.given[:3] == [8, 4, 2]
    assert all(given <= fits for given in narrow.given[4:])  # once it is known, nothing larger is tried
    assert bench.most_together == {"vis": fits}


def test_no_room_for_a_single_image_is_a_failure_of_that_method_alone(
    device: torch.device, small: SimpleNamespace
) -> None:
    bench = Bench(setup_on(device, small.setup, 2))
    original = bench._load
    bench.fuse_of = lambda name: _Narrow(0) if name == "vis" else original(name)
    results = list(run_in_batches(small.cells[:3], bench))
    assert [failure.method for result in results for failure in result.failures] == ["vis"] * 3
    assert all({row.method for row in result.rows} == set(METHOD_NAMES) - {"vis"} for result in results)


def test_one_image_that_fails_takes_no_other_of_its_batch_with_it(device: torch.device, small: SimpleNamespace) -> None:
    bench = Bench(setup_on(device, small.setup, 4))
    original = bench._load

    def picky(ir: torch.Tensor, vis: torch.Tensor, key: object = None) -> torch.Tensor:
        if any(image.mean() == brightest for image in vis):
            return vis / 0
        return vis

    seen = [bench.sources([bench.inputs(cell)])[1].vis.mean() for cell in small.cells[:4]]
    brightest = max(seen)
    bench.fuse_of = lambda name: picky if name == "vis" else original(name)
    results = list(run_in_batches(small.cells[:4], bench))
    failed = [i for i, result in enumerate(results) if result.failures]
    assert failed == [seen.index(brightest)]
    assert "not finite" in results[failed[0]].failures[0].error
    assert all(
        len({row.method for row in result.rows}) == len(METHOD_NAMES) - (i in failed)
        for i, result in enumerate(results)
    )


def test_detection_of_a_batch_is_that_of_its_images(
    device: torch.device, small: SimpleNamespace, small_pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a network of our own that finds the brightest place of each image, where the images lie."""

    def run(batch: torch.Tensor) -> list[torch.Tensor]:
        blurred = torch.nn.functional.avg_pool2d(batch.mean(1, keepdim=True), 8)
        score = blurred.flatten(1)[:, None]
        index = torch.arange(score.shape[-1], device=batch.device)
        y, x = index // blurred.shape[-1], index % blurred.shape[-1]
        boxes = torch.stack([x * 8 + 4, y * 8 + 4, 0 * x + 16, 0 * y + 16])[None].expand(len(batch), -1, -1)
        return list(torch.cat([boxes, score], dim=1))

    network = Network({0: "car"}, ULTRALYTICS, run, (64, 64), 32, batched=True, on_device=True)
    monkeypatch.setattr("detectors.detector.open_onnx", lambda path, **settings: network)
    found = []
    suite = SUITE.model_copy(update={"detector": {"weights": ["yolov5p_synthetic.onnx"], "image_size": 64}})
    suite = Suite(**suite.model_dump() | {"name": "detect", "methods": ("vis", "average")})
    _, pairs = select_pairs(suite, small_pairs)
    setup = dataclasses.replace(small.setup, suite=suite, classes=("Car",))
    for each in (setup, setup_on(device, setup, 4)):
        results = list(run_cells(plan(suite, pairs), each, 1))
        assert not [failure for result in results for failure in result.failures]
        found.append([row for result in results for row in result.detections])
    assert len(found[0]) > 100
    assert [row[:8] for row in found[0]] == [row[:8] for row in found[1]]
    assert [row[8:] for row in found[0]] == [pytest.approx(row[8:], rel=1e-4, abs=1e-3) for row in found[1]]
