"""Objects marked difficult, or as crowds, are neither missed nor found, as PASCAL VOC and COCO have it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from coco_oracle import coco_evaluation

from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.matching import DETECTION_COLUMNS, TRUTH_COLUMNS
from detectors.evaluation.voc_precision import average_precision_voc

TRUTH = [*TRUTH_COLUMNS, "difficult"]


def scene(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Objects of two classes, a third of them difficult, and detections near and far."""
    random = np.random.default_rng(seed)
    images, truth, found = [f"{index}" for index in range(12)], [], []
    for image in images:
        for _ in range(random.integers(0, 6)):
            name, difficult = str(random.choice(["Car", "Bus"])), bool(random.random() < 0.35)
            x, y, w, h = random.uniform(0, 300, 2).tolist() + random.uniform(8, 120, 2).tolist()
            truth.append((image, name, x, y, w, h, difficult))
            for _ in range(random.integers(0, 4)):
                shift = random.normal(0, 0.12, 4) * [w, h, w, h]
                found.append(
                    (image, name, round(random.random(), 2), x + shift[0], y + shift[1], w + shift[2], h + shift[3])
                )
        found.append((image, "Car", random.random(), *random.uniform(0, 200, 2), 40, 30))
    return pd.DataFrame(truth, columns=TRUTH), pd.DataFrame(found, columns=list(DETECTION_COLUMNS)), images


@pytest.mark.parametrize("seed", range(4))
def test_as_pycocotools_ignores_them(seed, capsys):
    truth, found, images = scene(seed)
    oracle = coco_evaluation(truth, found, images, ["Car", "Bus"])
    precision = oracle.eval["precision"][..., -1]  # IoU × recall × class × area
    ours = average_precision(truth, found, images, ["Car", "Bus"]).set_index("class")
    for index, name in enumerate(("Car", "Bus")):
        for area, key in enumerate(("AP", "APs", "APm", "APl")):
            values = precision[:, :, index, area]
            expected = values.mean() if values.max() > -1 else np.nan
            assert ours.loc[name, key] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert ours.loc[name, "truths"] == ((truth["class"] == name) & ~truth["difficult"]).sum()


def test_a_detection_inside_a_crowd_is_no_false_alarm():
    """One person of a crowd overlaps all of it by 4 %, and lies on it wholly."""
    truth = table([("a", "Car", 0, 0, 40, 40, False), ("a", "Car", 100, 0, 200, 200, True)], TRUTH)
    inside, hit = ("a", "Car", 0.9, 120, 20, 40, 40), ("a", "Car", 0.5, 0, 0, 40, 40)
    found = table([inside, hit], DETECTION_COLUMNS)
    assert average_precision(truth, found, ["a"], ["Car"]).set_index("class").loc["Car", "AP"] == pytest.approx(1)
    assert average_precision_voc(truth, found, ["a"], ["Car"]).set_index("class").loc[
        "Car", "AP50_voc"
    ] == pytest.approx(0.5)


def table(rows, columns):
    return pd.DataFrame(rows, columns=list(columns))


def test_a_missed_difficult_object_costs_nothing_and_its_detections_neither():
    easy, hard = ("a", "Car", 0, 0, 40, 40, False), ("a", "Car", 100, 0, 40, 40, True)
    hit, on_hard = ("a", "Car", 0.5, 0, 0, 40, 40), ("a", "Car", 0.9, 101, 0, 40, 40)
    for rows in ([hit], [hit, on_hard], [hit, on_hard, on_hard]):
        for measure, key in ((average_precision, "AP50"), (average_precision_voc, "AP50_voc")):
            values = measure(table([easy, hard], TRUTH), table(rows, DETECTION_COLUMNS), ["a"], ["Car"]).set_index(
                "class"
            )
            assert values.loc["Car", key] == pytest.approx(1)
            assert values.loc["Car", "truths"] == 1
    counted = average_precision(
        table([easy, (*hard[:-1], False)], TRUTH), table([hit], DETECTION_COLUMNS), ["a"], ["Car"]
    )
    assert counted.set_index("class").loc["Car", "AP50"] == pytest.approx(51 / 101)


def test_a_class_of_difficult_objects_alone_has_no_value():
    hard = ("a", "Car", 100, 0, 40, 40, True)
    values = average_precision(table([hard], TRUTH), table([], DETECTION_COLUMNS), ["a"], ["Car"]).set_index("class")
    assert np.isnan(values.loc["Car", "AP50"])
    assert values.loc["Car", "truths"] == 0
