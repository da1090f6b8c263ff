"""Which restorer does best under which condition: the table of the oracle (fusion/restoration/oracle.csv).

    python -m benchmarks.restorers --data-root DIR --weights-dir DIR [--pairs 3] [--side 256] [--factors a,b]

On crops of RoadScene pairs, evenly taken: training pairs of ours, so that no test pair decides what the oracle does.
Each factor is met by the restorers whose cards name it, and by none; a row holds the mean PSNR (dB) of the 8-bit result
to the clean image, the row without a restorer that of the degraded image. Factors that are in the file already are
kept, unless they are named.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from bench.datasets.roadscene import ROADSCENE
from bench.methods import located
from degradation.condition import degrade
from degradation.factor import FACTORS, MAX_SEVERITY, Factor, Modality
from fusion.restoration.oracle import TABLE
from fusion.restoration.restorer import CHANNELS, RESTORERS, rounded, weights_of
from fusion.restoration.truth import faults_of
from tsdm_bench.files import write_atomically
from tsdm_bench.tensors import as_batch, quantise

COLUMNS = ("factor", "modality", "severity", "restorer", "psnr", "pairs")
IDENTICAL = 100.0
"""PSNR that stands for no difference at all."""


def crops(root: Path, count: int, side: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, infrared and visible 8-bit centre crop of evenly taken pairs."""
    pairs = [pair for pair in ROADSCENE.pairs(root) if not pair.problem]
    for index in range(count):
        pair = pairs[(2 * index + 1) * len(pairs) // (2 * count)]
        ir, vis = pair.read()
        top, left = ((size - side) // 2 for size in ir.shape)
        part = slice(max(top, 0), max(top, 0) + side), slice(max(left, 0), max(left, 0) + side)
        yield pair.image, np.ascontiguousarray(ir[part]), np.ascontiguousarray(vis[part])


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Between two 8-bit images."""
    error = np.mean((image.astype(float) - clean) ** 2)
    return min(IDENTICAL, 10 * np.log10(255**2 / error)) if error else IDENTICAL


def measure(factor: Factor, modality: Modality, pairs: list, load) -> Iterator[dict]:
    """The rows of one factor on one image."""
    names = [name for name, card in RESTORERS.items() if factor.name in card.removes and modality in card.modalities]
    names = [name for name in names if RESTORERS[name].kind != "oracle"]
    for severity in range(1, MAX_SEVERITY + 1):
        values: dict[str, list[float]] = {name: [] for name in ("", *names)}
        for image, ir, vis in pairs:
            key = {"dataset": ROADSCENE.name, "image": image, "seed": 0}
            seen = dict(zip(("ir", "vis"), degrade(ir, vis, factor, severity, modality, **key)[:2], strict=True))
            degraded, clean = seen[modality], ir if modality == "ir" else vis
            values[""].append(psnr(degraded, clean))
            x = as_batch(degraded).float() / 255
            faults = faults_of(key | {"factor": factor.name, "severity": severity, "modality": modality}, modality)
            for name in names:
                told = (faults,) if RESTORERS[name].knows_condition else ()
                with torch.inference_mode():
                    restored = quantise(rounded(load(name)(x, *told)).expand(-1, 3, -1, -1))
                values[name].append(psnr(restored[..., 0] if CHANNELS[modality] == 1 else restored, clean))
        for name, each in values.items():
            yield dict(
                zip(COLUMNS, (factor.name, modality, severity, name, np.mean(each).round(2), len(each)), strict=True)
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=os.environ.get("TSDM_BENCH_DATA"))
    parser.add_argument("--weights-dir", type=Path, default=os.environ.get("TSDM_BENCH_WEIGHTS"))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--factors", default="")
    parser.add_argument("--csv", type=Path, default=TABLE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    loaded: dict = {}

    def load(name: str):
        if name not in loaded:
            card = RESTORERS[name]
            loaded[name] = card.load(located(weights_of(card), args.weights_dir), torch.device("cpu"))
        return loaded[name]

    named = [name for name in args.factors.split(",") if name]
    rows = []
    if args.csv.is_file():
        with args.csv.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["factor"] not in named]
    known = {row["factor"] for row in rows}
    pairs = list(crops(args.data_root, args.pairs, args.side))
    for name in named or [name for name in FACTORS if name not in known]:
        for modality in FACTORS[name].modalities:
            new = list(measure(FACTORS[name], modality, pairs, load))
            for row in new:
                print(*row.values(), flush=True)
            rows += new
        write_atomically(args.csv, partial(_write, rows))


def _write(rows: list[dict], path: Path) -> None:
    rows = sorted(rows, key=lambda row: (row["factor"], row["modality"], int(row["severity"]), row["restorer"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
