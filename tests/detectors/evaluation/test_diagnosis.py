"""The kinds of error against tidecv, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from random_scenes import CLASSES, FOUND, TRUTH, scene

from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.coco_format import instances, results
from detectors.evaluation.diagnosis import KINDS, diagnose
from detectors.evaluation.fates import FATES


@pytest.mark.parametrize("seed", range(4))
def test_kinds_cost_what_tidecv_says(seed):
    tidecv = pytest.importorskip("tidecv", reason="the authors' program is not installed")
    truth, found = scene(seed)
    images = sorted(truth["image"].unique())
    result = diagnose(truth, found, images, CLASSES)
    labelled = instances(truth, images, CLASSES)
    objects, boxes = tidecv.Data("truth"), tidecv.Data("found")
    for data in (objects, boxes):
        for each in labelled["categories"]:
            data.add_class(each["id"], each["name"])
        for each in labelled["images"]:
            data.add_image(each["id"], each["file_name"])
    for each in labelled["annotations"]:
        objects.add_ground_truth(each["image_id"], each["category_id"], each["bbox"])
    for each in results(found, images, CLASSES):
        boxes.add_detection(each["image_id"], each["category_id"], each["score"], each["bbox"])
    tide = tidecv.TIDE()
    run = tide.evaluate(objects, boxes, mode=tidecv.TIDE.BOX)
    theirs = tide.get_main_errors()["found"]
    assert 100 * result.average_precision == pytest.approx(run.ap, abs=1e-3)
    # Where two false alarms are near one object, which of them explains it is a matter of order.
    assert {kind: 100 * cost for kind, cost in result.cost.items()} == pytest.approx(
        {kind: theirs[name] for kind, name in KINDS.items()}, abs=0.1
    )


def test_average_precision_is_that_of_the_tables():
    truth, found = scene(7)
    images = sorted(truth["image"].unique())
    table = average_precision(truth, found, images, CLASSES).set_index("class")
    assert diagnose(truth, found, images, CLASSES).average_precision == pytest.approx(
        table.at["all", "AP50"], abs=1e-12
    )


@pytest.mark.parametrize(
    ("kind", "detections"),
    [
        ("classification", [("Bus", 0.9, 100, 100, 50, 50)]),
        ("localisation", [("Car", 0.9, 130, 100, 50, 50)]),
        ("both", [("Bus", 0.9, 130, 100, 50, 50)]),
        ("duplicate", [("Car", 0.9, 100, 100, 50, 50), ("Car", 0.8, 101, 100, 50, 50)]),
        ("background", [("Car", 0.9, 300, 300, 50, 50), ("Car", 0.8, 100, 100, 50, 50)]),
        ("missed", []),
    ],
)
def test_one_error_of_each_kind_is_told(kind, detections):
    truth = pd.DataFrame([("1", "Car", 100.0, 100.0, 50.0, 50.0)], columns=TRUTH)
    found = pd.DataFrame([("1", *each) for each in detections], columns=FOUND)
    result = diagnose(truth, found, ["1"], CLASSES)
    expected = dict.fromkeys(KINDS, 0) | {kind: 1}
    if kind == "both":  # what is near but named wrongly does not explain the object
        expected["missed"] = 1
    assert result.number == expected
    assert result.objects == 1


@pytest.mark.parametrize(
    ("fate", "alarms", "detections"),
    [
        ("found", 0, [("Car", 0.9, 100, 100, 50, 50)]),
        ("found", 1, [("Car", 0.9, 100, 100, 50, 50), ("Car", 0.8, 101, 100, 50, 50)]),
        ("misplaced", 1, [("Car", 0.9, 130, 100, 50, 50)]),
        ("mistaken", 1, [("Bus", 0.9, 100, 100, 50, 50)]),
        ("missed", 1, [("Bus", 0.9, 130, 100, 50, 50)]),
        ("missed", 0, [("Car", 0.2, 100, 100, 50, 50)]),
        ("missed", 0, []),
    ],
)
def test_every_object_has_one_fate(fate, alarms, detections):
    truth = pd.DataFrame([("1", "Car", 100.0, 100.0, 50.0, 50.0)], columns=TRUTH)
    result = diagnose(truth, pd.DataFrame([("1", *each) for each in detections], columns=FOUND), ["1", "2"], CLASSES)
    assert result.fates == dict.fromkeys(FATES, 0) | {fate: 1}
    assert result.alarms == alarms / 2


def test_difficult_objects_have_no_fate_and_detections_of_them_are_no_alarms():
    rows = [("1", "Car", 100.0, 100.0, 50.0, 50.0, True), ("1", "Car", 300.0, 100.0, 50.0, 50.0, False)]
    truth = pd.DataFrame(rows, columns=[*TRUTH, "difficult"])
    found = pd.DataFrame([("1", "Car", 0.9, 100.0, 100.0, 50.0, 50.0)], columns=FOUND)
    result = diagnose(truth, found, ["1"], CLASSES)
    assert (result.fates["missed"], result.alarms, result.objects) == (1, 0, 1)


def test_confusions_hold_every_object_and_every_shown_detection_once():
    truth, found = scene(3)
    matrix = diagnose(truth, found, sorted(truth["image"].unique()), CLASSES).confusions
    assert matrix.loc[CLASSES].sum(axis=1).to_dict() == truth["class"].value_counts().to_dict()
    shown = found[found["score"] >= 0.25]["class"].value_counts()
    assert matrix[CLASSES].sum().to_dict() == shown.to_dict()


def test_scores_that_are_shares_of_hits_are_calibrated():
    """Ten objects, each found by a detection of score 0.95, and as many more detections of nothing at score 0.05."""
    objects = [("1", "Car", 60.0 * i, 0.0, 50.0, 50.0) for i in range(20)]
    truth = pd.DataFrame(objects, columns=TRUTH)
    hits = pd.DataFrame([("1", "Car", 0.95, *row[2:]) for row in objects], columns=FOUND)
    alarms = pd.DataFrame([("1", "Car", 0.05, 60.0 * i, 300.0, 50.0, 50.0) for i in range(20)], columns=FOUND)
    good = diagnose(truth, pd.concat([hits, alarms]), ["1"], CLASSES).calibration_error
    swapped = diagnose(
        truth, pd.concat([hits.assign(score=0.05), alarms.assign(score=0.95)]), ["1"], CLASSES
    ).calibration_error
    assert good == pytest.approx(0.05)
    assert swapped == pytest.approx(0.95)
    assert np.isnan(diagnose(truth, hits.iloc[:0], ["1"], CLASSES).calibration_error)
