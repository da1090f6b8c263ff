"""Does the student fuse degraded pairs as if they were clean? On pairs kept out of training.

  python -m benchmarks.tsdm_restoration --data-root DIR [--weights-dir DIR] [--severity 3] [--limit N] [--csv FILE]

All TNO pairs and the RoadScene pairs that the shipped configurations keep out of training, under the composite `tsdm`.
PSNR and SSIM (grey, 8 bit) compare with the teacher's fusion of the clean pair; Qabf and VIF compare with the clean
sources. "fitted" is the PSNR after each image got the gain and offset that suit it best: what is left is noise, blur
and blocks. The student has to beat the teacher on the degraded pair in the first three and the average of it in the
last two.

Then what a restoring network may do wrong: "spread" is the largest difference between the channels of what it makes of
a grey pair, "halo" how far it overshoots beside the edges of a blurred step, both in grey levels of 255.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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
from degradation.kernels.blur import convolve, gaussian_kernel
from fusion.method import Fuse, prepare, rgb_to_ycbcr
from fusion.tsdm.training.config import load_config
from fusion.tsdm.training.data import split
from tsdm_bench.tensors import as_batch, as_float, quantise

REFERENCE = "teacher on the clean pair"
SEEN = {"lite": "tsdm_lite", "student": "tsdm_student", "teacher": "tsdm_teacher", "average": "average", "gff": "gff"}
"""Row → method, each fusing the degraded pair."""
GREY_PAIRS = 3
STEP_SIDE, STEP_LEVELS = 128, (70, 180)


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
    for row, fuse in fuses.items():
        print(f"{row:10s} spread {spread(fuse, args.data_root):.1f}, halo {halo(fuse):.1f}")


def scores(dataset: str, pair: Pair, fuses: dict[str, Fuse], severity: int) -> Iterator[dict]:
    """One row per method on the degraded pair, and one of the teacher on the clean pair."""
    clean = pair.read()
    place = {"seed": 0, "dataset": dataset, "image": pair.image}
    seen = degrade(*clean, FACTORS["tsdm"], severity, "both", **place)[:2]
    planes = [plane_of(as_batch(image)) for image in clean]

    def fused(row: str, sources: tuple) -> torch.Tensor:
        ir, vis = (as_float(as_batch(image)) for image in sources)
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
            "fitted": float("nan") if same else peak_signal_noise_ratio(target, fitted(grey, target), data_range=255),
            "SSIM": structural_similarity(
                target, grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            ),
            "Qabf": quality["qabf"].item(),
            "VIF": quality["vif"].item(),
        }


def fitted(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``image`` with the gain and the offset that bring it closest to ``target``, in the type of ``target``."""
    gain, offset = np.polyfit(image.ravel().astype(float), target.ravel().astype(float), 1)
    return np.clip(np.rint(gain * image + offset), 0, 255).astype(target.dtype)


def spread(fuse: Fuse, data_root: Path) -> float:
    """Largest difference between the channels, in levels, over the first TNO pairs under grey noise of severity 3."""
    largest = 0.0
    for pair in list(DATASETS["tno"].pairs(data_root))[:GREY_PAIRS]:
        place = {"seed": 0, "dataset": "tno", "image": pair.image}
        ir, vis = (as_float(as_batch(x)) for x in degrade(*pair.read(), FACTORS["noise_gray"], 3, "both", **place)[:2])
        fused = fuse(ir, rgb_to_ycbcr(vis)[0].expand(-1, 3, -1, -1), place)
        largest = max(largest, float((fused.amax(1) - fused.amin(1)).max()) * 255)
    return largest


def halo(fuse: Fuse) -> float:
    """How far the result leaves the range of its two plateaus, in levels, on a step that both images show blurred."""
    row = np.repeat(np.array(STEP_LEVELS, np.float32) / 255, STEP_SIDE // 2)
    sharp = np.tile(row, (STEP_SIDE, 1))[..., None]
    step = torch.from_numpy(convolve(sharp, gaussian_kernel(9, 1.2))[..., 0])
    fused = rgb_to_ycbcr(fuse(step[None, None], step.expand(1, 3, -1, -1), {}))[0][0, 0] * 255
    lines = fused[STEP_SIDE // 4 : -STEP_SIDE // 4]
    dark, bright = (lines[:, part].mean() for part in (slice(STEP_SIDE // 4), slice(-STEP_SIDE // 4, None)))
    return float(max(dark - lines.min(), lines.max() - bright))


def _fuse(name: str, weights_dir: Path | None) -> Fuse:
    method = find_method(name)
    return prepare(method, find_weights(method, weights_dir), "cpu")


def _kept_out(name: str, data_root: Path) -> list[Pair]:
    pairs = list(DATASETS[name].pairs(data_root))
    data = load_config("student", "student_reduced").data
    return split(pairs, data.validation_fraction)[1] if name in data.sources else pairs


if __name__ == "__main__":
    main()
