"""Average precision as PASCAL VOC states it since 2010: another number than that of COCO, from the same boxes.

Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.evaluation import ALL, refuse_reserved
from detectors.evaluation.average_precision import precision_and_recall, whole_area
from detectors.evaluation.matching import (
    DETECTION_COLUMNS,
    IOU_THRESHOLDS,
    TRUTH_COLUMNS,
    ClassMatches,
    box_iou,
    by_class_and_image,
    checked,
    gathered,
    objects_by_class,
)


def average_precision_voc(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """``AP50_voc``: the area under the whole curve at IoU ≥ 0.5, another number than AP50.

    It differs in three ways: no interpolation at 101 recalls; a detection belongs to the object that it overlaps most,
    so that a second one on the same object is a false alarm even where it also overlaps a free object; and the number
    of detections per image is not limited. Boxes are continuous (no pixel is added to widths), and the overlap with a
    difficult object is the ordinary one. Columns: class, AP50_voc, truths; the row ``all`` is the mean over the classes
    with objects. Arguments are those of :func:`detectors.evaluation.average_precision.average_precision`.
    """
    refuse_reserved(classes)
    matches = match_voc(truth, detections, images, classes)
    values = [precision_and_recall(matches[name], read=whole_area)[0][0, 0] for name in classes]
    truths = [int(matches[name].positives.sum()) for name in classes]
    table = pd.DataFrame({"class": list(classes), "AP50_voc": values, "truths": truths})
    mean = {"class": ALL, "AP50_voc": table["AP50_voc"].mean(), "truths": int(table["truths"].sum())}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


def match_voc(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> dict[str, ClassMatches]:
    """As :func:`detectors.evaluation.matching.match`, by VOC's rules: all sizes of objects, one threshold of 0.5."""
    truth, detections = checked(truth, TRUTH_COLUMNS, "truth"), checked(detections, DETECTION_COLUMNS, "detections")
    objects, found = objects_by_class(truth, images), by_class_and_image(detections, images, DETECTION_COLUMNS[2:])
    return {name: gathered(objects.get(name, {}), found.get(name, {}), len(images), _hits) for name in classes}


def _hits(boxes: np.ndarray, objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each detection in an image, best first, is the first on its object, or on a difficult one: each 1×D."""
    hit, ignored = np.zeros((2, 1, len(boxes)), dtype=bool)
    if len(objects) and len(boxes):
        iou = box_iou(boxes, objects[:, :4])
        near, best = iou.max(axis=1) >= IOU_THRESHOLDS[0], iou.argmax(axis=1)
        ignored[0] = near & (objects[best, 4] > 0)
        counts = np.flatnonzero(near & ~ignored[0])
        hit[0, counts[np.unique(best[counts], return_index=True)[1]]] = True
    return hit, ignored
