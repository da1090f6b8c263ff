"""Average precision as ``yolo val`` of ultralytics states it: another number than that of COCO, from the same boxes.

The definition is that of ultralytics 8.4, written out here so that a number does not change with what is installed, and
so that a bootstrap can reweight images; the tests compare with its own validator. docs/average_precision.md measures
each difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.evaluation import ALL, refuse_reserved
from detectors.evaluation.average_precision import precision_and_recall, trapezoids
from detectors.evaluation.matching import (
    AREAS,
    DETECTION_COLUMNS,
    TRUTH_COLUMNS,
    ClassMatches,
    by_class_and_image,
    checked,
    gathered,
    match_boxes,
    objects_by_class,
)

MOST_PER_IMAGE = 300
"""``max_det`` of ``yolo val``: so many best detections of an image count, of all classes together."""


def average_precision_ultralytics(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """``AP50_ultralytics`` and ``AP_ultralytics`` (0.50:0.05:0.95).

    From COCO's they differ in three ways: precision is integrated by trapezoids between 101 recalls, where COCO takes
    the mean of 101 points; the 300 best detections of an image count, not the 100 best of each class; and there are no
    difficult objects: those marked so are left out, and detections of them are false alarms.

    Columns: class, AP50_ultralytics, AP_ultralytics, truths; the row ``all`` is the mean over the classes with objects.
    Arguments and errors are those of :func:`detectors.evaluation.average_precision.average_precision`.
    """
    refuse_reserved(classes)
    matches = match_ultralytics(truth, detections, images, classes)
    values = np.array([precision_and_recall(matches[name], read=trapezoids)[0][:, 0] for name in classes])
    truths = [int(matches[name].positives.sum()) for name in classes]
    table = pd.DataFrame(
        {"class": list(classes), "AP50_ultralytics": values[:, 0], "AP_ultralytics": values.mean(1), "truths": truths}
    )
    mean = {"class": ALL} | table[["AP50_ultralytics", "AP_ultralytics"]].mean().to_dict() | {"truths": sum(truths)}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


def match_ultralytics(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> dict[str, ClassMatches]:
    """As :func:`detectors.evaluation.matching.match`, for all sizes of objects, by ultralytics' rules."""
    truth, detections = checked(truth, TRUTH_COLUMNS, "truth"), checked(detections, DETECTION_COLUMNS, "detections")
    if "difficult" in truth:
        truth = truth[~truth["difficult"].astype(bool)]
    objects = objects_by_class(truth, images)
    found = by_class_and_image(_best(detections), images, DETECTION_COLUMNS[2:])
    return {name: gathered(objects.get(name, {}), found.get(name, {}), len(images), _hits) for name in classes}


def _best(detections: pd.DataFrame) -> pd.DataFrame:
    ranked = detections.sort_values("score", ascending=False, kind="stable")
    return ranked.groupby("image", sort=False).head(MOST_PER_IMAGE)


def _hits(boxes: np.ndarray, objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each detection of a class in an image, best first, is a hit, and that none is ignored: each 10×D.

    As COCO's, but for objects that a detection overlaps alike: the first of them is taken, not the last.
    """
    taken, _ = match_boxes(boxes, objects[::-1, :4], np.array([AREAS["all"]]))
    return taken[0] >= 0, np.zeros(taken.shape[1:], dtype=bool)
