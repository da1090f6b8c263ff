"""Speed and memory of what a run does on a device, against what the device can do.

Medians of repeated calls at 1024×768, with the device waited for. The bound of a call is the longer of two times: its
products (counted as carried out) at the rate of a large product in the same precision, and its inputs and outputs once
through memory at the rate of a large copy. A call far above its bound is held up by something else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.metrics import PRESETS, evaluate, plane_of
from degradation.batched import degrade_batch, draw
from degradation.random_model import PAPER
from detectors.backends.letterbox import letterbox_levels
from fusion.method import METHODS, prepare
from tsdm_bench.device import compute_in_float32, wait_for
from tsdm_bench.tensors import to_levels
from tsdm_bench.weights.location import locate

SIZE, SMALL = (768, 1024), (96, 128)
METHOD_NAMES = ("tsdm_student", "tsdm_student_bf16", "tsdm_teacher", "tsdm_lite", "gff", "laplacian_pyramid")
BATCHES = (1, 4)
REPEATS, ENOUGH_SECONDS = 20, 3.0
GOALS_MS = {"tsdm_student_bf16 × 1": 25.0, "core metrics, both references × 1": 8.0}
"""What the harness sets out to reach on one H100 or H200; a goal, not a measurement."""


@dataclass(frozen=True)
class Peaks:
    """What the device was measured to do."""

    flops: dict[str, float]
    bytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--small", action="store_true", help="at 128×96, for a rehearsal")
    args = parser.parse_args()
    device = torch.device(args.device)
    compute_in_float32()
    peaks = measured_peaks(device, small=args.small)
    rows = [{"call": f"peak {kind}", "ms": "", "bound ms": "", "peak GB": "", "goal ms": "", "rate": f"{rate:.3g}"}
            for kind, rate in (*peaks.flops.items(), ("bytes/s", peaks.bytes))]  # fmt: skip
    args.out.write_text(json.dumps(rows))
    for name, precision, call, moved in calls(device, SMALL if args.small else SIZE, args.small):
        try:
            rows.append(row(name, call, moved, peaks.flops[precision], peaks.bytes, device))
        except torch.OutOfMemoryError as error:
            rows.append(dict.fromkeys(rows[0], "") | {"call": name, "rate": f"no room: {str(error)[:60]}"})
        print(rows[-1], flush=True)
        args.out.write_text(json.dumps(rows))  # what is measured is kept, whatever comes


def calls(device: torch.device, size: tuple[int, int], small: bool):
    """(name, precision, call, bytes that have to move) of everything that is measured."""
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES[:1] if small else BATCHES:
        ir, vis = (torch.rand(batch, channels, *size, generator=generator).to(device) for channels in (1, 3))
        moved = 4 * (ir.numel() + 2 * vis.numel())
        for name in METHOD_NAMES:
            method = METHODS[name]
            try:
                weights = {file.name: locate(file, None) for file in method.weights}
            except FileNotFoundError:
                continue
            fuse = prepare(method, weights, device)
            precision = "bfloat16" if name.endswith("bf16") else "float32"
            yield f"{name} × {batch}", precision, (lambda fuse=fuse, ir=ir, vis=vis: fuse(ir, vis)), moved
        levels = to_levels(vis)
        yield (f"core metrics, both references × {batch}", "float32", _metrics(ir, vis, levels), 5 * moved)
        place = lambda levels=levels: letterbox_levels(levels, (640, 640), "centre", 32)  # noqa: E731
        yield f"letterbox × {batch}", "float32", place, levels.numel() * 5
        yield f"degradation × {batch}", "float32", _degradation(levels, size, device), 5 * levels.numel()


def _metrics(ir: Tensor, vis: Tensor, levels: Tensor) -> Callable[[], object]:
    """The statistics of the sources are remembered from call to call, as they are within a cell."""
    clean, seen = ([plane_of(image) for image in (ir, vis)] for _ in range(2))
    return lambda: [evaluate(PRESETS["core"], *sources, plane_of(levels)) for sources in (clean, seen)]


def _degradation(levels: Tensor, size: tuple[int, int], device: torch.device) -> Callable[[], object]:
    import numpy as np
    from torch.utils.data import default_collate

    draws = default_collate([draw("vis", size, np.random.default_rng(i), PAPER) for i in range(len(levels))])
    there = {name: value.to(device) for name, value in draws.items()}
    return lambda: degrade_batch(levels, there)


@torch.inference_mode()
def row(
    name: str, call: Callable[[], object], moved: int, flops_a_second: float, bytes_a_second: float,
    device: torch.device,
) -> dict:  # fmt: skip
    call()
    with FlopCounterMode(display=False) as counter:
        call()
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    times: list[float] = []
    while len(times) < 3 or (len(times) < REPEATS and sum(times) < ENOUGH_SECONDS):
        times.append(seconds(call, device))
    bound = max(counter.get_total_flops() / flops_a_second, moved / bytes_a_second)
    return {
        "call": name,
        "ms": round(1e3 * statistics.median(times), 3),
        "bound ms": round(1e3 * bound, 3),
        "peak GB": round(torch.cuda.max_memory_allocated(device) / 1e9, 2) if cuda else "",
        "goal ms": GOALS_MS.get(name, ""),
        "rate": f"{counter.get_total_flops() / statistics.median(times):.3g} flop/s",
    }


def seconds(call: Callable[[], object], device: torch.device) -> float:
    wait_for(device)
    started = time.perf_counter()
    call()
    wait_for(device)
    return time.perf_counter() - started


def measured_peaks(device: torch.device, small: bool) -> Peaks:
    """By a large product in each precision, and a large copy."""
    side, length = (512, 2**22) if small else (8192, 2**28)
    flops = {}
    for kind in (torch.float32, torch.bfloat16):
        square = torch.rand(side, side, device=device).to(kind)
        square @ square
        flops[str(kind).removeprefix("torch.")] = (
            2 * side**3 / min(seconds(lambda square=square: square @ square, device) for _ in range(5))
        )
    here, there = torch.zeros(2, length, device=device)
    return Peaks(flops, 2 * here.nbytes / min(seconds(lambda: there.copy_(here), device) for _ in range(5)))


if __name__ == "__main__":
    main()
