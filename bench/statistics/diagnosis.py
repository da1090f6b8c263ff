"""Why the average precision of each method falls under each condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from bench.statistics.intervals import CONDITION
from detectors.evaluation.diagnosis import KINDS, Diagnosis, diagnose

CELL = [*CONDITION, "method"]


class Fall(NamedTuple):
    """What the errors of all methods cost on clean pairs and at the highest severity of one factor."""

    factor: str
    modality: str
    severity: int
    clean: float
    """Mean AP50 over the methods on clean pairs."""
    degraded: float
    """The same at ``severity``."""
    grown: dict[str, float]
    """Kind of error → by how much its cost rose from clean pairs to ``severity``, mean over the methods; the most
    first."""


def diagnosis_table(
    truth: pd.DataFrame, detections: pd.DataFrame, cells: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, dict[tuple, Diagnosis]]:
    """The errors of each method under each condition: a row for each, and the whole :class:`Diagnosis` by its key.

    ``cells`` has a row per image, condition and method that was computed. Columns: factor, severity, modality, method,
    images, objects, AP50, then per kind of error its cost (``missed``) and its number (``missed_count``), and
    ``calibration_error``. AP50 is the mean over ``classes`` that have objects, in [0, 1].
    """
    cells = cells[["image", *CELL]].drop_duplicates()
    boxes = dict(list(detections.groupby(CELL, sort=False)))
    rows, whole = [], {}
    for key, part in cells.groupby(CELL, sort=False):
        images = sorted(part["image"])
        own = boxes.get(key, detections.iloc[:0])
        result = whole[key] = diagnose(truth, own, images, classes)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {"images": len(images), "objects": result.objects, "AP50": result.average_precision}
            | result.cost
            | {f"{kind}_count": number for kind, number in result.number.items()}
            | {"calibration_error": result.calibration_error}
        )
    return pd.DataFrame(rows), whole


def falls(table: pd.DataFrame) -> list[Fall]:
    """What grew from clean pairs to the highest severity, by factor and modality, over the methods that have both.

    ``table`` is that of :func:`diagnosis_table`. Factors of which no severity was run are left out, and so is all where
    there are no clean pairs.
    """
    clean = table[table["severity"] == 0].set_index("method")
    found = []
    for (factor, modality), part in table[table["severity"] > 0].groupby(["factor", "modality"], sort=False):
        severity = int(part["severity"].max())
        worst = part[part["severity"] == severity].set_index("method")
        methods = worst.index.intersection(clean.index)
        if methods.empty:
            continue
        grown = (worst.loc[methods, list(KINDS)] - clean.loc[methods, list(KINDS)]).mean()
        before, after = clean.loc[methods, "AP50"].mean(), worst.loc[methods, "AP50"].mean()
        grown = grown.sort_values(ascending=False, kind="stable")
        found.append(Fall(factor, modality, severity, float(before), float(after), grown.to_dict()))
    return found
