"""Time, memory and agreement of the fusion metrics: ``python -m benchmarks.metrics [--threads 2] [--device cpu]``.

A triple of 1024×768 synthetic images; medians of several runs after one warm-up. "second" is the time for a second
method on the same sources. Memory is the growth of the peak resident set over that of the libraries and compiled loops.
Budgets: ``python -m benchmarks``.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from bench.cell.process import prepare_process
from bench.metrics import METRICS, PRESETS, evaluate
from bench.metrics.metric import Plane
from benchmarks.plain_metrics import PLAIN
from benchmarks.timing import Budget, vectors

HEIGHT, WIDTH = 768, 1024
CORE_BUDGET = {"AVX-512": 40, "AVX2": 30}
COPIED_EVALUATOR = PRESETS["paper-cddfuse"]
FMI = tuple(name for name in PRESETS["all"] if name.startswith("fmi_"))
WITHOUT_FMI = tuple(name for name in PRESETS["all"] if name not in FMI)


def triple(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Infrared, visible and fused image: smooth structure, edges and noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    blobs = 90 * np.exp(-((rows - 300) ** 2 + (columns - 600) ** 2) / 9000) + 60 * ((columns // 64 + rows // 96) % 2)
    ir = 40 + blobs + 8 * random.standard_normal((HEIGHT, WIDTH))
    vis = 70 + 60 * np.sin(rows / 17) * np.cos(columns / 23) + 30 * ((rows // 40) % 2)
    vis += 6 * random.standard_normal((HEIGHT, WIDTH))
    fused = np.maximum(ir, vis) * 0.6 + (ir + vis) * 0.2
    return tuple(torch.from_numpy(x.round().clip(0, 255)).float()[None, None] for x in (ir, vis, fused))


def budgets() -> list[Budget]:
    """The twelve core metrics against those of :mod:`benchmarks.plain_metrics`, with which they must agree."""
    images = triple()
    arrays = [image[0, 0].double().numpy() for image in images]
    ids = PRESETS["core"]

    def plain() -> dict[str, float]:
        return {name: PLAIN[name](*arrays) for name in ids}

    def fast() -> dict[str, torch.Tensor]:
        return evaluate(ids, *map(Plane, images))

    for name, value in plain().items():
        if not math.isclose(value, fast()[name].item(), rel_tol=1e-9):
            raise SystemExit(f"{name} is {fast()[name].item()}, its plain form {value}: nothing to compare")
    return [Budget("twelve core metrics, 1024×768", plain, fast, CORE_BUDGET.get(vectors(), 30))]


def milliseconds(run: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """Median duration of ``run`` after one warm-up."""
    times = []
    for _ in range(repeats + 1):
        start = clock()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(clock() - start)
    return 1e3 * statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cpu-time", action="store_true", help="process time in place of wall time (a busy machine)")
    parser.add_argument("--each", action="store_true", help="a row for every metric")
    args = parser.parse_args()
    prepare_process(args.threads)
    clock = time.process_time if args.cpu_time else time.perf_counter
    images = [image.to(args.device) for image in triple()]
    evaluate(PRESETS["all"] + COPIED_EVALUATOR, *(Plane(image[..., :192, :192]) for image in images))  # all loaded
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def first(ids: tuple[str, ...]) -> float:
        return milliseconds(lambda: evaluate(ids, *map(Plane, images)), args.repeats, clock)

    def second(ids: tuple[str, ...]) -> float:
        ir, vis = Plane(images[0]), Plane(images[1])
        return milliseconds(lambda: evaluate(ids, ir, vis, Plane(images[2])), args.repeats, clock)

    each = [name for name in METRICS if name not in ("brisque", "niqe")]  # which download models
    rows = {"core": PRESETS["core"], "copied evaluator (12)": COPIED_EVALUATOR, "all without FMI": WITHOUT_FMI}
    rows |= {name: (name,) for name in ("fmi_pixel", *(each if args.each else ()))}
    print(f"| {HEIGHT}×{WIDTH}, {args.device}, {args.threads} threads | ms | second, ms | ratio | peak, MB |")
    print("|---|---|---|---|---|")
    for title, ids in rows.items():
        one, two = first(ids), second(ids)
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
        print(f"| {title} | {one:.1f} | {two:.1f} | {one / two:.2f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
