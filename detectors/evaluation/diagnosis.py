"""Why average precision is lost: the kinds of error of TIDE, confusions of classes, and how far scores can be trusted.

Computed by hotcoco from the boxes as COCO's JSON holds them. The tests compare with tidecv, the authors' program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from hotcoco import COCO, COCOeval

from detectors.evaluation.coco_format import instances, result_rows
from detectors.evaluation.fates import FATES, FOUND, NEAR, SHOWN_FROM, object_fates

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
    precision: np.ndarray
    """At the recalls 0, 0.01 … 1, interpolated as COCO does at IoU 0.5: the mean over the classes that have objects.
    Its mean is :attr:`average_precision`."""
    fate: pd.Series
    """What became of each object at a score of at least 0.25 (:func:`detectors.evaluation.fates.object_fates`)."""
    fates: dict[str, float]
    """The same as shares that sum to 1 (:data:`detectors.evaluation.fates.FATES`)."""
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
    labelled = instances(truth, images, classes)
    objects = COCO(labelled)
    found = objects.load_res(result_rows(detections, images, classes))
    evaluation = COCOeval(objects, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    curves = np.asarray((evaluation.eval or {})["precision"])[0, :, :, 0, -1]  # recalls × classes
    known = curves[:, (curves >= 0).all(axis=0)]  # −1 stands for a class without objects
    errors = evaluation.tide_errors(pos_thr=FOUND, bg_thr=NEAR)
    calibration = evaluation.calibration(n_bins=10, iou_threshold=FOUND)
    matrix = evaluation.confusion_matrix(iou_thr=FOUND, min_score=SHOWN_FROM)
    names = [*matrix["cat_names"], "background"]
    fates, alarms = object_fates(truth, detections, images, classes)
    shares = fates.value_counts(normalize=True)
    return Diagnosis(
        average_precision=errors["ap_base"],
        cost={kind: errors["delta_ap"][name] for kind, name in KINDS.items()},
        number={kind: errors["counts"][name] for kind, name in KINDS.items()},
        objects=sum(not each["iscrowd"] for each in labelled["annotations"]),
        calibration_error=calibration["ece"] if calibration["num_detections"] else np.nan,
        precision=known.mean(axis=1) if known.size else np.full(len(curves), np.nan),
        fate=fates,
        fates={fate: shares.get(fate, 0.0) if len(shares) else np.nan for fate in FATES},
        alarms=alarms / len(images) if len(images) else np.nan,
        confusions=pd.DataFrame(matrix["matrix"].astype(int), index=names, columns=names),
    )
