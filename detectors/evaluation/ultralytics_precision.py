"""Average precision as ``yolo val`` of ultralytics states it: another number than that of COCO, from the same boxes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.evaluation import ALL, refuse_reserved
from detectors.evaluation.matching import (
    DETECTION_COLUMNS,
    IOU_THRESHOLDS,
    TRUTH_COLUMNS,
    box_iou,
    by_class_and_image,
    checked,
    objects_by_class,
)

MOST_PER_IMAGE = 300
"""``max_det`` of ``yolo val``: so many best detections of an image count, of all classes together."""


def average_precision_ultralytics(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """``AP50_ultralytics`` and ``AP_ultralytics`` (0.50:0.05:0.95), by ultralytics' own functions.

    From COCO's they differ in four ways (docs/detection.md shows by how much): precision is interpolated between the
    measured recalls and integrated by trapezoids, where COCO reads it at 101 recalls; where the curve ends, it falls in
    a line to 0; the 300 best detections of an image count, not the 100 best of each class; and there are no difficult
    objects: those marked so are left out, and detections of them are false alarms.

    Columns: class, AP50_ultralytics, AP_ultralytics, truths; the row ``all`` is the mean over the classes with objects.
    Arguments and errors are those of :func:`detectors.evaluation.average_precision.average_precision`.
    """
    refuse_reserved(classes)
    import_ultralytics()
    from ultralytics.utils.metrics import ap_per_class

    truth, detections = checked(truth, TRUTH_COLUMNS, "truth"), checked(detections, DETECTION_COLUMNS, "detections")
    objects = objects_by_class(truth, images)
    found = by_class_and_image(_best(detections), images, DETECTION_COLUMNS[2:])
    correct, scores, named, wanted = [], [], [], []
    for place, name in enumerate(classes):
        own, of_class = objects.get(name, {}), found.get(name, {})
        counting = {image: rows[rows[:, 4] == 0, :4] for image, rows in own.items()}
        wanted += [place] * sum(map(len, counting.values()))
        for image, rows in of_class.items():
            rows = rows[np.argsort(-rows[:, 0], kind="stable")]
            correct.append(_matched(rows[:, 1:], counting.get(image, np.zeros((0, 4)))))
            scores.append(rows[:, 0])
            named += [place] * len(rows)
    truths = np.bincount(np.array(wanted, dtype=int), minlength=len(classes))
    values = np.full((len(classes), len(IOU_THRESHOLDS)), np.nan)
    values[truths > 0] = 0
    if scores and wanted:
        order = np.argsort(-np.concatenate(scores), kind="stable")
        hits, confidence, of = np.concatenate(correct)[order], np.concatenate(scores)[order], np.array(named)[order]
        result = ap_per_class(hits, confidence, of, np.array(wanted))
        values[result[6]] = result[5]
    table = pd.DataFrame(
        {"class": list(classes), "AP50_ultralytics": values[:, 0], "AP_ultralytics": values.mean(1), "truths": truths}
    )
    mean = {"class": ALL} | table[["AP50_ultralytics", "AP_ultralytics"]].mean().to_dict() | {"truths": truths.sum()}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


def _best(detections: pd.DataFrame) -> pd.DataFrame:
    ranked = detections.sort_values("score", ascending=False, kind="stable")
    return ranked.groupby("image", sort=False).head(MOST_PER_IMAGE)


def _matched(found: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Whether each of D detections of a class in an image, best first, is a hit, D×10: ultralytics' own matching."""
    from ultralytics.engine.validator import BaseValidator

    if not len(found) or not len(objects):
        return np.zeros((len(found), len(IOU_THRESHOLDS)), dtype=bool)
    thresholds: Any = SimpleNamespace(iouv=torch.from_numpy(IOU_THRESHOLDS))  # all that it reads of a validator
    one_class = torch.zeros(len(found)), torch.zeros(len(objects))
    iou = torch.from_numpy(box_iou(found, objects).T.copy())
    return BaseValidator.match_predictions(thresholds, *one_class, iou).numpy()
