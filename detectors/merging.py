"""Detections of several detectors in one image as one list: weighted boxes fusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.detection import Detection

SAME_OBJECT = 0.55
"""Overlap above which boxes of one class are taken for one object; the value of the paper."""


def merge_detections(
    found: Sequence[Sequence[Detection]], size: tuple[int, int], most: int = 300, iou: float = SAME_OBJECT
) -> list[Detection]:
    """What several detectors ``found`` in one image of ``size`` (height, width), best score first, at most ``most``.

    Solovyev, Wang & Gabruseva, Weighted boxes fusion (2021), by the authors' library: boxes of one class that overlap
    by more than ``iou`` become one, whose corners are their mean weighted by score and whose score is their mean score
    times min(boxes, detectors) / detectors. So a box that one of two detectors finds alone keeps half of its score.

    >>> ir, vis = [Detection("Car", 0.9, 0, 0, 10, 10)], [Detection("Car", 0.3, 0, 0, 14, 10)]
    >>> [(one.label, round(one.score, 3), round(one.w, 3)) for one in merge_detections([ir, vis], (20, 20))]
    [('Car', 0.6, 11.0)]
    """
    from ensemble_boxes import weighted_boxes_fusion

    labels = sorted({one.label for of in found for one in of})
    height, width = size
    scale = np.array([width, height, width, height], dtype=float)
    boxes, scores, classes = [], [], []
    for of in found:
        corners = np.array([(x, y, x + w, y + h) for _, _, x, y, w, h in of]).reshape(-1, 4).clip(0, scale) / scale
        whole = (corners[:, 2:] > corners[:, :2]).all(axis=1)  # a box without area, at the border, overlaps nothing
        boxes.append(corners[whole])
        scores.append(np.array([one.score for one in of])[whole])
        classes.append(np.array([labels.index(one.label) for one in of])[whole])
    if not any(map(len, boxes)):
        return []
    merged = weighted_boxes_fusion(boxes, scores, classes, iou_thr=iou)
    table = [
        Detection(labels[int(label)], float(score), *map(float, (x1, y1, x2 - x1, y2 - y1)))
        for (x1, y1, x2, y2), score, label in zip(merged[0] * scale, *merged[1:], strict=True)
    ]
    return sorted(table, key=lambda one: -one.score)[:most]
