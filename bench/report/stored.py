"""The images of a run that were stored when they were scored, and what the detector made of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cell.rows import DETECTION_SCHEMA, TRUTH_SCHEMA, Picture
from bench.datasets.pair import Box
from bench.plan import CLEAN, Condition, conditions
from bench.report.layout import distinct
from bench.report.outcomes import Outcome, outcome
from bench.run.objects import BoxesNotHere
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from degradation.factor import Factor
from degradation.mixed_condition import find_factor
from detectors.detection import Detection
from tsdm_bench.images import ImageProblem, read_result

INPUTS = {"ir": "Infrared", "vis": "Visible"}
BOX_COLUMNS = ["class", "x", "y", "w", "h"]
DETECTION_COLUMNS = ["class", "score", "x", "y", "w", "h"]


@dataclass(frozen=True)
class StoredPictures:
    """The inputs and results of a run that lie in its folder, with the labelled objects and the detections."""

    folder: RunFolder
    record: RunRecord
    truth: pd.DataFrame
    labelled: frozenset[str]
    """Images whose objects are known."""

    @property
    def names(self) -> list[str]:
        """The two inputs, then the methods in the order of the suite."""
        return list(dict.fromkeys((*INPUTS, *self.record.suite.methods)))

    @property
    def titles(self) -> dict[str, str]:
        """Names of the inputs and methods for the reader, no two alike."""
        return distinct(INPUTS | {name: method.title for name, method in self.record.methods.items()})

    def images(self) -> list[str]:
        """Images of which anything is stored, in the order of the record; of a run that does not name them by name."""
        there = {path.name for path in (self.folder.path / "fused").glob("*/*/*/*") if path.is_dir()}
        known = list(dict.fromkeys((*self.record.shown, *self.record.pairs, *self._listed())))
        return [image for image in known if image in there]

    def conditions(self) -> Iterator[Condition]:
        """The conditions of the suite under which a result is stored."""
        for condition in conditions(self.record.suite):
            place = self.folder.path.joinpath("fused", *condition.words)
            if any(path.stem not in INPUTS for path in place.glob("*/*.png")):
                yield condition

    @property
    def tables(self) -> list[Path]:
        """The files beside the images that a figure is made of: record, objects, detections."""
        path = self.folder.path
        return [path / "run.json", path / "truth.parquet", *(path / "detections").glob("*.parquet")]

    def path(self, image: str, condition: Condition, name: str) -> Path:
        """Where the image of a method or input lies, whether it is there or not."""
        return self.folder.picture_path(Picture(image, *condition, name, b""))

    def read(self, image: str, condition: Condition, name: str) -> np.ndarray | None:
        """The image of a method or input as uint8 H×W or H×W×3 RGB; None where it is missing or damaged."""
        try:
            return read_result(self.path(image, condition, name))
        except ImageProblem:
            return None

    def boxes(self, image: str, difficult: bool = False) -> list[Box]:
        """The labelled objects of an image."""
        objects = self.truth[(self.truth["image"] == image) & (self.truth["difficult"] == difficult)]
        return [Box(*row) for row in objects[BOX_COLUMNS].itertuples(index=False)]

    def outcomes(self, image: str, condition: Condition) -> dict[str, Outcome]:
        """What was found and missed in the image of each method that a detector looked at.

        Nothing where no detector ran, so that nothing can be called missed.
        """
        if self.record.detector is None or image not in self.labelled:
            return {}
        here = self._detections.get((image, *condition), DETECTION_SCHEMA.empty_table().to_pandas())
        boxes, hard = self.boxes(image), self.boxes(image, difficult=True)
        found = {name: list[Detection]() for name in self.record.suite.methods}
        for name, *row in here[["method", *DETECTION_COLUMNS]].itertuples(index=False):
            found.setdefault(name, []).append(Detection(*row))
        return {
            name: outcome(boxes, of, hard) for name, of in found.items() if self.path(image, condition, name).is_file()
        }

    @cached_property
    def _detections(self) -> dict[tuple, pd.DataFrame]:
        """The detections of the images that are stored, by image and condition."""
        own = self.folder.detections(self.images())
        return dict(list(own.groupby(["image", *Condition._fields], sort=False)))

    def title(self, condition: Condition) -> str:
        """A condition in words, with the image that is hit where it could be either."""
        if condition == CLEAN:
            return "clean"
        factor = find_factor(condition.factor)
        chosen = isinstance(factor, Factor) and len(factor.modalities) > 1 and condition.modality != "both"
        return f"{factor.title}{f' ({condition.modality})' * chosen}, severity {condition.severity}"

    def _listed(self) -> list[str]:
        return self.folder.pairs()["image"].tolist()


def stored_pictures(folder: RunFolder, record: RunRecord) -> StoredPictures:
    """What is stored of the images of a run; raises ``UsageError`` where the list of pairs or objects is damaged.

    Where the boxes of the objects are not here, no image counts as labelled.
    """
    pairs = folder.pairs()
    labelled = frozenset(pairs.loc[pairs["labelled"], "image"])
    try:
        truth = folder.truth()
    except BoxesNotHere:
        truth, labelled = TRUTH_SCHEMA.empty_table().to_pandas(), frozenset()
    return StoredPictures(folder, record, truth, labelled)
