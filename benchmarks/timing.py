"""What the benchmarks share: interleaved medians, ratios against a budget, and the machine in words."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from tsdm_bench.compiled import state
from tsdm_bench.vectors import FEATURES

ENOUGH_SECONDS = 5.0
MOST_REPEATS = 41


@dataclass(frozen=True)
class Budget:
    """A call that has to be ``least`` times as fast as its plain form."""

    name: str
    plain: Callable[[], object]
    fast: Callable[[], object]
    least: float
    threads: int = 1


def one_thread() -> None:
    """The benchmarks compare work, not numbers of cores."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def medians(calls: list[Callable[[], object]], repeats: int, threads: int = 1) -> list[float]:
    """Median seconds of each call; the repeats are interleaved, so that all see the same machine. One round warms up.

    There are ``repeats`` rounds or more: short calls are repeated until all took :data:`ENOUGH_SECONDS` together.

    On one thread it is processor time that counts, which other processes disturb less; on several, wall time.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    while len(times[0]) < repeats or (sum(map(sum, times)) < ENOUGH_SECONDS and len(times[0]) < MOST_REPEATS):
        for call, each in zip(calls, times, strict=True):
            started = clock()
            call()
            each.append(clock() - started)
    return [statistics.median(each) for each in times]


def vectors() -> str:
    """The widest vectors of the processor: ``AVX-512``, ``AVX2`` or ``other``."""
    return "AVX-512" if "avx512f" in FEATURES else "AVX2" if "avx2" in FEATURES else "other"


def machine() -> str:
    """Processor, vectors, and what serves: one line at the head of every benchmark."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    bfloat16 = ", bfloat16" if "avx512bf16" in FEATURES else ""
    return f"{name} ({vectors()}{bfloat16}), {os.cpu_count()} cores, PyTorch {torch.__version__}, {state()}"


def check(budgets: list[Budget], repeats: int) -> bool:
    """Measure and print every ratio; whether all budgets are kept. Those that are not are named on stderr."""
    missed = []
    print(f"{'median':<40}{'plain ms':>10}{'ms':>10}{'ratio':>8}{'budget':>8}")
    for budget in budgets:
        torch.set_num_threads(budget.threads)
        plain, fast = medians([budget.plain, budget.fast], repeats, budget.threads)
        ratio = plain / fast
        print(f"{budget.name:<40}{1e3 * plain:>10.1f}{1e3 * fast:>10.1f}{ratio:>8.1f}{budget.least:>8g}", flush=True)
        if ratio < budget.least:
            missed.append(f"{budget.name}: {ratio:.1f} times as fast as the plain form, expected {budget.least:g}")
    for line in missed:
        print(f"budget missed: {line}", file=sys.stderr)
    return not missed
