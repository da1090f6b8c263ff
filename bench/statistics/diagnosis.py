"""Why the average precision of each method falls under each condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from bench.statistics.intervals import CONDITION
from detectors.evaluation.diagnosis import FATES, diagnose

CELL = [*CONDITION, "method"]


class Fall(NamedTuple):
    """What became of the objects on clean pairs and at the highest severity of one factor."""

    factor: str
    modality: str
    severity: int
    clean: float
    """Mean AP50 over the methods on clean pairs."""
    degraded: float
    """The same at ``severity``."""
    fates: dict[str, tuple[float, float]]
    """Fate of an object → its share on clean pairs and at ``severity``, mean over the methods."""
    alarms: tuple[float, float]
    """False alarms per image, likewise."""


def diagnosis_table(
    truth: pd.DataFrame, detections: pd.DataFrame, cells: pd.DataFrame, classes: Sequence[str]
) -> pd.DataFrame:
    """The errors of each method under each condition, a row for each.

    ``cells`` has a row per image, condition and method that was computed. Columns: factor, severity, modality, method,
    images, objects, AP50; per kind of error its cost (``cost_missed``) and its number (``count_missed``);
    ``calibration_error``; and at a score of at least 0.25 the shares of the objects by their fate (``found``,
    ``misplaced``, ``mistaken``, ``missed``) and ``alarms``, false ones per image. AP50 is the mean over ``classes``
    that have objects; it, costs and shares are in [0, 1].
    """
    cells = cells[["image", *CELL]].drop_duplicates()
    boxes = dict(list(detections.groupby(CELL, sort=False)))
    rows = []
    for key, part in cells.groupby(CELL, sort=False):
        images = sorted(part["image"])
        own = boxes.get(key, detections.iloc[:0])
        result = diagnose(truth, own, images, classes)
        rows.append(
            dict(zip(CELL, key, strict=True))
            | {"images": len(images), "objects": result.objects, "AP50": result.average_precision}
            | {f"cost_{kind}": cost for kind, cost in result.cost.items()}
            | {f"count_{kind}": number for kind, number in result.number.items()}
            | {"calibration_error": result.calibration_error}
            | result.fates
            | {"alarms": result.alarms}
        )
    return pd.DataFrame(rows)


def falls(table: pd.DataFrame) -> list[Fall]:
    """What changed from clean pairs to the highest severity, by factor and modality, over the methods that have both.

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
        quantities = ["AP50", *FATES, "alarms"]
        before, after = (of.loc[methods, quantities].mean().to_dict() for of in (clean, worst))
        fates = {fate: (before[fate], after[fate]) for fate in FATES}
        alarms = before["alarms"], after["alarms"]
        found.append(Fall(factor, modality, severity, before["AP50"], after["AP50"], fates, alarms))
    return found
