"""What a method costs: parameters, floating-point operations, and measured seconds per megapixel."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import pandas as pd
import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.cell.isolation import untouched_process
from bench.executors.pool import Died, available_cores, map_unordered
from bench.run.cost_table import KEY, TABLE, as_costs, read_rows
from bench.run.identities import file_hash
from bench.run.record import digest
from fusion.method import Fuse, Method, prepare
from tsdm_bench.device import compute_in_float32, wait_for
from tsdm_bench.errors import one_line
from tsdm_bench.files import write_csv

log = logging.getLogger(__name__)
SIZE = (480, 640)
"""Height and width of the pair that is fused, unless another size is asked for."""
WARM_UP_SIZE = (96, 128)
FEWEST, MOST = 3, 20
"""Measured runs, whatever they take and however short they are."""
ENOUGH_SECONDS = 1.0
"""Runs are repeated until they have taken this long together."""
BUSY = 0.25
"""Share of the processor that other work may take: above it nothing is measured."""
LOOK_SECONDS = 0.3
MEGA, GIGA = 1e6, 1e9
ELSEWHERE = "computed elsewhere"


def efficiency_table(
    methods: Iterable[Method],
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device | str = "cpu",
    size: tuple[int, int] = SIZE,
    cache: Path | None = None,
) -> pd.DataFrame:
    """One row per method with the columns of :mod:`bench.run.cost_table`, measured one after the other on one pair of
    ``size`` (height, width).

    ``cache`` is a CSV file: rows that it holds for the same key are taken from it, new ones are added to it. A method
    that cannot be measured (it fails, or its results were computed elsewhere) has a row that names the problem and is
    tried again the next time.
    """
    device = torch.device(device)
    known = read_rows(cache)
    rows = []
    threads = available_cores()
    for method in methods:
        code = digest([file_hash(path) for path in method.code]) if method.code else ""
        key = dict(zip(KEY, (method.name, method.version, code, *size, device_name(device), threads), strict=True))
        row = known.get(tuple(key.values()))
        if row is None:
            row = key | {"parameters": _parameters(method)} | _measured(method, weights_of, device, size, threads)
            if cache is not None and not row["problem"]:
                known[tuple(key.values())] = row
                write_csv(cache, as_costs(known.values()))
        rows.append(row)
    return as_costs(rows).fillna({"problem": ""})


def write_costs(
    folder: Path,
    methods: Iterable[Method],
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device | str,
) -> None:
    """Measure those methods of a run folder that its table lacks."""
    table = efficiency_table(methods, weights_of, device, cache=folder / TABLE)
    for problem, names in table.groupby("problem")["method"]:
        if problem not in ("", ELSEWHERE):
            log.warning("cost of %s: %s", ", ".join(names), problem)


def device_name(device: torch.device) -> str:
    """Name of a GPU, or the kind of the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _parameters(method: Method) -> int | None:
    """None where nobody counted them: a user's own method."""
    return None if method.kind == "external" and not method.parameters else method.parameters


def _measured(
    method: Method,
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device,
    size: tuple[int, int],
    threads: int,
) -> dict:
    """What :func:`measure` finds, or empty fields and the problem."""
    if method.keyed:
        return {"problem": ELSEWHERE}
    if method.knows_condition:
        return {"problem": "its cost depends on the condition, which it is told"}
    if busy() > BUSY:
        return {"problem": f"not measured: other work takes over {BUSY:.0%} of this machine; repeat when idle"}
    try:
        task = _Task(method, weights_of(method), device, size, threads)
    except Exception as error:
        return {"problem": one_line(error)}
    if method.kind != "external":
        return _measure_safely(task)
    ((_, found),) = map_unordered(_measure_safely, [task], 1)  # code that may end its process
    return {"problem": "its process ended"} if isinstance(found, Died) else found


class _Task(NamedTuple):
    method: Method
    weights: dict[str, Path]
    device: torch.device
    size: tuple[int, int]
    threads: int


def _measure_safely(task: _Task) -> dict:
    try:
        with untouched_process():
            torch.set_num_threads(task.threads)
            cv2.setNumThreads(task.threads)
            compute_in_float32()
            fuse = prepare(task.method, task.weights, task.device)
            return measure(fuse, task.device, task.size) | {"problem": ""}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a method may fail in any way
        return {"problem": one_line(error)}


def busy() -> float:
    """The share of all processor cores that is at work while this process waits, 0 to 1."""
    return psutil.cpu_percent(interval=LOOK_SECONDS) / 100


def measure(
    fuse: Fuse, device: torch.device | str = "cpu", size: tuple[int, int] = SIZE, enough: float = ENOUGH_SECONDS
) -> dict[str, float | int]:
    """Operations and seconds per megapixel of one prepared method on ``device``, colour conversion included.

    A small pair and one of ``size`` warm up; the latter run counts the operations. Then come :data:`FEWEST` runs or
    more, until they took ``enough`` seconds together, at most :data:`MOST`: their median, least and greatest, with the
    device synchronised. A multiplication and an addition are two operations; only convolutions and matrix products of
    torch are counted, as carried out, and NaN stands for a method that has none (numpy, OpenCV or another process).
    """
    device = torch.device(device)
    fuse(*_pair(WARM_UP_SIZE, device))
    ir, vis = _pair(size, device)
    with FlopCounterMode(display=False) as counter:
        _seconds(fuse, ir, vis, device)
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < enough and len(seconds) < MOST):
        seconds.append(_seconds(fuse, ir, vis, device))
    megapixels = ir.numel() / MEGA
    return {
        "gflops_per_megapixel": (counter.get_total_flops() or float("nan")) / GIGA / megapixels,
        "seconds_per_megapixel": statistics.median(seconds) / megapixels,
        "fastest": min(seconds) / megapixels,
        "slowest": max(seconds) / megapixels,
        "repeats": len(seconds),
    }


def _pair(size: tuple[int, int], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The same random infrared and visible image each time."""
    generator = torch.Generator().manual_seed(0)
    ir, vis = (torch.rand(1, channels, *size, generator=generator).to(device) for channels in (1, 3))
    return ir, vis


def _seconds(fuse: Fuse, ir: torch.Tensor, vis: torch.Tensor, device: torch.device) -> float:
    wait_for(device)
    start = time.perf_counter()
    fuse(ir, vis)
    wait_for(device)
    return time.perf_counter() - start
