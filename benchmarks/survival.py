"""Kill a run at random moments, again and again, and compare what it ends with: ``python -m benchmarks.survival``.

A run of small pairs is killed (SIGKILL: nothing can be caught or cleaned up) at a random moment after its start, and
the same command is given again, ``--moments`` times; every fourth time with two workers, of which one is killed first
every other time. Results are saved five times a second, so that kills meet half-written shards. The
last command runs to its end. Rows and detections must then equal those of a run that nobody disturbed, each once, and
no temporary file may be left. Status 1 where they do not.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil

from bench.cli import main as command_line
from bench.run import flow
from bench.run.store import RunFolder
from benchmarks.harness import shards
from benchmarks.timing import one_thread

SIZE, PAIRS = (96, 128), 6
SUITE = """name: killed
dataset: folder
methods: [ir, average, laplacian_pyramid]
factors: [noise_gray, jpeg, gaussian_blur]
severities: [0, 1, 2, 3, 4, 5]
metrics: [en, mse, qabf]
detector: {weights: yolov5p_synthetic.onnx, image_size: 128}
"""
MOST_SHARDS = 5
"""New shards after which a run is killed, at most; then comes a random part of a second."""
FOREVER = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="tsdm-bench-killed-") as place:
        folder = Path(place)
        write_pairs(folder / "pairs")
        (folder / "suite.yaml").write_text(SUITE)
        check(start(folder, "whole", 1).wait(FOREVER) == 0, "the run that nobody disturbs fails")
        killed, left = Counter[str](), []
        for number in range(args.moments):
            two = number % 4 == 3
            run, before = start(folder, "killed", 2 if two else 1), shards(folder / "killed")
            wanted, deadline = moments.randrange(MOST_SHARDS + 1), time.monotonic() + FOREVER
            while len(shards(folder / "killed") - before) < wanted and run.is_running() and time.monotonic() < deadline:
                if run.status() == psutil.STATUS_ZOMBIE:
                    break  # it was over before
                time.sleep(0.01)
            time.sleep(moments.random() * 0.4)
            children = run.children() if run.is_running() else []
            if two and number % 8 == 3 and children:
                moments.choice(children).kill()
                killed["worker"] += 1
                time.sleep(moments.random())
            killed["run with two workers" if two else "run"] += run.status() != psutil.STATUS_ZOMBIE
            run.kill()
            run.wait()
            _, alive = psutil.wait_procs(children, timeout=60)
            check(not alive, "a worker outlives its run")
            left.append(len(stored(folder, "killed").identities()) if any_run(folder, "killed") else 0)
            print(f"{number + 1}: {left[-1]} results stored", flush=True)
        status = start(folder, "killed", 1).wait(FOREVER)
        words = (folder / "killed.txt").read_text(errors="replace").splitlines()[-5:]
        check(status == 0, "\n".join([f"the last command ends with status {status}:", *words]))
        compare(stored(folder, "whole"), stored(folder, "killed"))
        print(f"killed {dict(killed)}; rows and detections equal those of the run that nobody disturbed")


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


def start(folder: Path, out: str, workers: int) -> psutil.Process:
    """The command in a process that is forked, so that it need not import everything again."""
    arguments = ["--suite", str(folder / "suite.yaml"), "--data-root", str(folder / "pairs"), "--device", "cpu"]
    arguments += ["--out", str(folder / out), "--no-report", "--workers", str(workers)]
    number = os.fork()
    if number == 0:
        status = 1
        try:
            log = os.open(folder / f"{out}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            flow.FLUSH_SECONDS = 0.2
            status = command_line(arguments)
        finally:
            os._exit(status)
    return psutil.Process(number)


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
    one_thread()
    main()
