"""Runs on thumbnail pairs, as the tests of what a run folder remembers need them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.run.store import RunFolder
from bench.suite import Suite


def run(root: Path, out: Path, recompute: tuple[str, ...] = (), panels: int = 0, **fields: object) -> RunFolder:
    base = {"name": "small", "dataset": "folder", "methods": ("ir", "vis"), "severities": (0,)}
    options = Options(data_root=root, out=out, device="cpu", workers=1, recompute=recompute, panels=panels)
    return run_benchmark(Suite(**base | {"metrics": ("en", "mse")} | fields), options)


def values(folder: RunFolder) -> pd.DataFrame:
    return folder.rows().drop(columns="seconds")
