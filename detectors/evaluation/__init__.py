"""Evaluation of detections: matching, average precision, and the names of what stands beside the classes."""

from __future__ import annotations

from collections.abc import Sequence

ALL = "all"
"""The mean over every class that has an object: the usual definition, which one rare object can decide."""
COUNTED = "counted"
"""The mean over the classes with enough objects."""
POOLED = "pooled"
"""One precision over the detections and objects of all classes, each matched within its class: objects weigh alike."""
SUMMARIES = (ALL, COUNTED, POOLED)
DEFINITION_NAMES = {
    "coco": "as COCO's tools state it",
    "ultralytics": "as yolo val of ultralytics states it",
    "voc": "as PASCAL VOC states it since 2010, at an IoU of 0.5 alone",
}
"""Definitions of average precision (:mod:`detectors.evaluation.definitions`) in words."""
FEWEST_OBJECTS = 20
"""Of a class that counts in :data:`COUNTED`, unless a suite says otherwise."""


def refuse_reserved(classes: Sequence[str]) -> None:
    """Raise ``ValueError`` where a class has the name of a summary: its values would be taken for those of all classes.

    >>> refuse_reserved(["Car", "People"])
    """
    if taken := [name for name in classes if name in SUMMARIES]:
        raise ValueError(f"a class cannot be called {taken[0]!r}: so the tables call a summary of classes; rename it")
