"""Why average precision is lost: the kinds of error of TIDE, confusions of classes, and how far scores can be trusted.

Computed by hotcoco from the boxes as COCO's JSON holds them. The tests compare with tidecv, the authors' program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from hotcoco import COCO, COCOeval

from detectors.evaluation.coco_format import to_coco
from detectors.evaluation.matching import AREAS, box_iou, match_boxes

FOUND, NEAR = 0.5, 0.1
"""From this IoU on an object is found, and from this one on a box is at least near it (TIDE, Section 2)."""
SHOWN_FROM = 0.25
"""Score from which a detection counts in the matrix of confusions: what a user of a detector would be shown."""
KINDS = {
    "classification": "Cls",
    "localisation": "Loc",
    "both": "Both",
    "duplicate": "Dupe",
    "background": "Bkg",
    "missed": "Miss",
}
"""Kinds of error, and hotcoco's names of them. A false alarm is well placed on an object of another class; near one of
its class; near one of another class; a second one on an object that was found; or near nothing. An object is missed
where no detection is well placed on it, of whatever class, and none of its class is near it."""


FATES = ("found", "misplaced", "mistaken", "missed")
"""Of an object at one threshold of the score: hit by a detection of its class; else near one of its class; else hit by
one of another class; else none of these. Unlike the costs they add up, and they do not shrink with AP itself."""


@dataclass(frozen=True)
class Diagnosis:
    """The errors of one method under one condition."""

    average_precision: float
    """AP at IoU 0.5, the mean over the classes that have objects."""
    cost: dict[str, float]
    """Kind → by how much AP at IoU 0.5 would rise if all errors of this kind, and no others, were mended (ΔAP)."""
    number: dict[str, int]
    """Kind → number of such errors, at any score."""
    objects: int
    """How many there are to find."""
    calibration_error: float
    """Expected calibration error: the mean distance, over ten bins of scores weighted by their detections, between the
    mean score and the share of hits. NaN without detections."""
    fates: dict[str, float]
    """What became of the objects at a score of at least 0.25, as shares that sum to 1 (:data:`FATES`)."""
    alarms: float
    """Detections of that score that hit no object, per image."""
    confusions: pd.DataFrame
    """Class of the object × class of the detection, the last of each being ``background``: numbers of detections with
    a score of at least 0.25, each object and detection in one place."""


def diagnose(truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]) -> Diagnosis:
    """The errors of one method under one condition in ``images``, for ``classes`` only.

    ``truth``: image, class, x, y, w, h, perhaps difficult; ``detections``: image, class, score, x, y, w, h. Objects
    marked difficult are COCO's crowds here.

    Source: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020; calibration:
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    >>> box = {"image": ["1"], "class": ["Car"], "x": [10.0], "y": [5.0], "w": [40.0], "h": [20.0]}
    >>> bus = pd.DataFrame(box | {"class": ["Bus"], "score": [0.9]})
    >>> diagnose(pd.DataFrame(box), bus, ["1"], ["Bus", "Car"]).number["classification"]
    1
    """
    instances, results = to_coco(truth, detections, images, classes)
    objects = COCO(instances)
    evaluation = COCOeval(objects, objects.load_res(results), "bbox")
    evaluation.evaluate()
    errors = evaluation.tide_errors(pos_thr=FOUND, bg_thr=NEAR)
    calibration = evaluation.calibration(n_bins=10, iou_threshold=FOUND)
    matrix = evaluation.confusion_matrix(iou_thr=FOUND, min_score=SHOWN_FROM)
    names = [*matrix["cat_names"], "background"]
    fates, alarms = _fates(truth, detections, images, classes)
    return Diagnosis(
        average_precision=errors["ap_base"],
        cost={kind: errors["delta_ap"][name] for kind, name in KINDS.items()},
        number={kind: errors["counts"][name] for kind, name in KINDS.items()},
        objects=sum(not each["iscrowd"] for each in instances["annotations"]),
        calibration_error=calibration["ece"] if calibration["num_detections"] else np.nan,
        fates=fates,
        alarms=alarms,
        confusions=pd.DataFrame(matrix["matrix"].astype(int), index=names, columns=names),
    )


def _fates(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Shares of the objects by their fate, and false alarms per image; difficult objects and those on them left out."""
    sides, everywhere = ["x", "y", "w", "h"], np.array([AREAS["all"]])
    shown = detections[(detections["score"] >= SHOWN_FROM) & detections["class"].isin(classes)]
    shown = shown.sort_values("score", ascending=False, kind="stable")
    by_image = dict(list(shown.groupby("image", sort=False)))
    number, alarms = dict.fromkeys(FATES, 0), 0
    objects_of = dict(list(truth[truth["class"].isin(classes)].groupby("image", sort=False)))
    for image in images:
        objects, found = objects_of.get(image, truth.iloc[:0]), by_image.get(image, shown.iloc[:0])
        difficult = objects["difficult"].to_numpy(bool) if "difficult" in objects else np.zeros(len(objects), bool)
        boxes, wanted = found[sides].to_numpy(float), objects[sides].to_numpy(float)
        iou = box_iou(boxes, wanted) if len(boxes) and len(wanted) else np.zeros((len(boxes), len(wanted)))
        alike = found["class"].to_numpy()[:, None] == objects["class"].to_numpy()[None]
        hit = np.zeros(len(objects), bool)
        used = np.zeros(len(found), bool)
        for name in classes:
            own, theirs = np.flatnonzero(found["class"] == name), np.flatnonzero(objects["class"] == name)
            matched = match_boxes(boxes[own], wanted[theirs], everywhere, difficult[theirs])
            taken, ignored = (each[0, 0] for each in matched)
            hit[theirs[taken[taken >= 0]]] = True
            used[own] = (taken >= 0) | ignored
        alarms += int((~used).sum())
        for place in np.flatnonzero(~difficult):
            near = (alike[:, place] & (iou[:, place] >= NEAR)).any()
            other = (~alike[:, place] & (iou[:, place] >= FOUND)).any()
            fate = "found" if hit[place] else "misplaced" if near else "mistaken" if other else "missed"
            number[fate] += 1
    total = sum(number.values())
    shares = {fate: count / total if total else np.nan for fate, count in number.items()}
    return shares, alarms / len(images) if len(images) else np.nan
