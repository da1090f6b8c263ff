"""Does the student fuse degraded pairs as if they were clean? On pairs kept out of training.

  python -m benchmarks.tsdm_restoration --data-root DIR [--weights-dir DIR] [--severity 3] [--limit N] [--csv FILE]

All TNO pairs and the RoadScene pairs that the shipped configurations keep out of training, under the composite `tsdm`.
PSNR and SSIM (grey, 8 bit) compare with the teacher's fusion of the clean pair; Qabf and VIF compare with the clean
sources. The student has to beat the teacher on the degraded pair in the first two and the average of it in the last.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tqdm import tqdm

from bench.datasets import DATASETS
from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights
from bench.metrics import evaluate, plane_of
from degradation.condition import degrade
from degradation.factor import FACTORS
from fusion.method import Fuse, prepare
from fusion.tsdm.training.config import load_config
from fusion.tsdm.training.data import split
from tsdm_bench.images import as_batch, quantise

REFERENCE = "teacher on the clean pair"
SEEN = {"student": "tsdm_student", "teacher": "tsdm_teacher", "average": "average", "gff": "gff"}
"""Row → method, each fusing the degraded pair."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=os.environ.get("TSDM_BENCH_DATA"))
    parser.add_argument("--weights-dir", type=Path, default=os.environ.get("TSDM_BENCH_WEIGHTS"))
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only the first pairs of each dataset")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--csv", type=Path, help="write the values of each pair here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    fuses = {row: _fuse(method, args.weights_dir) for row, method in SEEN.items()}
    pairs = [(name, pair) for name in ("tno", "roadscene") for pair in _kept_out(name, args.data_root)[: args.limit]]
    values = [row for name, pair in tqdm(pairs, unit="pair") for row in scores(name, pair, fuses, args.severity)]
    table = pd.DataFrame(values)
    if args.csv:
        table.to_csv(args.csv, index=False)
    means = table.drop(columns="image").groupby(["dataset", "fused"], sort=False).mean()
    counts = ", ".join(
        f"{name} {count}" for name, count in table.groupby("dataset", sort=False)["image"].nunique().items()
    )
    print(f"tsdm severity {args.severity}, seed 0, mean over pairs: {counts}")
    print(means.round(4).to_string())


def scores(dataset: str, pair: Pair, fuses: dict[str, Fuse], severity: int) -> Iterator[dict]:
    """One row per method on the degraded pair, and one of the teacher on the clean pair."""
    clean = pair.read()
    place = {"seed": 0, "dataset": dataset, "image": pair.image}
    seen = degrade(*clean, FACTORS["tsdm"], severity, "both", **place)[:2]
    planes = [plane_of(as_batch(image)) for image in clean]

    def fused(row: str, sources: tuple) -> torch.Tensor:
        ir, vis = (as_batch(image).float() / 255 for image in sources)
        return as_batch(quantise(fuses[row](ir, vis, place)))

    reference = plane_of(fused("teacher", clean))
    outputs = {row: plane_of(fused(row, seen)) for row in SEEN} | {REFERENCE: reference}
    target = reference.x.squeeze().numpy()
    for row, plane in outputs.items():
        grey = plane.x.squeeze().numpy()
        same = row == REFERENCE
        quality = evaluate(["qabf", "vif"], *planes, plane)
        yield {
            "dataset": dataset,
            "image": pair.image,
            "fused": row,
            "PSNR": float("nan") if same else peak_signal_noise_ratio(target, grey, data_range=255),
            "SSIM": structural_similarity(
                target, grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            ),
            "Qabf": quality["qabf"].item(),
            "VIF": quality["vif"].item(),
        }


def _fuse(name: str, weights_dir: Path | None) -> Fuse:
    method = find_method(name)
    return prepare(method, find_weights(method, weights_dir), "cpu")


def _kept_out(name: str, data_root: Path) -> list[Pair]:
    pairs = list(DATASETS[name].pairs(data_root))
    data = load_config("student", "student_reduced").data
    return split(pairs, data.validation_fraction)[1] if name in data.sources else pairs


if __name__ == "__main__":
    main()
