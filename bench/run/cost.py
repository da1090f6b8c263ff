"""What a method costs: parameters, floating-point operations, and measured seconds per megapixel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from fusion.method import Fuse, Method, prepare
from tsdm_bench.files import write_atomically

SIZE = (480, 640)
"""Height and width of the pair that is fused, unless another size is asked for."""
WARM_UP_SIZE = (96, 128)
CAP_SECONDS = 2.0
"""Runs are repeated until they have taken this long together: a slow method runs once."""
REPEATS = 5
MEGA, GIGA = 1e6, 1e9
TABLE = Path("tables", "efficiency.csv")
"""Where a run folder keeps what was measured."""
KEY = ["method", "version", "height", "width", "device"]
MEASURED = ["gflops_per_megapixel", "seconds_per_megapixel", "threads"]
COLUMNS = [*KEY, "parameters", *MEASURED, "problem"]


def efficiency_table(
    methods: Iterable[Method],
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device | str = "cpu",
    size: tuple[int, int] = SIZE,
    cache: Path | None = None,
) -> pd.DataFrame:
    """One row per method with :data:`COLUMNS`, measured one after the other on one pair of ``size`` (height, width).

    ``cache`` is a CSV file: rows that it holds for the same :data:`KEY` are taken from it, new ones are added to it. A
    method that cannot be measured (it fails, or its results were computed elsewhere) has a row that names the problem
    and is tried again the next time.
    """
    device = torch.device(device)
    known = _read(cache)
    rows = []
    for method in methods:
        key = dict(zip(KEY, (method.name, method.version, *size, device_name(device)), strict=True))
        row = known.get(tuple(key.values()))
        if row is None:
            row = key | {"parameters": _parameters(method)} | _measured(method, weights_of, device, size)
            if cache is not None and not row["problem"]:
                known[tuple(key.values())] = row
                write_atomically(cache, lambda path: _frame(known.values()).to_csv(path, index=False))
        rows.append(row)
    return _frame(rows)


def write_efficiency(
    folder: Path,
    methods: Iterable[Method],
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device | str,
) -> None:
    """Measure those methods of a run folder that its table lacks."""
    efficiency_table(methods, weights_of, device, cache=folder / TABLE)


def read_efficiency(folder: Path) -> pd.DataFrame:
    """The table of a run folder; empty where nothing was measured."""
    return _frame(_read(folder / TABLE).values())


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _read(cache: Path | None) -> dict[tuple, dict]:
    """The rows of a table on disk by their key; none where there is no table or one of other columns."""
    if cache is None or not cache.is_file():
        return {}
    table = pd.read_csv(cache, dtype={"version": str, "problem": str}, keep_default_na=True)
    if list(table.columns) != COLUMNS:
        return {}
    return {tuple(row[name] for name in KEY): row for row in table.fillna({"problem": ""}).to_dict("records")}


def _frame(rows: Iterable[dict]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS).astype({"parameters": "Int64", "threads": "Int64"})


def _parameters(method: Method) -> int | None:
    """None where nobody counted them: a user's own method."""
    return None if method.kind == "external" and not method.parameters else method.parameters


def _measured(
    method: Method, weights_of: Callable[[Method], dict[str, Path]], device: torch.device, size: tuple[int, int]
) -> dict:
    """What :func:`measure` finds, or empty fields and the problem."""
    if method.keyed:
        return {"problem": "computed elsewhere"}
    try:
        return measure(prepare(method, weights_of(method), device), device, size) | {"problem": ""}
    except Exception as error:  # a method may fail in any way
        return {"problem": f"{type(error).__name__}: {error}"}


def measure(
    fuse: Fuse, device: torch.device | str = "cpu", size: tuple[int, int] = SIZE, cap: float = CAP_SECONDS
) -> dict[str, float | int]:
    """Operations and seconds per megapixel of one prepared method on ``device``, colour conversion included.

    A small pair warms up, then a run on a pair of ``size`` counts the operations. It is also the time of a method that
    takes longer than ``cap`` seconds; of others the best of further runs is, the device synchronised. A
    multiplication and an addition are two operations; only convolutions and matrix products of torch are counted, as
    carried out, and NaN stands for a method that has none (numpy, OpenCV or another process).
    """
    device = torch.device(device)
    fuse(*_pair(WARM_UP_SIZE, device))
    ir, vis = _pair(size, device)
    with FlopCounterMode(display=False) as counter:
        seconds = [_seconds(fuse, ir, vis, device)]
    while sum(seconds) < cap and len(seconds) <= REPEATS:
        seconds.append(_seconds(fuse, ir, vis, device))
    megapixels = ir.numel() / MEGA
    return {
        "gflops_per_megapixel": (counter.get_total_flops() or float("nan")) / GIGA / megapixels,
        "seconds_per_megapixel": min(seconds[1:] or seconds) / megapixels,
        "threads": torch.get_num_threads(),
    }


def _pair(size: tuple[int, int], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The same random infrared and visible image each time."""
    generator = torch.Generator().manual_seed(0)
    ir, vis = (torch.rand(1, channels, *size, generator=generator).to(device) for channels in (1, 3))
    return ir, vis


def _seconds(fuse: Fuse, ir: torch.Tensor, vis: torch.Tensor, device: torch.device) -> float:
    _synchronise(device)
    start = time.perf_counter()
    fuse(ir, vis)
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
