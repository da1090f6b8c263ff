"""Which objects are found: small and large ones, and those that stand out in both sources, in one, or in neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.report.layout import Run, Section, detector_name, table
from bench.report.precision import Precision
from bench.report.tables import Column, Table
from bench.statistics.detection import MEASURED
from bench.statistics.objects import SEEN, SEEN_FROM, SIGHTS, SIZE, SIZES
from detectors.evaluation.fates import FOUND, SHOWN_FROM
from tsdm_bench.words import counted

HEADS = {"both": "seen in both", "infrared": "in infrared only", "visible": "in visible only", "neither": "in neither"}
FEWEST_IN_GROUP = 10
"""Objects below which the share of a group is shown but not ranked."""


def objects_section(groups: pd.DataFrame, precision: Precision, run: Run) -> Section:
    """Shares of the objects that are found, by group, from ``Diagnosed.groups``; average precision by size."""
    section = Section("objects", "Which objects are found", groups)
    cells = precision.samples.cells
    for title, clean in (("on clean pairs", True), ("under degradation", False)):
        part = groups[(groups["severity"] == 0) == clean]
        if len(part):
            section.tables.append(_table(title, part, cells[(cells["severity"] == 0) == clean], precision, run))
    return section


def _table(title: str, rows: pd.DataFrame, cells: pd.DataFrame, precision: Precision, run: Run) -> Table:
    conditions = len(rows[["factor", "severity", "modality"]].drop_duplicates())
    shares = rows.groupby(["method", "by", "group"])["found"].mean().unstack(["by", "group"])
    objects = rows.groupby(["by", "group"])["objects"].max()
    wide = pd.DataFrame({f"{by} {group}": shares[by, group] for by, group in shares.columns}, index=shares.index)
    wide["images"] = cells.groupby("method")["images"].sum()
    whole: dict[str, Any] = {"digits": 3, "count": "images", "full": precision.samples.images * conditions}
    columns = []
    for by, names in ((SIZE, SIZES), (SEEN, SIGHTS)):
        for name in names:
            if (by, name) in objects.index:
                enough = precision.ranked and objects[by, name] >= FEWEST_IN_GROUP
                columns.append(Column(f"{by} {name}", HEADS.get(name, name), ranked=enough, **whole))
    for measure, name in zip(MEASURED, SIZES, strict=True):
        values = precision.samples.of(measure, precision.name)[cells.index, 0]
        means = pd.Series(values, cells["method"]).groupby(level=0).mean()
        if not np.isnan(means).all():
            wide[measure] = means
            columns.append(Column(measure, f"AP {name}", ranked=precision.ranked, **whole))
    told = ", ".join(f"{HEADS.get(name, name)} {objects[by, name]}" for by, name in objects.index)
    over = f", mean over {counted(conditions, 'condition')}" if conditions > 1 else ""
    note = (
        f"Share of the objects that are found (IoU ≥ {FOUND:g}, score ≥ {SHOWN_FROM:g}){over}, by their size as COCO "
        f"tells it (small: below 32², large: above 96² pixels) and by where they stand out: seen where the "
        f"signal-to-clutter ratio in the clean source is at least {SEEN_FROM:g}. AP: mean over IoU 0.50:0.05:0.95 of "
        f"the objects of a size. Objects: {told}. Classes: {', '.join(precision.members)}. Detector "
        f"{detector_name(run)}."
    )
    return table(f"Objects that are found {title}", note, wide, columns, run, run.sources)
