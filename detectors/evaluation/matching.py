"""Which detection found which object: the matching of COCO, done once per image and kept for every later statistic.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; the rules are those of pycocotools' ``COCOeval``,
which the tests compare with. Objects marked ``difficult`` (by PASCAL VOC, or as crowds by COCO) are COCO's crowds:
neither missed nor found, and detections that lie on one by half of their own area, any number, do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Object sizes in square pixels of the original image."""
DETECTIONS_PER_IMAGE = 100
"""Of each class in each image this many best detections are looked at."""

TRUTH_COLUMNS = ("image", "class", "x", "y", "w", "h")
"""A truth table may have the column ``difficult`` (bool) as well."""
DETECTION_COLUMNS = ("image", "class", "score", "x", "y", "w", "h")


@dataclass(frozen=True)
class ClassMatches:
    """The fate of all detections D of one class, best score first, for each of A areas and T thresholds of IoU."""

    image: np.ndarray
    """D: index of the image that a detection lies in."""
    score: np.ndarray
    """D."""
    hit: np.ndarray
    """A×T×D bool: matched to an object that counts."""
    ignored: np.ndarray
    """A×T×D bool: neither hit nor false alarm: it or its object is outside the area, or its object is difficult."""
    positives: np.ndarray
    """A×images: number of objects that count."""


def match(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    images: Sequence[str],
    classes: Sequence[str],
    areas: Sequence[str] = tuple(AREAS),
) -> dict[str, ClassMatches]:
    """Match the detections of one method under one condition to the objects of ``images``, class by class.

    ``truth`` has the columns image, class, x, y, w, h, ``detections`` a score as well; rows of other images or classes
    are left out. Raises ``ValueError`` where a column is missing or a value is not finite.
    """
    truth = checked(truth, TRUTH_COLUMNS, "truth")
    detections = checked(detections, DETECTION_COLUMNS, "detections")
    limits = np.array([AREAS[area] for area in areas])
    objects, found = objects_by_class(truth, images), by_class_and_image(detections, images, DETECTION_COLUMNS[2:])
    return {name: _match_class(objects.get(name, {}), found.get(name, {}), len(images), limits) for name in classes}


def _match_class(
    objects: dict[int, np.ndarray], found: dict[int, np.ndarray], images: int, limits: np.ndarray
) -> ClassMatches:
    """Matches of one class from its rows per image index: objects G×5, difficult last, detections D×5, score first."""
    positives = np.zeros((len(limits), images))
    for index, rows in objects.items():
        positives[:, index] = (~_outside(rows, limits) & (rows[:, 4] == 0)).sum(axis=1)

    def matched(boxes: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken, ignored = match_boxes(boxes, own[:, :4], limits, own[:, 4] > 0)
        return (taken >= 0) & ~ignored, ignored

    shape = (len(limits), len(IOU_THRESHOLDS))
    return ClassMatches(*_in_order(objects, found, shape, matched, DETECTIONS_PER_IMAGE), positives)


Matched = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""The detections D×4 of one class in an image, best first, and its objects G×5, difficult last → hit and ignored."""


def gathered(
    objects: dict[int, np.ndarray], found: dict[int, np.ndarray], images: int, matched: Matched
) -> ClassMatches:
    """Matches of one class by the rules of ``matched`` (hit and ignored, each T×D), for objects of all sizes."""
    positives = np.zeros((1, images))
    for index, rows in objects.items():
        positives[0, index] = (rows[:, 4] == 0).sum()
    nothing = np.zeros((0, 5))
    steps = len(matched(nothing[:, :4], nothing)[0])
    image, score, hit, ignored = _in_order(objects, found, (steps,), matched)
    return ClassMatches(image, score, hit[None], ignored[None], positives)


def _in_order(
    objects: dict[int, np.ndarray],
    found: dict[int, np.ndarray],
    shape: tuple[int, ...],
    matched: Matched,
    most: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Image, score, hit and ignored (each ``shape``×D) of all detections, the ``most`` best of an image, best first."""
    nothing, empty = np.zeros((0, 5)), np.zeros((*shape, 0), dtype=bool)
    image, score, hit, ignored = [np.zeros(0, dtype=int)], [np.zeros(0)], [empty], [empty]
    for index in sorted(found):
        rows = found[index][np.argsort(-found[index][:, 0], kind="stable")[:most]]
        is_hit, is_ignored = matched(rows[:, 1:], objects.get(index, nothing))
        image.append(np.full(len(rows), index))
        score.append(rows[:, 0])
        hit.append(is_hit)
        ignored.append(is_ignored)
    scores = np.concatenate(score)
    order = np.argsort(-scores, kind="stable")
    together = (np.concatenate(part, axis=-1)[..., order] for part in (image, hit, ignored))
    images, hits, left_out = together
    return images, scores[order], hits, left_out


def pooled(matches: Sequence[ClassMatches]) -> ClassMatches:
    """The matches of several classes as one: what each detection hit in its own class, the best score first."""
    score = np.concatenate([of.score for of in matches])
    order = np.argsort(-score, kind="stable")
    return ClassMatches(
        np.concatenate([of.image for of in matches])[order],
        score[order],
        np.concatenate([of.hit for of in matches], axis=2)[..., order],
        np.concatenate([of.ignored for of in matches], axis=2)[..., order],
        np.sum([of.positives for of in matches], axis=0),
    )


def match_boxes(
    found: np.ndarray, objects: np.ndarray, limits: np.ndarray, difficult: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy matching in one image of D×4 detections (best first) with G×4 objects: (object, ignored), each A×T×D.

    Each detection in turn takes the free object that it overlaps most, if the IoU reaches the threshold; the later one
    among equals. ``object`` is its index, or -1. An object outside the area range is taken only where none inside it
    can be, and the detection is then ignored; so is a detection outside the range that takes no object. A ``difficult``
    object (G bool) is as one outside, but any number of detections may take it, and for it the overlap is the share of
    the detection that lies on it: a crowd is larger than what is in it.
    """
    shape = (len(limits), len(IOU_THRESHOLDS), len(found))
    taken = np.full(shape, -1)
    ignored = np.repeat(_outside(found, limits)[:, None, :], len(IOU_THRESHOLDS), axis=1)
    if len(objects) == 0 or len(found) == 0:
        return taken, ignored
    order = np.arange(len(objects))[::-1]  # argmax gives the first of equals, COCO wants the last
    difficult = np.zeros(len(objects), dtype=bool) if difficult is None else difficult
    iou = box_iou(found, objects, difficult)[:, order]
    outside = (_outside(objects, limits) | difficult)[:, None, order]
    difficult = difficult[order]
    free = np.ones((len(limits), len(IOU_THRESHOLDS), len(objects)), dtype=bool)
    near = iou >= IOU_THRESHOLDS[0]
    for d in np.flatnonzero(near.any(axis=1)):
        columns = np.flatnonzero(near[d])
        possible = free[..., columns] & (iou[d, columns] >= IOU_THRESHOLDS[:, None])
        if len(columns) > 1:  # the one that overlaps most, first among those inside
            inside = possible & ~outside[..., columns]
            choice = np.where(inside.any(axis=2, keepdims=True), inside, possible)
            best = np.where(choice, iou[d, columns], -1.0).argmax(axis=2)
            possible = choice & (best[..., None] == np.arange(len(columns)))
        area, threshold, which = np.nonzero(possible)
        column = columns[which]
        free[area, threshold, column] = difficult[column]
        taken[area, threshold, d] = order[column]
        ignored[area, threshold, d] = outside[area, 0, column]
    return taken, ignored


def box_iou(found: np.ndarray, objects: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """D×G intersection over union of boxes x, y, w, h; for a ``crowd`` (G bool) over the area of the detection alone.

    >>> box_iou(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 5], [20, 20, 5, 5]])).tolist()
    [[0.5, 0.0]]
    >>> box_iou(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 50, 50]]), np.array([True])).tolist()
    [[1.0]]
    """
    if not (len(found) and len(objects)):  # pycocotools gives a list
        return np.zeros((len(found), len(objects)))
    # pycocotools reads the buffer row by row, whatever the strides of the array are
    found, objects = np.ascontiguousarray(found, dtype=np.float64), np.ascontiguousarray(objects, dtype=np.float64)
    crowd = np.zeros(len(objects), dtype=bool) if crowd is None else crowd
    return coco_mask.iou(found, objects, crowd.astype(np.uint8))


def _outside(boxes: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """A×N: whether the area of each box lies outside each range (both ends belong to it)."""
    area = boxes[:, 2] * boxes[:, 3]
    return (area < limits[:, :1]) | (area > limits[:, 1:])


def checked(table: pd.DataFrame, columns: Sequence[str], what: str) -> pd.DataFrame:
    """The table, if it has ``columns`` and finite numbers in all but the first two of them."""
    if missing := [name for name in columns if name not in table]:
        raise ValueError(f"{what}: columns {', '.join(missing)} are missing; expected {', '.join(columns)}")
    numbers = table[list(columns[2:])].to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        bad = table["image"].to_numpy()[~np.isfinite(numbers).all(axis=1)][0]
        raise ValueError(f"{what} of image {bad!r}: a box or score is not a finite number; remove or correct the row")
    return table


def objects_by_class(truth: pd.DataFrame, images: Sequence[str]) -> dict[str, dict[int, np.ndarray]]:
    """Class → image index → its objects G×5: x, y, w, h and whether it is difficult (1 or 0)."""
    truth = truth if "difficult" in truth else truth.assign(difficult=False)
    return by_class_and_image(truth, images, (*TRUTH_COLUMNS[2:], "difficult"))


def by_class_and_image(
    table: pd.DataFrame, images: Sequence[str], columns: Sequence[str]
) -> dict[str, dict[int, np.ndarray]]:
    """Class → image index → its rows of some columns, in their order."""
    index = pd.Index(images).get_indexer(table["image"])
    by_class: dict[str, dict[int, np.ndarray]] = {}
    values = table[list(columns)].to_numpy(dtype=np.float64)
    known = np.flatnonzero((index >= 0) & table["class"].notna().to_numpy())
    codes, names = pd.factorize(table["class"].iloc[known])
    order = np.lexsort((index[known], codes))  # stable: rows of one image keep their order
    keys = np.stack([codes[order], index[known][order]])
    if not len(order):
        return by_class
    starts = np.flatnonzero(np.r_[True, (np.diff(keys, axis=1) != 0).any(axis=0)])
    for start, rows in zip(starts, np.split(values[known][order], starts[1:]), strict=True):
        by_class.setdefault(str(names[keys[0, start]]), {})[int(keys[1, start])] = rows
    return by_class
