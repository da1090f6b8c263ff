"""What commands cost before and beside their work, in processor time, against `import torch` alone in the same run.

Where the import takes 1.7 to 2.4 s, as it did where the limits were set, they stand for 1, 1 and 3 to 4 seconds.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

DOOR = str(Path(__file__).parents[1] / "run_bench.py")
IMPORT = "import torch"
PAIR_SIZE = (480, 640)
LIMITS = {"start: --help": 0.6, "start: an unknown suite": 0.6, "start: score one pair": 1.8}
"""Of each command, in times of the import."""


def check(names: list[str], repeats: int) -> bool:
    """Measure and print the commands ``names``; whether all keep their limits."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "start: --help": [DOOR, "--help"],
            "start: an unknown suite": [DOOR, "--suite", "nonsense"],
            "start: score one pair": [DOOR, "score", *_pair(Path(folder))],
        }
        calls = {IMPORT: ["-c", IMPORT]} | {name: commands[name] for name in names}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for name, arguments in [*calls.items()] * (repeats + 1):
            seconds[name].append(_cpu_seconds(arguments))
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}  # the first fills the caches
    missed = []
    print(f"{'median':<40}{'CPU s':>10}{'':>10}{'times':>8}{'at most':>8}")
    print(f"{IMPORT:<40}{medians[IMPORT]:>10.2f}")
    for name in names:
        times, most = medians[name] / medians[IMPORT], LIMITS[name]
        print(f"{name:<40}{medians[name]:>10.2f}{'':>10}{times:>8.2f}{most:>8g}", flush=True)
        if times > most:
            missed.append(f"{name}: {times:.2f} times the processor time of `{IMPORT}`, expected at most {most:g}")
    for line in missed:
        print(f"budget missed: {line}", file=sys.stderr)
    return not missed


def _cpu_seconds(arguments: list[str]) -> float:
    """User and system seconds of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _pair(folder: Path) -> list[str]:
    """The options of `score` for one pair of random images."""
    generator, options = np.random.default_rng(0), []
    for name in ("ir", "vis", "fused"):
        (folder / name).mkdir()
        Image.fromarray(generator.integers(0, 256, PAIR_SIZE, np.uint8)).save(folder / name / "1.png")
        options += [f"--{name}", str(folder / name)]
    return options
