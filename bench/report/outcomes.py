"""What a detector made of one image: found, missed, false alarms; and where methods differ in that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.pair import Box
from detectors.detector import Detection
from detectors.evaluation.matching import AREAS, box_iou, match_boxes

SHOWN_FROM = 0.25
"""Detections below this score are not drawn; the usual threshold of YOLO pictures."""


class Outcome(NamedTuple):
    """Detections that are right, detections that are not, objects not found."""

    hits: list[Detection]
    alarms: list[Detection]
    misses: list[Box]


NOTHING = Outcome([], [], [])
"""Of an image that no detector looked at: nothing is found in it, and nothing missed."""


def outcome(boxes: Sequence[Box], detections: Sequence[Detection], shown_from: float = SHOWN_FROM) -> Outcome:
    """Sort detections above a score into hits and false alarms (class by class, IoU ≥ 0.5), and name the misses.

    >>> of = outcome([Box("Car", 0, 0, 9, 9)], [Detection("Car", 0.9, 0, 0, 9, 8), Detection("Bus", 0.4, 0, 0, 9, 9)])
    >>> len(of.hits), len(of.alarms), len(of.misses)
    (1, 1, 0)
    """
    everywhere = np.array([AREAS["all"]])
    result = Outcome([], [], [])
    for label in sorted({box.label for box in boxes} | {found.label for found in detections}):
        found = sorted((d for d in detections if d.label == label and d.score >= shown_from), key=lambda d: -d.score)
        objects = [box for box in boxes if box.label == label]
        sides = np.array([d[2:] for d in found], dtype=float).reshape(-1, 4)
        truth = np.array([box[1:] for box in objects], dtype=float).reshape(-1, 4)
        taken = match_boxes(sides, truth, everywhere)[0][0, 0]
        result.hits.extend(d for d, of in zip(found, taken, strict=True) if of >= 0)
        result.alarms.extend(d for d, of in zip(found, taken, strict=True) if of < 0)
        result.misses.extend(box for index, box in enumerate(objects) if index not in taken)
    return result


def without_difficult(
    detections: Sequence[Detection], boxes: Sequence[Box], difficult: Sequence[Box], threshold: float = 0.5
) -> list[Detection]:
    """The detections without those of difficult objects, which are neither hits nor false alarms.

    One lies on a difficult object by its own area, as in :func:`detectors.evaluation.matching.match_boxes`.
    """

    def on(detection: Detection, objects: Sequence[Box], crowd: bool = False) -> bool:
        alike = [box[1:] for box in objects if box.label == detection.label]
        crowds = np.full(len(alike), crowd)
        return bool(alike) and bool((box_iou(np.array([detection[2:]]), np.array(alike), crowds) >= threshold).any())

    return [detection for detection in detections if on(detection, boxes) or not on(detection, difficult, crowd=True)]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes (x, y, w, h)."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(first[2] * first[3] + second[2] * second[3]) - shared)
