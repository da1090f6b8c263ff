"""Kill a run at random moments, again and again, and compare what it ends with: ``python -m benchmarks.survival``.

A run of small pairs is killed (SIGKILL: nothing can be caught or cleaned up) at a random moment after its start, and
the same command is given again, ``--moments`` times; every third time with two workers, of which one is killed in
place of the run every other time. Results are saved five times a second, so that kills meet half-written shards. The
last command runs to its end. Rows and detections must then equal those of a run that nobody disturbed, each once, and
no temporary file may be left. Status 1 where they do not.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil

from bench.run.store import RunFolder

ROOT = Path(__file__).parents[1]
SIZE, PAIRS = (96, 128), 6
FEW_CELLS_A_SAVE = """import sys
sys.path.insert(0, {root!r})
from bench.run import flow
flow.FLUSH_SECONDS = 0.2
if __name__ == "__main__":
    from bench.cli import main
    sys.exit(main())
"""
SUITE = """name: killed
dataset: folder
methods: [ir, average, laplacian_pyramid]
factors: [noise_gray, jpeg, gaussian_blur]
severities: [0, 1, 2, 3, 4, 5]
metrics: [en, mse, qabf]
detector: {weights: yolov5p_synthetic.onnx, image_size: 128}
"""
SOONEST = 0.7
"""Share of the time to the first result: before it there is nothing to lose."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--within", type=float, default=4.0, help="seconds after the first result (default: 4)")
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="tsdm-bench-killed-") as place:
        folder = Path(place)
        write_pairs(folder / "pairs")
        (folder / "suite.yaml").write_text(SUITE)
        (folder / "run.py").write_text(FEW_CELLS_A_SAVE.format(root=str(ROOT)))
        started = time.monotonic()
        process = start(folder, "whole", 1)
        first = first_result(folder / "whole", process) - started
        check(process.wait() == 0, "the run that nobody disturbs fails")
        print(f"first result after {first:.1f} s, whole run {time.monotonic() - started:.1f} s", flush=True)
        kills = {"run": 0, "run with workers": 0, "worker": 0}
        left = []
        for number in range(args.moments):
            workers = 2 if number % 3 == 2 else 1
            process = start(folder, "killed", workers)
            time.sleep(moments.uniform(SOONEST * first, first + args.within))
            children = psutil.Process(process.pid).children() if process.poll() is None else []
            if workers == 2 and number % 2 and children:
                moments.choice(children).kill()
                kills["worker"] += 1
                time.sleep(1)
                process.kill()
            elif process.poll() is None:
                process.kill()
                kills["run with workers" if workers == 2 else "run"] += 1
            process.wait()
            for child in children:
                check(gone(child), "a worker outlives its run")
            left.append(len(stored(folder, "killed").identities()) if any_run(folder, "killed") else 0)
        check(start(folder, "killed", 1).wait() == 0, "the last command fails")
        compare(stored(folder, "whole"), stored(folder, "killed"))
        print(f"killed {kills}; stored cells after each: {left}")
        print("rows and detections equal those of the run that nobody disturbed")


def write_pairs(root: Path) -> None:
    """Pairs with a bright square in each, labelled."""
    generator = np.random.default_rng(7)
    for name in ("ir", "vis", "labels"):
        (root / name).mkdir(parents=True)
    (root / "classes.txt").write_text("Car\n")
    for index in range(PAIRS):
        vis = cv2.resize(generator.integers(0, 200, (12, 16, 3), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        ir = cv2.resize(generator.integers(0, 200, (12, 16), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        ir[20:44, 10 + 10 * index : 42 + 10 * index] = 250
        cv2.imwrite(str(root / f"ir/{index}.png"), ir)
        cv2.imwrite(str(root / f"vis/{index}.png"), vis)
        (root / f"labels/{index}.txt").write_text(f"0 {(26 + 10 * index) / 128:.6f} 0.333333 0.25 0.25\n")


def start(folder: Path, out: str, workers: int) -> subprocess.Popen:
    arguments = ["--suite", str(folder / "suite.yaml"), "--data-root", str(folder / "pairs"), "--device", "cpu"]
    arguments += ["--out", str(folder / out), "--no-report", "--workers", str(workers)]
    with (folder / f"{out}.txt").open("a") as log:
        return subprocess.Popen([sys.executable, str(folder / "run.py"), *arguments], stdout=log, stderr=log, cwd=ROOT)


def first_result(out: Path, process: subprocess.Popen) -> float:
    while not list(out.rglob("rows/*.parquet")):
        check(process.poll() in (None, 0), "the run fails")
        time.sleep(0.1)
    return time.monotonic()


def gone(process: psutil.Process) -> bool:
    try:
        process.wait(20)
    except psutil.TimeoutExpired:
        return False
    return True


def any_run(folder: Path, out: str) -> bool:
    return bool(list((folder / out / "killed").glob("seed*")))


def stored(folder: Path, out: str) -> RunFolder:
    (path,) = (folder / out / "killed").glob("seed*")
    return RunFolder(path)


def compare(whole: RunFolder, killed: RunFolder) -> None:
    for folder in (whole, killed):
        rows = pd.concat([pd.read_parquet(path) for path in sorted((folder.path / "rows").glob("*.parquet"))])
        check(len(rows) == len(folder.rows()), f"{folder.path} holds a row twice")
        check(not list(folder.path.rglob("*.tmp")), f"{folder.path} holds temporary files")
        check(not (folder.path / "damaged").exists(), f"{folder.path} holds damaged shards")
        check(not folder.failures(), f"{folder.path} holds failures")
    ours, theirs = (folder.rows().drop(columns="seconds") for folder in (killed, whole))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    columns = list(whole.detections().columns)
    ours, theirs = (folder.detections().sort_values(columns, ignore_index=True) for folder in (killed, whole))
    check(len(theirs) > 0, "nothing was detected: there is nothing to compare")
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    print(f"{len(whole.rows())} rows, {len(theirs)} detections")


def check(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(what)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
