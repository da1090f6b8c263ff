"""What becomes of each object, and which detections are false alarms, at the score from which a user sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.evaluation.matching import AREAS, box_iou, match_boxes

FOUND, NEAR = 0.5, 0.1
"""From this IoU on an object is found, and from this one on a box is at least near it (TIDE, Section 2)."""
SHOWN_FROM = 0.25
"""Score from which a detection counts here: what a user of a detector would be shown."""
FATES = ("found", "misplaced", "mistaken", "missed")
"""Of an object: hit by a detection of its class; else near one of its class; else hit by one of another class; else
none of these. Unlike the costs of TIDE they add up, and they do not shrink with AP itself."""
EVERYWHERE = np.array([AREAS["all"]])
SIDES = ["x", "y", "w", "h"]


def object_fates(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> tuple[pd.Series, int]:
    """The fate of each object of ``classes`` in ``images``, and the number of false alarms.

    ``truth``: image, class, x, y, w, h, perhaps difficult; ``detections``: image, class, score, x, y, w, h, of one
    method under one condition. The series has the index of ``truth`` and a value of :data:`FATES`, or NaN where an
    object does not count: difficult, of another class or in another image. Detections of a difficult object count
    neither way.

    >>> box = {"image": ["1"], "class": ["Car"], "x": [10.0], "y": [5.0], "w": [40.0], "h": [20.0]}
    >>> bus = pd.DataFrame(box | {"class": ["Bus"], "score": [0.9]})
    >>> fates, alarms = object_fates(pd.DataFrame(box), bus, ["1"], ["Bus", "Car"])
    >>> fates.tolist(), alarms
    (['mistaken'], 1)
    """
    number = {name: place for place, name in enumerate(images)}
    kind = {name: place for place, name in enumerate(classes)}
    shown = detections[detections["score"].to_numpy(float) >= SHOWN_FROM]
    shown = shown.iloc[np.argsort(-shown["score"].to_numpy(float), kind="stable")]
    objects, found = _Boxes(truth, number, kind), _Boxes(shown, number, kind)
    difficult = truth["difficult"].to_numpy(bool) if "difficult" in truth else np.zeros(len(truth), bool)
    fate, alarms = np.full(len(truth), None, dtype=object), 0
    for image in range(len(number)):
        there, seen = objects.of(image), found.of(image)
        if len(seen) or len(there):
            own, used = _of_image(objects, there, found, seen, difficult)
            fate[there] = own
            alarms += int((~used).sum())
    fate[difficult] = None
    return pd.Series(fate, index=truth.index).where(lambda of: of.notna(), np.nan), alarms


class _Boxes:
    """Sides and classes of a table, and the places of its rows image by image."""

    def __init__(self, table: pd.DataFrame, number: dict[str, int], kind: dict[str, int]) -> None:
        self.sides = table[SIDES].to_numpy(float)
        self.kind = np.array([kind.get(name, -1) for name in table["class"].tolist()], dtype=int)
        image = np.array([number.get(name, -1) for name in table["image"].tolist()], dtype=int)
        image[self.kind < 0] = -1
        self._order = np.argsort(image, kind="stable")
        self._first = np.searchsorted(image[self._order], np.arange(len(number) + 1))

    def of(self, image: int) -> np.ndarray:
        return self._order[self._first[image] : self._first[image + 1]]


def _of_image(
    objects: _Boxes, there: np.ndarray, found: _Boxes, seen: np.ndarray, difficult: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The fate of each object that is ``there``, and whether each detection that is ``seen`` is of an object."""
    wanted, boxes = objects.sides[there], found.sides[seen]
    hit, used = np.zeros(len(there), bool), np.zeros(len(seen), bool)
    for name in np.unique(found.kind[seen]):
        own, theirs = np.flatnonzero(found.kind[seen] == name), np.flatnonzero(objects.kind[there] == name)
        matched = match_boxes(boxes[own], wanted[theirs], EVERYWHERE, difficult[there[theirs]])
        taken, ignored = (each[0, 0] for each in matched)
        hit[theirs[taken[taken >= 0]]] = True
        used[own] = (taken >= 0) | ignored
    iou = box_iou(boxes, wanted)
    alike = found.kind[seen][:, None] == objects.kind[there][None]
    near, other = (alike & (iou >= NEAR)).any(axis=0), (~alike & (iou >= FOUND)).any(axis=0)
    return np.select([hit, near, other], FATES[:3], FATES[3]).astype(object), used
