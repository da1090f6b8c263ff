"""The definition of ultralytics: its own validator's figures from its own inputs, and how it differs from COCO's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from coco_oracle import coco_evaluation
from random_scenes import CLASSES, SIDES, scene

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.evaluation import DEFINITION_NAMES
from detectors.evaluation.average_precision import average_precision, precision_and_recall, trapezoids
from detectors.evaluation.definitions import DEFINITIONS
from detectors.evaluation.matching import match
from detectors.evaluation.ultralytics_precision import average_precision_ultralytics

COCO_GIVES, ULTRALYTICS_GIVES = (0.2224, 0.1269), (0.2205, 0.1254)
"""(AP50, AP) of the random scenes of seed 5, 60 images."""


def validated(truth: pd.DataFrame, found: pd.DataFrame, place: Path):
    """Its own classes, fed as `yolo val` feeds them: corners, an image at a time, the best scores first."""
    import_ultralytics()
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.metrics import DetMetrics

    validator = DetectionValidator.__new__(DetectionValidator)
    validator.iouv, validator.niou = torch.linspace(0.5, 0.95, 10), 10
    metrics = DetMetrics(dict(enumerate(CLASSES)))
    for image in sorted(truth["image"].unique()):
        objects = truth[truth["image"] == image]
        boxes = found[found["image"] == image].sort_values("score", ascending=False)
        label, named = (torch.tensor([CLASSES.index(name) for name in part["class"]]) for part in (objects, boxes))
        predicted = {"bboxes": corners(boxes), "cls": named.float()}
        correct = validator._process_batch(predicted, {"bboxes": corners(objects), "cls": label.float()})["tp"]
        metrics.update_stats(
            {
                "tp": correct,
                "conf": boxes["score"].to_numpy(),
                "pred_cls": named.numpy(),
                "target_cls": label.numpy(),
                "target_img": label.unique().numpy(),
                "im_name": image,
            }
        )
    metrics.process(save_dir=place)
    return metrics.box


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_the_validator(seed, tmp_path):
    truth, found = scene(seed)
    theirs = validated(truth, found, tmp_path)
    ours = average_precision_ultralytics(truth, found, sorted(truth["image"].unique()), CLASSES).set_index("class")
    assert ours.loc[CLASSES, "AP50_ultralytics"].to_numpy() == pytest.approx(theirs.ap50, abs=1e-6)
    assert ours.loc["all", "AP_ultralytics"] == pytest.approx(theirs.map, abs=1e-6)


def corners(table: pd.DataFrame) -> torch.Tensor:
    x, y, w, h = (torch.tensor(table[side].to_numpy(copy=True)) for side in SIDES)
    return torch.stack([x, y, x + w, y + h], 1).float()


def evaluated(truth: pd.DataFrame, found: pd.DataFrame, images: list[str]) -> tuple[float, float]:
    """(AP50, AP) of pycocotools."""
    evaluation = coco_evaluation(truth, found, images, CLASSES)
    return evaluation.stats[1], evaluation.stats[0]


def test_the_difference_to_pycocotools_is_how_the_curve_is_read(tmp_path):
    """Both tools on the same boxes; the figures are what they give (docs/average_precision.md has real pairs)."""
    truth, found = scene(5, images=60)
    images = sorted(truth["image"].unique())
    theirs, coco = validated(truth, found, tmp_path), evaluated(truth, found, images)
    assert coco == pytest.approx(COCO_GIVES, abs=1e-4)
    assert (theirs.map50, theirs.map) == pytest.approx(ULTRALYTICS_GIVES, abs=1e-4)
    ours = average_precision(truth, found, images, CLASSES).set_index("class").loc["all"]
    assert (ours["AP50"], ours["AP"]) == pytest.approx(coco, abs=1e-12)
    read = [precision_and_recall(of, read=trapezoids)[0] for of in match(truth, found, images, CLASSES).values()]
    assert np.mean([of[0] for of in read]) == pytest.approx(theirs.map50, abs=1e-6)  # matched as COCO, read as they do
    assert np.mean(read) == pytest.approx(theirs.map, abs=1e-6)


def test_300_of_an_image_count_where_coco_takes_100_of_each_class():
    """Behind 150 false alarms of its class a car is found: COCO does not look so far. Behind 300 nobody does."""
    truth = pd.DataFrame([("1", "Car", 900.0, 0, 50, 50)], columns=["image", "class", *SIDES])
    for alarms, expected in ((150, 1 / 151 * 0.995), (300, 0)):
        rows = [("1", "Car", 0.9, 4.0 * i, 100, 50, 50) for i in range(alarms)] + [("1", "Car", 0.5, 900.0, 0, 50, 50)]
        found = pd.DataFrame(rows, columns=["image", "class", "score", *SIDES])
        assert average_precision(truth, found, ["1"], ["Car"]).loc[0, "AP50"] == 0
        value = average_precision_ultralytics(truth, found, ["1"], ["Car"]).loc[0, "AP50_ultralytics"]
        assert value == pytest.approx(expected)


def test_a_recall_that_a_hit_just_reaches_is_read_behind_it():
    """One of two objects found, nothing else: COCO counts 51 of 101 recalls, ultralytics 50, the first by half."""
    truth = pd.DataFrame(
        [("1", "Car", 0.0, 0, 50, 50), ("1", "Car", 200.0, 0, 50, 50)], columns=["image", "class", *SIDES]
    )
    found = truth.iloc[:1].assign(score=0.9)
    assert average_precision(truth, found, ["1"], ["Car"]).loc[0, "AP50"] == pytest.approx(51 / 101)
    value = average_precision_ultralytics(truth, found, ["1"], ["Car"]).loc[0, "AP50_ultralytics"]
    assert value == pytest.approx(49.5 / 100)


def test_classes_without_objects_or_detections_are_told_apart():
    truth, found = scene(1)
    images = sorted(truth["image"].unique())
    only = truth[truth["class"] != "Bus"]
    table = average_precision_ultralytics(only, found[found["class"] != "Car"], images, CLASSES).set_index("class")
    assert np.isnan(table.loc["Bus", "AP50_ultralytics"])
    assert table.loc["Car", "AP50_ultralytics"] == 0
    assert table.loc["all", "truths"] == len(only)


@pytest.mark.parametrize("seed", range(4))
def test_a_resample_equals_the_value_on_duplicated_images(seed):
    """What the bootstrap does; of VOC likewise."""
    truth, found = scene(seed, images=6)
    images = sorted(truth["image"].unique())
    found["score"] = np.random.default_rng(seed).permutation(len(found)) / len(
        found
    )  # ties would order copies otherwise
    counts = np.array([0, 3, 1, 2, 0, 1])
    copies = [(image, f"{image}-{k}") for image, count in zip(images, counts, strict=True) for k in range(count)]
    repeated = [
        pd.concat([of[of["image"] == image].assign(image=copy) for image, copy in copies]) for of in (truth, found)
    ]
    for name in ("ultralytics", "voc"):
        definition = DEFINITIONS[name]
        matches = definition.match(truth, found, images, CLASSES)
        expected = definition.match(*repeated, [copy for _, copy in copies], CLASSES)
        for of in CLASSES:
            sampled = definition.values(matches[of], counts[:, None].astype(float))
            plain = definition.values(expected[of])
            assert {key: value.item() for key, value in sampled.items()} == pytest.approx(
                {key: value.item() for key, value in plain.items()}, abs=1e-12, nan_ok=True
            )


def test_every_definition_has_words_and_names_of_its_own():
    assert list(DEFINITIONS) == list(DEFINITION_NAMES)
    columns = [
        definition.column(measure) for definition in DEFINITIONS.values() for measure, _ in definition.thresholds
    ]
    assert len(set(columns)) == len(columns)
