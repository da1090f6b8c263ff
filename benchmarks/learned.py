"""Seconds and peak memory of each learned baseline for one 1024×768 pair.

    python -m benchmarks.learned --weights-dir DIR [--threads 2] [--repeats 3] [--methods a,b]

Each method runs in a process of its own, so that the peak memory is its own. Seconds are the best of the repeats after
one that warms up, wall clock and CPU (all threads). The last column is the time that a plain implementation in PyTorch
takes on 2 quiet cores (LRRNet: the limit set for it).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from fusion.method import METHODS, prepare
from tsdm_bench.weights.location import locate

HEIGHT, WIDTH = 768, 1024
KIB_PER_GIB = 1 << 20
LISTED_SECONDS = {
    "auif": 26,
    "datfuse": 3.3,
    "densefuse": 6,
    "didfuse": 17,
    "ifcnn": 3.6,
    "lrrnet": 30,
    "lutfuse": 2.4,
    "mmdrfuse": 0.2,
    "mufusion": 5.5,
    "reconet": 7,
    "sage": 3.6,
    "sdnet": 2,
    "seafusion": 9,
    "stdfusionnet": 13,
    "tardal_dt": 6.5,
    "u2fusion": 13,
    "ydtr": 22,
}


def measure(name: str, weights_dir: Path | None, threads: int, repeats: int) -> dict[str, float]:
    """Seconds (wall and CPU) and peak memory (GiB) of one method in this process."""
    torch.set_num_threads(threads)
    method = METHODS[name]
    fuse = prepare(method, {file.name: locate(file, weights_dir) for file in method.weights})
    generator = torch.Generator().manual_seed(0)
    ir, vis = (torch.rand(1, channels, HEIGHT, WIDTH, generator=generator) for channels in (1, 3))
    fuse(ir, vis)
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        fuse(ir, vis)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GIB
    return {"wall": min(wall for wall, _ in times), "cpu": min(cpu for _, cpu in times), "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights-dir", type=Path, default=os.environ.get("TSDM_BENCH_WEIGHTS"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--methods", default=",".join(n for n, m in METHODS.items() if m.weights and n in LISTED_SECONDS)
    )
    parser.add_argument("--json", action="store_true", help="measure --methods, a single one, here and print JSON")
    args = parser.parse_args()
    if args.json:
        print(json.dumps(measure(args.methods, args.weights_dir, args.threads, args.repeats)))
        return
    print(f"{'method':<14}{'wall s':>8}{'CPU s':>8}{'GiB':>7}{'listed s':>10}")
    for name in args.methods.split(","):
        command = [sys.executable, "-m", "benchmarks.learned", *sys.argv[1:], "--json", "--methods", name]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        listed = LISTED_SECONDS.get(name, "")
        print(f"{name:<14}{row['wall']:>8.2f}{row['cpu']:>8.2f}{row['memory']:>7.2f}{listed:>10}", flush=True)


if __name__ == "__main__":
    main()
