"""What a detector made of one image: found, missed, false alarms; and where methods differ in that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.datasets.pair import Box
from detectors.detection import Detection
from detectors.evaluation.fates import EVERYWHERE, SHOWN_FROM
from detectors.evaluation.matching import match_boxes


class Outcome(NamedTuple):
    """Detections that are right, detections that are not, objects not found."""

    hits: list[Detection]
    alarms: list[Detection]
    misses: list[Box]


NOTHING = Outcome([], [], [])
"""Of an image that no detector looked at: nothing is found in it, and nothing missed."""


def outcome(
    boxes: Sequence[Box],
    detections: Sequence[Detection],
    difficult: Sequence[Box] = (),
    shown_from: float = SHOWN_FROM,
) -> Outcome:
    """Sort detections above a score into hits and false alarms (class by class, IoU ≥ 0.5), and name the misses.

    The matching is that of average precision: a ``difficult`` object is neither found nor missed, and a detection on it
    is left out.

    >>> of = outcome([Box("Car", 0, 0, 9, 9)], [Detection("Car", 0.9, 0, 0, 9, 8), Detection("Bus", 0.4, 0, 0, 9, 9)])
    >>> len(of.hits), len(of.alarms), len(of.misses)
    (1, 1, 0)
    """
    result = Outcome([], [], [])
    for label in sorted({box.label for box in boxes} | {found.label for found in detections}):
        found = sorted((d for d in detections if d.label == label and d.score >= shown_from), key=lambda d: -d.score)
        objects = [box for box in boxes if box.label == label]
        hard = [box for box in difficult if box.label == label]
        sides, truth = (np.array(group, dtype=float).reshape(-1, 4) for group in (
            [d[2:] for d in found], [box[1:] for box in (*objects, *hard)]
        ))  # fmt: skip
        flags = np.arange(len(truth)) >= len(objects)
        taken, ignored = (each[0, 0] for each in match_boxes(sides, truth, EVERYWHERE, flags))
        counting = [(d, of) for d, of, left_out in zip(found, taken, ignored, strict=True) if not left_out]
        result.hits.extend(d for d, of in counting if of >= 0)
        result.alarms.extend(d for d, of in counting if of < 0)
        result.misses.extend(box for index, box in enumerate(objects) if index not in taken)
    return result
