"""Average precision and recall from matches, for the images as they are or for any weighting of them.

A bootstrap resample is a weighting: an image drawn twice counts twice. Precision can only peak at a hit, so it is
enough to count, at each hit, the hits and detections up to it; for many resamples that is one product of a sparse
matrix (detections between hits × images) with the weights. With weight 1 for every image the values are those of
pycocotools.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from detectors.evaluation import ALL, COUNTED, FEWEST_OBJECTS, POOLED, refuse_reserved
from detectors.evaluation.matching import (
    AREAS,
    DETECTION_COLUMNS,
    IOU_THRESHOLDS,
    TRUTH_COLUMNS,
    ClassMatches,
    box_iou,
    by_class_and_image,
    checked,
    match,
    objects_by_class,
    pooled,
)

RECALL_STEPS = 100
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, RECALL_STEPS + 1)
SPACING = np.spacing(1)
"""pycocotools adds it to the denominator of precision."""


def average_precision(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    images: Sequence[str],
    classes: Sequence[str],
    fewest_objects: int = FEWEST_OBJECTS,
) -> pd.DataFrame:
    """COCO average precision of one method under one condition: a row per class, then ``all``, ``counted``, ``pooled``.

    ``truth``: image, class, x, y, w, h; ``detections``: image, class, score, x, y, w, h (pixels, any order of rows).
    Columns of the result: class, AP (mean over IoU 0.50:0.05:0.95), AP50, AP75, APs, APm, APl (objects below 32², up to
    96², above), AR (100 detections per image and class) and ``truths`` (number of objects), all in [0, 1]. A class
    without objects has NaN in every value and no part in ``all``; so has a size without objects. ``counted`` is the
    mean over the classes with ``fewest_objects`` or more, NaN where there is none; ``pooled`` is one precision over the
    detections of all classes, each matched within its class. Raises ``ValueError`` where a class has one of these
    names.

    >>> box = {"image": ["1"], "class": ["Car"], "x": [10.0], "y": [5.0], "w": [40.0], "h": [20.0]}
    >>> truth, found = pd.DataFrame(box), pd.DataFrame(box | {"score": [0.9]})
    >>> average_precision(truth, found, ["1"], ["Car"])[["class", "AP", "truths"]].round(3).values.tolist()[0]
    ['Car', 1.0, 1]
    """
    refuse_reserved(classes)
    matches = match(truth, detections, images, classes)
    table = pd.DataFrame([{"class": name} | _values(matches[name]) for name in classes])
    counted = table[table["truths"] >= fewest_objects]
    summaries = [{"class": name} | _means(part) for name, part in ((ALL, table), (COUNTED, counted))]
    summaries.append({"class": POOLED} | _values(pooled(list(matches.values()))))
    return pd.concat([table, pd.DataFrame(summaries)], ignore_index=True)


def _means(table: pd.DataFrame) -> dict[str, float]:
    """The mean of each measure over the classes that have it, NaN where none has, and the number of objects."""
    measures = table.columns.difference(["class", "truths"])
    return {name: table[name].mean() for name in measures} | {"truths": int(table["truths"].sum())}


def _values(matches: ClassMatches) -> dict[str, float]:
    """The measures of one class."""
    per_area = [precision_and_recall(matches, area=index) for index in range(len(AREAS))]
    whole, small, medium, large = (precision[:, 0] for precision, _ in per_area)
    return {
        "AP": whole.mean(),
        "AP50": whole[_at(0.5)],
        "AP75": whole[_at(0.75)],
        "APs": small.mean(),
        "APm": medium.mean(),
        "APl": large.mean(),
        "AR": per_area[0][1][:, 0].mean(),
        "truths": int(matches.positives[0].sum()),
    }


def precision_and_recall(
    matches: ClassMatches, weights: np.ndarray | None = None, area: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and final recall of one class, each T×S, for S weightings of the images.

    ``weights`` is images×S with whole numbers ≥ 0 (how often an image is in the sample); without it there is one
    sample with every image once. NaN where a sample has no object of the class.
    """
    if weights is None:
        weights = np.ones((matches.positives.shape[1], 1))
    positives = matches.positives[area] @ weights
    values = [
        _interpolated(*_counts_at_hits(matches.image, hit, ignored, weights), positives)
        for hit, ignored in zip(matches.hit[area], matches.ignored[area], strict=True)
    ]
    return np.stack([ap for ap, _ in values]), np.stack([ar for _, ar in values])


def _counts_at_hits(
    image: np.ndarray, hit: np.ndarray, ignored: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At each hit, best score first: the weighted number of hits and of detections so far, each hits×S."""
    image, hit = image[~ignored], hit[~ignored]
    places = np.flatnonzero(hit)
    if len(places) == 0:
        return np.zeros((0, weights.shape[1])), np.zeros((0, weights.shape[1]))
    last = places[-1] + 1
    step = np.cumsum(hit[:last]) - hit[:last]  # detections between two hits belong to the later one
    seen = csr_array((np.ones(last), (step, image[:last])), shape=(len(places), len(weights)))
    return _running(np.add, weights[image[places]]), _running(np.add, seen @ weights)


def _interpolated(found: np.ndarray, before: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """101-point interpolated average precision (S) and final recall (S) from the counts at each hit (hits×S).

    Precision is made monotone from the right and read at the first hit whose recall reaches each threshold: so each hit
    counts with the number of thresholds that its recall passes for the first time.
    """
    exists = positives > 0
    divisor = np.where(exists, positives, 1)
    if len(found) == 0:
        nothing = np.where(exists, 0.0, np.nan)
        return nothing, nothing.copy()
    precision = found / (before + SPACING)
    envelope = _running(np.maximum, precision[::-1])[::-1]
    passed = _thresholds_passed(found / divisor)
    passed[1:] -= passed[:-1].copy()
    ap = np.einsum("ks,ks->s", envelope, passed) / len(RECALL_THRESHOLDS)
    return np.where(exists, ap, np.nan), np.where(exists, found[-1] / divisor, np.nan)


def _running(operation: np.ufunc, rows: np.ndarray) -> np.ndarray:
    """``operation.accumulate(rows, axis=0)`` in place, row by row: three times as fast, since rows are contiguous."""
    for above, row in pairwise(rows):
        operation(above, row, out=row)
    return rows


def _thresholds_passed(recall: np.ndarray) -> np.ndarray:
    """How many of the 101 thresholds are ≤ recall: exactly ``searchsorted(RECALL_THRESHOLDS, recall, "right")``."""
    nearest = np.rint(recall * RECALL_STEPS)
    return nearest + (nearest * RECALL_THRESHOLDS[1] <= recall)


def _at(iou: float) -> int:
    return int(np.argmin(np.abs(IOU_THRESHOLDS - iou)))


def average_precision_voc(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """``AP50_voc``: the PASCAL VOC 2010 measure (area under the whole curve, IoU ≥ 0.5), another number than AP50.

    It differs in three ways: no interpolation at 101 recalls; a detection belongs to the object that it overlaps most,
    so that a second one on the same object is a false alarm even where it also overlaps a free object; and the number
    of detections per image is not limited. Boxes are continuous (no pixel is added to widths). Columns: class,
    AP50_voc, truths; the row ``all`` is the mean over the classes with objects.
    """
    truth, detections = checked(truth, TRUTH_COLUMNS, "truth"), checked(detections, DETECTION_COLUMNS, "detections")
    objects, found = objects_by_class(truth, images), by_class_and_image(detections, images, DETECTION_COLUMNS[2:])
    rows = []
    for name in classes:
        own = objects.get(name, {})
        truths = sum(int((rows[:, 4] == 0).sum()) for rows in own.values())
        hits = _hits_voc(own, found.get(name, {}))
        rows.append({"class": name, "AP50_voc": area_under_curve(hits, truths), "truths": truths})
    table = pd.DataFrame(rows)
    mean = {"class": "all", "AP50_voc": table["AP50_voc"].mean(), "truths": int(table["truths"].sum())}
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


def area_under_curve(hits: np.ndarray, truths: int) -> float:
    """Area under the monotone precision–recall curve of detections in the order of their scores; NaN for no objects.

    Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.
    """
    if truths == 0:
        return np.nan
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hits].sum() / truths)


def _hits_voc(objects: dict[int, np.ndarray], found: dict[int, np.ndarray]) -> np.ndarray:
    """Whether each detection of a class is the first on its object, by falling score; those of difficult ones not."""
    scores, hits = [], []
    for index, rows in found.items():
        rows = rows[np.argsort(-rows[:, 0], kind="stable")]
        hit = np.zeros(len(rows), dtype=bool)
        if (own := objects.get(index)) is not None:
            iou = box_iou(rows[:, 1:], own[:, :4])
            near, best = iou.max(axis=1) >= IOU_THRESHOLDS[0], iou.argmax(axis=1)
            counts = ~(near & (own[best, 4] > 0))
            rows, near, best, hit = rows[counts], np.flatnonzero(near[counts]), best[counts], hit[counts]
            hit[near[np.unique(best[near], return_index=True)[1]]] = True
        scores.append(rows[:, 0])
        hits.append(hit)
    if not scores:
        return np.zeros(0, dtype=bool)
    return np.concatenate(hits)[np.argsort(-np.concatenate(scores), kind="stable")]
