"""The definitions of average precision, each with names of its own: numbers of two never stand in one column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from detectors.evaluation.average_precision import Read, interpolated, precision_and_recall, trapezoids, whole_area
from detectors.evaluation.matching import IOU_THRESHOLDS, ClassMatches, match
from detectors.evaluation.ultralytics_precision import match_ultralytics
from detectors.evaluation.voc_precision import match_voc

Match = Callable[[pd.DataFrame, pd.DataFrame, Sequence[str], Sequence[str]], dict[str, ClassMatches]]
FIFTY, SEVENTY_FIVE = (int(np.argmin(np.abs(IOU_THRESHOLDS - iou))) for iou in (0.5, 0.75))


@dataclass(frozen=True)
class Definition:
    """How boxes become average precision."""

    name: str
    match: Match
    """From truth, detections, images and classes to the matches of each class; objects of all sizes come first."""
    read: Read
    suffix: str = ""
    """Behind the names of its columns and heads."""
    thresholds: tuple[tuple[str, int | None], ...] = (("AP", None), ("AP50", FIFTY), ("AP75", SEVENTY_FIVE))
    """Measure → the threshold of IoU that it is of; None: the mean over all."""

    def column(self, measure: str) -> str:
        """The name of a measure (``AP``, ``AP50``, ``AP75``) by this definition."""
        return f"{measure}{self.suffix}"

    def values(
        self, matches: ClassMatches, weights: np.ndarray | None = None, only: str | None = None
    ) -> dict[str, np.ndarray]:
        """Column → S values of one class, for weightings of the images (images×S); of ``only`` one measure."""
        precision, _ = precision_and_recall(matches, weights, read=self.read)
        return {
            self.column(measure): precision.mean(axis=0) if at is None else precision[at]
            for measure, at in self.thresholds
            if only in (None, measure)
        }


COCO = Definition("coco", match, interpolated)
DEFINITIONS = {
    of.name: of
    for of in (
        COCO,
        Definition("ultralytics", match_ultralytics, trapezoids, "_ultralytics"),
        Definition("voc", match_voc, whole_area, "_voc", (("AP50", 0),)),
    )
}
