"""What the methods cost, and what one gets for it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.report.drawing import Drawing
from bench.report.layout import Run, Section, labelled, table
from bench.report.overview import draw_speed
from bench.report.precision import Precision
from bench.report.tables import Column, Direction
from detectors.evaluation import ALL
from tsdm_bench.words import counted

SET_UP = ["height", "width", "device", "threads"]
"""What two costs must have in common to be compared."""


class Quality(NamedTuple):
    """One number per method that speed is weighed against."""

    of: pd.Series
    """By method."""
    label: str
    title: str
    direction: Direction


def quality_of(
    robustness: Section | None, ranking: Section | None, precision: Precision | None, run: Run
) -> Quality | None:
    """mAP50 under degradation where a detector looked at the images, else the mean rank over the fusion metrics."""
    if robustness is not None and precision is not None and precision.ranked:
        tidy, head = robustness.tidy, precision.head
        found = tidy[(tidy["metric"] == head) & (tidy["factor"] == ALL)].set_index("method")["mPC"]
        if found.notna().any():
            return Quality(found, f"{head} under degradation", f"{head}, mean over degraded conditions", "higher")
    if ranking is not None:
        tidy = ranking.tidy[ranking.tidy["reference"].isin(["none", run.suite.references[0]])]
        return Quality(tidy.groupby("method")["mean_rank"].mean(), "mean rank", "mean rank", "lower")
    return None


def efficiency_section(costs: pd.DataFrame, run: Run, quality: Quality | None = None) -> Section:
    """What each method costs (:mod:`bench.run.cost`), a table per size, device and number of threads.

    With ``quality`` a figure weighs it against speed, for the set-up of which most methods were measured.
    """
    section = Section("efficiency", "Efficiency", costs)
    of_run = costs[costs["method"].isin(run.suite.methods)]
    unmeasured = of_run.groupby(SET_UP[:-1], sort=False)["threads"]
    of_run = of_run.assign(threads=unmeasured.transform(lambda threads: threads.bfill().ffill()))
    most = 1
    for (height, width, device, threads), group in of_run.groupby(SET_UP, dropna=False, sort=False):
        wide = group.drop_duplicates("method", keep="last").set_index("method")
        wide = wide.assign(thousands=wide["parameters"].astype(float) / 1000)
        columns = [
            Column("thousands", "parameters (thousands)", "lower", 1),
            Column("gflops_per_megapixel", "Gflop per megapixel", "lower", 1),
            Column("seconds_per_megapixel", "seconds per megapixel", "lower", 3, ("fastest", "slowest"), repeated=True),
        ]
        where = device if pd.isna(threads) else f"{device}, {counted(int(threads), 'thread')}"
        note = (
            f"Median [fastest, slowest] of repeated runs, warm, on one {width}×{height} pair, {where}, colour "
            f"conversion included; where these ranges overlap none is marked. Operations are those of convolutions and "
            f"matrix products; – where there are none."
        )
        section.tables.append(table(f"Cost on {where}", note, wide, columns, run, run.sources, of_images=False))
        points = _points(wide, quality, run) if quality else pd.DataFrame()
        if quality and len(points) > most:
            most, title = len(points), f"Speed on {where} ({width}×{height}) and {quality.title}"
            arguments = {"points": points, "label": quality.label, "direction": quality.direction}
            arguments |= {"title": labelled(title, run), "titles": run.titles, "order": run.suite.methods}
            section.drawings = [Drawing(Path("speed-quality"), draw_speed, arguments)]
    return section


def _points(wide: pd.DataFrame, quality: Quality, run: Run) -> pd.DataFrame:
    """method, seconds, quality of the fusion methods that have both."""
    points = pd.DataFrame({"seconds": wide["seconds_per_megapixel"].astype(float), "quality": quality.of}).dropna()
    points = points[points.index.isin(run.suite.methods) & ~points.index.isin(run.sources)]
    return points.rename_axis("method").reset_index()
