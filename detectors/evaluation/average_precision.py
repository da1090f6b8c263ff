"""Average precision and recall from matches, for the images as they are or for any weighting of them.

A bootstrap resample is a weighting: an image drawn twice counts twice. Precision can only peak at a hit, so it is
enough to count, at each hit, the hits and detections up to it; for many resamples that is one product of a sparse
matrix (detections between hits × images) with the weights. With weight 1 for every image the values are those of
pycocotools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from detectors.evaluation import ALL, COUNTED, FEWEST_OBJECTS, POOLED, refuse_reserved
from detectors.evaluation.matching import AREAS, IOU_THRESHOLDS, ClassMatches, match, pooled

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


Read = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""How a definition makes one number of a curve: from the precision, falling, and the recall at each hit (each hits×S,
best score first) to average precision (S)."""


def interpolated(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """COCO: the mean of precision at 101 recalls from 0 to 1, each read at the first hit that reaches it.

    So each hit counts with the number of recalls that it is the first to reach.

    >>> interpolated(np.ones((1, 1)), np.full((1, 1), 0.5)).round(4).tolist()  # 51 of 101
    [0.505]
    """
    passed = _increments(_thresholds_passed(recall))
    return np.einsum("ks,ks->s", precision, passed) / len(RECALL_THRESHOLDS)


def whole_area(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """PASCAL VOC 2010: the area under the whole curve.

    >>> whole_area(np.ones((1, 1)), np.full((1, 1), 0.5)).tolist()
    [0.5]
    """
    return np.einsum("ks,ks->s", precision, _increments(recall.copy()))


def precision_and_recall(
    matches: ClassMatches, weights: np.ndarray | None = None, area: int = 0, read: Read = interpolated
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and final recall of one class, each T×S, for S weightings of the images.

    ``weights`` is images×S with whole numbers ≥ 0 (how often an image is in the sample); without it there is one
    sample with every image once. NaN where a sample has no object of the class.
    """
    positives = matches.positives[area].sum(keepdims=True) if weights is None else matches.positives[area] @ weights
    hit, ignored = matches.hit[area], matches.ignored[area]
    ap, ar = np.empty((2, len(hit), len(positives)))
    counts = _counts_at_hits if weights is None else partial(_weighted_counts_at_hits, matches.image, weights)
    for threshold, found, before in counts(hit, ignored):
        ap[threshold], ar[threshold] = _read(found, before, positives, read)
    return ap, ar


Counts = Iterator[tuple[int, np.ndarray, np.ndarray]]
"""A threshold, and at each of its hits, best score first, the number of hits and of detections so far (each hits×S)."""


def _counts_at_hits(hit: np.ndarray, ignored: np.ndarray) -> Counts:
    """Of every image once, from T×D matches."""
    for threshold, (of, left_out) in enumerate(zip(hit, ignored, strict=True)):
        places = np.flatnonzero(of[~left_out])
        yield threshold, np.arange(1.0, len(places) + 1)[:, None], (places + 1.0)[:, None]


def _weighted_counts_at_hits(image: np.ndarray, weights: np.ndarray, hit: np.ndarray, ignored: np.ndarray) -> Counts:
    """Of images as often as their ``weights`` (images×S) say.

    Detections are counted once for all thresholds that ignore the same ones, which is nearly always all of them.
    """
    alike: dict[bytes, list[int]] = {}
    for threshold, left_out in enumerate(ignored):
        alike.setdefault(left_out.tobytes(), []).append(threshold)
    for thresholds in alike.values():
        kept = np.flatnonzero(~ignored[thresholds[0]])
        of_kept, hits = image[kept], hit[thresholds][:, kept]
        places = np.flatnonzero(hits.any(axis=0))
        before = _detections_up_to(places, of_kept, weights)
        for threshold, own in zip(thresholds, hits[:, places], strict=True):
            yield threshold, _running(np.add, weights[of_kept[places[own]]]), before[own]


def _detections_up_to(places: np.ndarray, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted number of detections up to each of some places among them, places×S."""
    if len(places) == 0:
        return np.zeros((0, weights.shape[1]))
    last = places[-1] + 1
    rows = np.concatenate([[0], places + 1])  # detections between two places belong to the later one
    seen = csr_array((np.ones(last), image[:last], rows), shape=(len(places), len(weights)))
    return _running(np.add, seen @ weights)


def _read(found: np.ndarray, before: np.ndarray, positives: np.ndarray, read: Read) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and final recall (S) from the counts at each hit (hits×S), which it uses up.

    Precision falls with recall.
    """
    exists = positives > 0
    if len(found) == 0:
        nothing = np.where(exists, 0.0, np.nan)
        return nothing, nothing.copy()
    before += SPACING
    precision = np.divide(found, before, out=before)
    recall = np.divide(found, np.where(exists, positives, 1), out=found)
    envelope = _running(np.maximum, precision[::-1])[::-1]
    final = np.where(exists, recall[-1], np.nan)
    return np.where(exists, read(envelope, recall), np.nan), final


def _increments(rows: np.ndarray) -> np.ndarray:
    """What each row adds to the one before it, in place."""
    for row, above in pairwise(rows[::-1]):
        row -= above
    return rows


def _running(operation: np.ufunc, rows: np.ndarray) -> np.ndarray:
    """``operation.accumulate(rows, axis=0)`` in place, row by row: three times as fast, since rows are contiguous."""
    for above, row in pairwise(rows):
        operation(above, row, out=row)
    return rows


def _thresholds_passed(recall: np.ndarray, reached: bool = True) -> np.ndarray:
    """How many of the 101 thresholds are ≤ recall: exactly ``searchsorted(RECALL_THRESHOLDS, recall, "right")``.

    Without ``reached`` how many are below it.
    """
    passed = recall * RECALL_STEPS
    np.rint(passed, out=passed)
    threshold = passed * RECALL_THRESHOLDS[1]
    passed += threshold <= recall if reached else threshold < recall
    return passed


def trapezoids(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """ultralytics: the area of trapezoids between 101 recalls, precision being 0 from the last hit on.

    Its curve steps down after each hit; a recall that a hit just reaches is read behind the step. So 100 steps count
    where COCO counts 101 points, the first of them by half.

    >>> trapezoids(np.ones((1, 1)), np.full((1, 1), 0.5)).round(4).tolist()
    [0.495]
    """
    passed = _increments(_thresholds_passed(recall, reached=False))
    return (np.einsum("ks,ks->s", precision, passed) - precision[0] / 2) / RECALL_STEPS


def _at(iou: float) -> int:
    return int(np.argmin(np.abs(IOU_THRESHOLDS - iou)))
