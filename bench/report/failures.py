"""Typical failures: the objects that most methods find in the clean pair and lose under a condition, cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.datasets.pair import Box
from bench.plan import CLEAN, Condition
from bench.report.figure import Row
from bench.report.outcomes import Outcome
from bench.report.stored import StoredPictures
from detectors.detection import Detection

MOST = 3
"""Objects in one figure."""
CONTEXT = 2.6
"""A cut shows this many times the object."""
SMALLEST = 72
"""Pixels of a cut."""
Found = TypeVar("Found", Box, Detection)


@dataclass(frozen=True)
class Lost:
    """An object that ``methods`` of those that looked find in the clean pair and not under a condition."""

    image: str
    box: Box
    methods: int
    of: int


def lost_objects(stored: StoredPictures, condition: Condition, most: int = MOST) -> list[Lost]:
    """The objects of the stored images that over half of the methods lose under ``condition``, large ones first among
    equals.

    Of objects that overlap in their cuts only the first is taken.
    """
    found: list[Lost] = []
    for image in stored.images():
        before, after = stored.outcomes(image, CLEAN), stored.outcomes(image, condition)
        names = before.keys() & after.keys()
        for box in stored.boxes(image):
            times = sum(box not in before[name].misses and box in after[name].misses for name in names)
            if 2 * times > len(names):
                found.append(Lost(image, box, times, len(names)))
    found.sort(key=lambda lost: (-lost.methods, -lost.box.w * lost.box.h))
    taken: list[Lost] = []
    for lost in found:
        if not any(lost.image == other.image and _near(lost.box, other.box) for other in taken):
            taken.append(lost)
    return taken[:most]


def lost_rows(stored: StoredPictures, condition: Condition, most: int = MOST) -> list[Row]:
    """A row of cuts for each of :func:`lost_objects`: every method under the condition, with what was detected."""
    rows = []
    for lost in lost_objects(stored, condition, most):
        read = {name: stored.read(lost.image, condition, name) for name in stored.names}
        images = {name: pixels for name, pixels in read.items() if pixels is not None}
        if len(images) < len(read):
            continue  # damaged, or not stored
        size = next(iter(images.values())).shape[:2]
        left, top, side = _cut(lost.box, size)
        cuts = {name: pixels[top : top + side, left : left + side] for name, pixels in images.items()}
        outcomes = {name: _moved(of, left, top, side) for name, of in stored.outcomes(lost.image, condition).items()}
        told = f"{lost.image}: {lost.box.label}, lost by {lost.methods} of {lost.of}"
        rows.append(
            Row(
                cuts,
                outcomes,
                labelled=True,
                side=told,
                marked=lost.box._replace(x=lost.box.x - left, y=lost.box.y - top),
            )
        )
    return rows


def _near(first: Box, second: Box) -> bool:
    across = abs(first.x + first.w / 2 - second.x - second.w / 2)
    down = abs(first.y + first.h / 2 - second.y - second.h / 2)
    return max(across, down) < max(first.w, first.h, second.w, second.h, SMALLEST / CONTEXT)


def _cut(box: Box, size: tuple[int, int]) -> tuple[int, int, int]:
    """Left, top and side of the square that shows a box, within an image of ``size`` (height, width)."""
    side = min(round(max(CONTEXT * max(box.w, box.h), SMALLEST)), *size)
    left = int(np.clip(round(box.x + box.w / 2 - side / 2), 0, size[1] - side))
    top = int(np.clip(round(box.y + box.h / 2 - side / 2), 0, size[0] - side))
    return left, top, side


def _moved(of: Outcome, left: int, top: int, side: int) -> Outcome:
    """What lies in a cut, with its corner as origin."""

    def within(group: list[Found]) -> list[Found]:
        moved = [box._replace(x=box.x - left, y=box.y - top) for box in group]
        return [box for box in moved if box.x < side and box.y < side and box.x + box.w > 0 and box.y + box.h > 0]

    return Outcome(within(of.hits), within(of.alarms), within(of.misses))
