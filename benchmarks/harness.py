"""What the harness costs beside the work itself: ``python -m benchmarks.harness``; status 1 where a budget is missed.

overhead   share of a run's computing that is spent outside reading, degrading, fusing, scoring and detecting, on pairs
           of 1024×768 in one process (budget 5 %)
memory     peak of a run of 1,000 small cells, as a multiple of that of 100 (budget 1.1)
time       processor seconds of a cell in the larger run, as a multiple of those in the smaller one (budget 1.25)
start      processor seconds from the command to the first stored result, with a method that takes long (budget 20)

Processor time, because other work on the machine takes none of it; of the start, the seconds of the clock are told too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
SIZE = (768, 1024)
BUDGETS = {"overhead": 0.05, "memory": 1.1, "time": 1.25, "start": 20.0}
STAGES = ("inputs", "sources", "fuse_seen", "score", "detect")
FACTORS = "[noise_gray, jpeg, gaussian_blur, contrast]"


def main() -> None:
    if sys.argv[1:2] == ["run"]:
        print(json.dumps(one_run(Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="tsdm-bench-harness-") as place:
        folder = Path(place)
        large = write_pairs(folder / "large", 1, SIZE)
        stages = measure(large, "[ir, average, laplacian_pyramid, gff]", "[0, 1, 3, 5]", "[core]")
        found["overhead"] = 1 - sum(stages["stages"].values()) / stages["loop"]
        print({name: round(seconds, 2) for name, seconds in stages["stages"].items()}, f"of {stages['loop']:.2f} s")
        few = measure(write_pairs(folder / "few", 5, (96, 128)), "[ir]", "[0, 1, 2, 3, 4, 5]", "[en, mse]")
        many = measure(write_pairs(folder / "many", 48, (96, 128)), "[ir]", "[0, 1, 2, 3, 4, 5]", "[en, mse]")
        print(f"{few['cells']} cells: {few['peak']:.0f} MB; {many['cells']} cells: {many['peak']:.0f} MB")
        found["memory"] = many["peak"] / few["peak"]
        found["time"] = (many["processor"] / many["cells"]) / (few["processor"] / few["cells"])
        found["start"], by_clock = seconds_to_first_result(large, folder / "out")
        print(f"first result: {found['start']:.1f} s of a processor, {by_clock:.1f} s by the clock")
    missed = [name for name, budget in BUDGETS.items() if found[name] > budget]
    for name, budget in BUDGETS.items():
        print(f"{name:<10}{found[name]:>8.3f}   budget {budget:g}")
    for name in missed:
        print(f"budget missed: {name} {found[name]:.3f}, expected at most {BUDGETS[name]:g}", file=sys.stderr)
    sys.exit(1 if missed else 0)


def write_pairs(root: Path, count: int, size: tuple[int, int]) -> Path:
    generator = np.random.default_rng(1)
    for name in ("ir", "vis"):
        (root / name).mkdir(parents=True)
    for index in range(count):
        for name, channels in (("ir", 1), ("vis", 3)):
            coarse = generator.integers(0, 256, (size[0] // 8, size[1] // 8, channels), np.uint8)
            cv2.imwrite(str(root / name / f"{index:03d}.png"), cv2.resize(coarse, size[::-1]))
    return root


def measure(pairs: Path, methods: str, severities: str, metrics: str) -> dict[str, Any]:
    """What :func:`one_run` finds, in a process of its own."""
    suite = pairs / "suite.yaml"
    suite.write_text(
        f"name: harness\ndataset: folder\nmethods: {methods}\nfactors: {FACTORS}\nseverities: {severities}\n"
        f"metrics: {metrics}\n"
    )
    command = [sys.executable, "-m", "benchmarks.harness", "run", str(suite), str(pairs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def one_run(suite: Path, pairs: Path) -> dict[str, Any]:
    """A run in this process, with the seconds of its stages, of all its cells, and the peak of its memory."""
    from bench.cell import work
    from bench.cell.sources import Bench
    from bench.run import flow
    from bench.run.resolve import Options
    from bench.suite import load_suite

    spent: Counter[str] = Counter()

    def timed(owner: Any, name: str) -> None:
        original: Callable = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            started = time.process_time()
            try:
                return original(*arguments)
            finally:
                spent[name] += time.process_time() - started

        setattr(owner, name, call)

    for owner, names in ((Bench, STAGES[:2]), (work, STAGES[2:])):
        for name in names:
            timed(owner, name)
    original, loop = flow._collect, [0.0, 0.0]

    def collect(*arguments: Any) -> None:
        spent.clear()  # the forecast has called them too
        started = time.process_time()
        original(*arguments)
        loop[0] = time.process_time() - started

    flow._collect = collect
    flow.write_costs = lambda *arguments: None
    options = Options(data_root=pairs, out=pairs / "out", device="cpu", workers=1)
    folder = flow.run_benchmark(load_suite(str(suite)), options)
    cells = len(folder.identities())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"stages": dict(spent), "loop": loop[0], "processor": loop[0], "cells": cells, "peak": peak}


def seconds_to_first_result(pairs: Path, out: Path) -> tuple[float, float]:
    """Of a run whose student takes half a minute an image: processor seconds, of its workers too, and by the clock."""
    command = [sys.executable, "run_bench.py", "--suite", str(pairs / "suite.yaml"), "--data-root", str(pairs)]
    command += ["--methods", "tsdm_student,ir,average,gff", "--factors", "noise_gray,jpeg,contrast,gaussian_blur"]
    command += ["--severities", "0,1,2,3,4,5", "--metrics", "core", "--out", str(out), "--device", "cpu", "--no-report"]
    started, seconds = time.monotonic(), 0.0
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not shards(out) and process.poll() is None:
        time.sleep(0.05)
        seconds = spent_by(psutil.Process(process.pid))
    by_clock = time.monotonic() - started
    process.terminate()
    process.wait()
    return seconds, by_clock


def shards(out: Path) -> set[Path]:
    """The stored files of rows of the runs in a folder."""
    try:
        return set(out.rglob("rows/*.parquet"))
    except FileNotFoundError:  # a folder went while it was looked into
        return set()


def spent_by(process: psutil.Process) -> float:
    """Of the process that takes longest: workers begin side by side."""
    own = sum(process.cpu_times()[:2])
    return own + max((sum(child.cpu_times()[:2]) for child in process.children()), default=0.0)


if __name__ == "__main__":
    main()
