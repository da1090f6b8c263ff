"""Two published tables, recomputed whole: ``python -m benchmarks.published --data-root DIR``.

Prints, per metric, how far our values are from those printed, and every value that misses by more than 10⁻³.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.metrics import PRESETS
from bench.scoring import Task, score_task
from tsdm_bench.images import images_in, the_one

TOLERANCE = 1e-3


class Table(NamedTuple):
    """A published table: where its images lie below the data root, and what it calls the ids of the preset."""

    folder: str
    ir: str
    vis: str
    preset: str
    columns: tuple[str, ...]


TABLES = (
    Table(
        *("TNO_published", "TNO/ir", "TNO/vi", "paper-tang2022"),
        ("EN", "SD", "SF", "AG", "MI", "MSE", "PSNR", "VIF", "CC", "SCD", "Qabf"),
    ),
    Table(
        *("VIFB_published", "VIFB_published/ir", "VIFB_published/vi", "paper-vifb"),
        (
            *("Cross_entropy", "Entropy", "Mutinf", "Psnr", "Avg_gradient", "Edge_intensity", "Qabf", "Variance"),
            *("Spatial_frequency", "Rmse", "Ssim", "Qcb", "Qcv"),
        ),
    ),
)


def compare(root: Path, table: Table) -> pd.DataFrame:
    """Columns image, method, metric, published, ours, error (relative)."""
    published = pd.read_csv(root / table.folder / "metrics.csv", dtype={"image": str})
    ir, vis = images_in(root / table.ir), images_in(root / table.vis)
    ids = PRESETS[table.preset]
    heads = dict(zip(ids, table.columns, strict=True))
    methods = {name: images_in(root / table.folder / name) for name in published["method"].unique()}
    rows = []
    for image in published["image"].unique():
        fused = {name: the_one(files[image]) for name, files in methods.items()}
        rows += score_task(Task(image, the_one(ir[image]), the_one(vis[image]), fused, ids)).rows
    ours = pd.DataFrame(rows, columns=["method", "image", "metric", "ours"]).replace({"metric": heads})
    both = published.rename(columns={"value": "published"}).merge(ours, on=["method", "image", "metric"], how="left")
    return both.assign(error=(both["ours"] - both["published"]).abs() / both["published"].abs())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, default=os.environ.get("TSDM_BENCH_DATA"))
    args = parser.parse_args()
    for table in TABLES:
        values = compare(Path(args.data_root), table)
        missed = values[~(values["error"] <= TOLERANCE)]
        print(f"\n{table.folder} by {table.preset}: {len(values)} values, {len(missed)} off by more than {TOLERANCE}")
        error = values.groupby("metric")["error"]
        print(error.agg(["count", "median", "max"]).to_string(float_format="{:.2g}".format))
        worst = values.groupby("method")["error"].max().sort_values(ascending=False)
        print(worst.to_string(float_format="{:.2g}".format))
        print(missed.to_string(index=False))


if __name__ == "__main__":
    main()
