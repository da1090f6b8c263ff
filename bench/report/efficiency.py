"""What a method costs: parameters, floating-point operations, and measured seconds per megapixel."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from fusion.method import Fuse, Method, prepare

HEIGHT, WIDTH = 768, 1024
MEGA, GIGA = 1e6, 1e9
COLUMNS = ("method", "parameters", "gflops_per_megapixel", "seconds_per_megapixel", "device", "threads")


def efficiency_table(
    methods: Iterable[Method],
    weights_of: Callable[[Method], dict[str, Path]],
    device: torch.device | str = "cpu",
    repeats: int = 3,
) -> pd.DataFrame:
    """One row per method with :data:`COLUMNS`, measured one after the other on one 1024×768 pair.

    Keyed methods (results that were computed elsewhere) are left out: there is nothing to measure.
    """
    rows = [
        {"method": method.name, "parameters": method.parameters}
        | measure(prepare(method, weights_of(method), device), device, repeats)
        for method in methods
        if not method.keyed
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def measure(
    fuse: Fuse, device: torch.device | str = "cpu", repeats: int = 3, height: int = HEIGHT, width: int = WIDTH
) -> dict[str, float | str | int]:
    """Operations and seconds per megapixel of one prepared method on ``device``, colour conversion included.

    The first run counts the operations and warms up; the seconds are the median of ``repeats`` further ones, the
    device synchronised. A multiplication and an addition are two operations; only convolutions and matrix products
    are counted, as carried out, and NaN stands for a method that has none (numpy, OpenCV or another process).
    """
    device = torch.device(device)
    generator = torch.Generator().manual_seed(0)
    ir, vis = (torch.rand(1, channels, height, width, generator=generator).to(device) for channels in (1, 3))
    megapixels = height * width / MEGA
    with FlopCounterMode(display=False) as counter:
        fuse(ir, vis)
    seconds = [_seconds(fuse, ir, vis, device) for _ in range(repeats)]
    return {
        "gflops_per_megapixel": (counter.get_total_flops() or float("nan")) / GIGA / megapixels,
        "seconds_per_megapixel": statistics.median(seconds) / megapixels,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
    }


def _seconds(fuse: Fuse, ir: torch.Tensor, vis: torch.Tensor, device: torch.device) -> float:
    _synchronise(device)
    start = time.perf_counter()
    fuse(ir, vis)
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
