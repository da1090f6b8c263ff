"""The definition of ultralytics: its own validator's figures from its own inputs, and how it differs from COCO's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from random_scenes import CLASSES, SIDES, scene

from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.evaluation import DEFINITION_NAMES
from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.definitions import DEFINITIONS
from detectors.evaluation.ultralytics_precision import average_precision_ultralytics


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_the_validator(seed, tmp_path):
    """Its own classes, fed as `yolo val` feeds them: corners, an image at a time, the best scores first."""
    import_ultralytics()
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.metrics import DetMetrics

    truth, found = scene(seed)
    validator = DetectionValidator.__new__(DetectionValidator)
    validator.iouv = torch.linspace(0.5, 0.95, 10)
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
    metrics.process(save_dir=tmp_path)
    ours = average_precision_ultralytics(truth, found, sorted(truth["image"].unique()), CLASSES).set_index("class")
    assert ours.loc[CLASSES, "AP50_ultralytics"].to_numpy() == pytest.approx(metrics.box.ap50, abs=1e-6)
    assert ours.loc["all", "AP_ultralytics"] == pytest.approx(metrics.box.map, abs=1e-6)


def corners(table: pd.DataFrame) -> torch.Tensor:
    x, y, w, h = (torch.tensor(table[side].to_numpy(copy=True)) for side in SIDES)
    return torch.stack([x, y, x + w, y + h], 1).float()


def test_it_is_near_cocos_value_and_another_number():
    truth, found = scene(5, images=60)
    images = sorted(truth["image"].unique())
    coco = average_precision(truth, found, images, CLASSES).set_index("class").loc["all", "AP50"]
    theirs = average_precision_ultralytics(truth, found, images, CLASSES).set_index("class").loc["all"]
    assert theirs["AP50_ultralytics"] == pytest.approx(coco, abs=0.02)
    assert theirs["AP50_ultralytics"] != coco


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
