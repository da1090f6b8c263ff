"""Why the average precision of each method falls under each condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.executors.pool import Died, map_ordered
from bench.statistics.intervals import CONDITION
from bench.statistics.objects import found_shares
from detectors.evaluation.diagnosis import Diagnosis, diagnose
from detectors.evaluation.fates import FATES
from detectors.evaluation.matching import DETECTION_COLUMNS
from tsdm_bench.errors import UsageError

CELL = [*CONDITION, "method"]
BACKGROUND = "background"
"""The class of what is no object."""


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


class Diagnosed(NamedTuple):
    """The errors of each method under each condition; every table has their columns (:data:`CELL`)."""

    errors: pd.DataFrame
    """A row each: images, objects, AP50; per kind of error its cost (``cost_missed``) and its number
    (``count_missed``); ``calibration_error``; and at a score of at least 0.25 the shares of the objects by their fate
    (``found``, ``misplaced``, ``mistaken``, ``missed``) and ``alarms``, false ones per image. AP50 is the mean over the
    classes that have objects; it, costs and shares are in [0, 1]."""
    groups: pd.DataFrame
    """A row each and group of objects: ``by`` (what tells them apart), ``group``, ``objects``, and the share
    ``found``."""
    confusions: pd.DataFrame
    """A row each and pair of classes: ``object`` and ``detection``, one of them perhaps ``background``, and their
    ``number`` at a score of at least 0.25; pairs that never occur are left out."""
    curves: pd.DataFrame
    """A row each and recall 0, 0.01 … 1: ``recall`` and ``precision`` at IoU 0.5, the mean over the classes."""


def diagnose_cells(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    cells: pd.DataFrame,
    classes: Sequence[str],
    groups: Mapping[str, pd.Series] | None = None,
    *,
    workers: int = 1,
) -> Diagnosed:
    """The errors of each method under each condition.

    ``cells`` has a row per image, condition and method that was computed. ``groups``: by what objects are told apart →
    the group of each row of ``truth``. Raises ``UsageError`` where a worker process ends.
    """
    cells = cells[["image", *CELL]].drop_duplicates()
    needed = list(DETECTION_COLUMNS)  # of what is sent to other processes
    boxes = {key: found[needed] for key, found in detections.groupby(CELL, sort=False)}
    parts = list(cells.groupby(CELL, sort=False))
    tasks = [(boxes.get(key, detections[needed].iloc[:0]), sorted(part["image"])) for key, part in parts]
    task = partial(_diagnose, truth, tuple(classes), dict(groups or {}))
    computed = list(map_ordered(task, tasks, workers) if workers > 1 else map(task, tasks))
    results = [result for result in computed if not isinstance(result, Died)]
    if len(results) < len(computed):
        raise UsageError("a process that diagnosed detections ended, most likely for lack of memory; try again")
    frames = []
    for kind in Diagnosed._fields:
        rows = [
            dict(zip(CELL, key, strict=True)) | row
            for (key, _), result in zip(parts, results, strict=True)
            for row in result[kind]
        ]
        frames.append(pd.DataFrame(rows))
    return Diagnosed(*frames)


def _diagnose(
    truth: pd.DataFrame,
    classes: tuple[str, ...],
    groups: dict[str, pd.Series],
    task: tuple[pd.DataFrame, list[str]],
) -> dict[str, list[dict[str, Any]]]:
    """The rows of one method under one condition for each table of :class:`Diagnosed`."""
    boxes, images = task
    result = diagnose(truth, boxes, images, classes)
    matrix = result.confusions.stack()
    recalls = np.linspace(0, 1, len(result.precision))
    return {
        "errors": [{"images": len(images), **_errors(result)}],
        "groups": [
            {"by": by, "group": name, "objects": number, "found": share}
            for by, of in groups.items()
            for name, number, share in found_shares(result.fate, of)
        ],
        "confusions": [
            {"object": of, "detection": found, "number": int(number)}
            for (of, found), number in matrix[matrix > 0].items()
        ],
        "curves": [
            {"recall": recall, "precision": precision}
            for recall, precision in zip(recalls.round(2).tolist(), result.precision.tolist(), strict=True)
        ],
    }


def _errors(result: Diagnosis) -> dict[str, float]:
    return (
        {"objects": result.objects, "AP50": result.average_precision}
        | {f"cost_{kind}": cost for kind, cost in result.cost.items()}
        | {f"count_{kind}": number for kind, number in result.number.items()}
        | {"calibration_error": result.calibration_error}
        | result.fates
        | {"alarms": result.alarms}
    )


def falls(table: pd.DataFrame) -> list[Fall]:
    """What changed from clean pairs to the highest severity, by factor and modality, over the methods that have both.

    ``table`` is :attr:`Diagnosed.errors`. Factors of which no severity was run are left out, and so is all where there
    are no clean pairs.
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
