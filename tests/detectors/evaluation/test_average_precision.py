from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from coco_oracle import coco_evaluation

from detectors.evaluation import SUMMARIES
from detectors.evaluation.average_precision import (
    RECALL_THRESHOLDS,
    _thresholds_passed,
    average_precision,
    precision_and_recall,
    whole_area,
)
from detectors.evaluation.matching import DETECTION_COLUMNS, TRUTH_COLUMNS, ClassMatches, box_iou, match
from detectors.evaluation.voc_precision import average_precision_voc

CLASSES = ("Car", "People", "Bus")
COLUMNS = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR"]
COCO_STATISTICS = [0, 1, 2, 3, 4, 5, 8]


def scene(seed: int, images: int = 8, crowded: bool = False) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Random objects and detections near them, with equal scores, equal boxes and missing classes among them."""
    random = np.random.default_rng(seed)
    names = [f"{i:05d}" for i in range(images)]
    truth, found = [], []
    for name in names:
        for label in CLASSES[: 2 + seed % 2]:
            for box in random.integers([0, 0, 5, 5], [300, 300, 160, 160], size=(random.integers(0, 6), 4)):
                truth.append((name, label, *map(float, box)))
                for _ in range(random.integers(0, 4)):
                    near = box + random.integers(-8, 9, 4) * [1, 1, 0.5, 0.5]
                    found.append((name, label, round(random.random(), 1 + seed % 3), *np.maximum(near, 1)))
            for box in random.integers([0, 0, 5, 5], [300, 300, 160, 160], size=(150 if crowded else 4, 4)):
                found.append((name, label, round(random.random() * 0.7, 2), *map(float, box)))
    return pd.DataFrame(truth, columns=TRUTH_COLUMNS), pd.DataFrame(found, columns=DETECTION_COLUMNS), names


@pytest.mark.parametrize(("seed", "crowded"), [(s, False) for s in range(8)] + [(8, True), (9, True)])
def test_equals_pycocotools_on_exported_json(seed, crowded):
    truth, found, images = scene(seed, crowded=crowded)
    evaluation = coco_evaluation(truth, found, images, CLASSES)
    table = average_precision(truth, found, images, CLASSES).set_index("class")
    expected = np.where(evaluation.stats[COCO_STATISTICS] < 0, np.nan, evaluation.stats[COCO_STATISTICS])
    np.testing.assert_allclose(table.loc["all", COLUMNS].to_numpy(float), expected, atol=1e-12)
    per_class = evaluation.eval["precision"][:, :, :, 0, 2].mean(axis=(0, 1))
    np.testing.assert_allclose(
        table.loc[list(CLASSES), "AP"].to_numpy(float), np.where(per_class < 0, np.nan, per_class), atol=1e-12
    )


@pytest.mark.parametrize("difficult", [0, 0.4])
def test_a_resample_equals_pycocotools_on_duplicated_images(difficult):
    truth, found, images = scene(1)
    truth["difficult"] = np.random.default_rng(2).random(len(truth)) < difficult
    found["score"] = np.random.default_rng(0).permutation(len(found)) / len(found)  # ties would order copies otherwise
    counts = np.array([0, 3, 1, 2, 0, 1, 1, 0])
    copies = [(image, f"{image}-{k}") for image, count in zip(images, counts, strict=True) for k in range(count)]

    def repeated(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([table[table["image"] == image].assign(image=copy) for image, copy in copies])

    evaluation = coco_evaluation(repeated(truth), repeated(found), [copy for _, copy in copies], CLASSES)
    matches = match(truth, found, images, CLASSES)
    ignored = np.concatenate([matches[name].ignored[0] for name in CLASSES], axis=1)
    assert (ignored != ignored[0]).any() == (difficult > 0)  # which detections are ignored depends on the threshold
    values = [precision_and_recall(matches[name], counts[:, None].astype(float)) for name in CLASSES]
    assert np.nanmean([ap.mean() for ap, _ in values]) == pytest.approx(evaluation.stats[0], abs=1e-12)
    assert np.nanmean([ap[0, 0] for ap, _ in values]) == pytest.approx(evaluation.stats[1], abs=1e-12)
    assert np.nanmean([ar.mean() for _, ar in values]) == pytest.approx(evaluation.stats[8], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_pooled_equals_pycocotools_where_every_class_of_an_image_is_an_image_of_its_own(seed):
    truth, found, images = scene(seed)
    found["score"] = np.random.default_rng(0).permutation(len(found)) / len(found)  # ties would be put in another order

    def one_class(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(image=table["image"] + "/" + table["class"], **{"class": "object"})

    parts = [f"{image}/{name}" for image in images for name in CLASSES]
    evaluation = coco_evaluation(one_class(truth), one_class(found), parts, ("object",))
    pooled = average_precision(truth, found, images, CLASSES).set_index("class").loc["pooled"]
    expected = np.where(evaluation.stats[COCO_STATISTICS] < 0, np.nan, evaluation.stats[COCO_STATISTICS])
    np.testing.assert_allclose(pooled[COLUMNS].to_numpy(float), expected, atol=1e-12)
    assert pooled["truths"] == len(truth)


def test_a_detection_without_a_class_is_of_none():
    truth, found, images = scene(2)
    nameless = truth.assign(score=0.99, **{"class": None})  # each on an object, in images where nothing else is found
    empty = truth["image"].unique()[:3]
    found = found[~found["image"].isin(empty)]
    with_them = pd.concat([found, nameless[nameless["image"].isin(empty)]])
    tables = [average_precision(truth, boxes, images, CLASSES) for boxes in (with_them, found)]
    pd.testing.assert_frame_equal(*tables)


def test_a_class_with_few_objects_is_shown_and_does_not_count():
    """Ten of twenty cars are found, the one bus is missed and halves the plain mean."""
    boxes = [(0.0, 30.0 * i, 20.0, 20.0) for i in range(20)]
    truth = pd.DataFrame([("a", "Car", *box) for box in boxes] + [("b", "Bus", 0, 0, 9, 9)], columns=TRUTH_COLUMNS)
    found = pd.DataFrame([("a", "Car", 0.9, *box) for box in boxes[:10]], columns=DETECTION_COLUMNS)
    table = average_precision(truth, found, ["a", "b"], ["Car", "Bus"]).set_index("class")
    recalled = 51 / 101  # of the recall thresholds
    expected = {"Car": recalled, "Bus": 0, "all": recalled / 2, "counted": recalled, "pooled": 48 / 101}
    assert table["AP50"].to_dict() == pytest.approx(expected)
    assert table["truths"].to_dict() == {"Car": 20, "Bus": 1, "all": 21, "counted": 20, "pooled": 21}
    fewer = average_precision(truth, found, ["a", "b"], ["Car", "Bus"], fewest_objects=1).set_index("class")
    assert fewer.loc["counted", "AP50"] == fewer.loc["all", "AP50"]
    none = average_precision(truth, found, ["a", "b"], ["Car", "Bus"], fewest_objects=21).set_index("class")
    assert np.isnan(none.loc["counted", "AP50"])


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_class_with_the_name_of_a_summary_is_refused(name):
    truth, found, images = scene(0)
    with pytest.raises(ValueError, match=f"a class cannot be called '{name}'"):
        average_precision(truth, found, images, ["Car", name])


def test_weights_of_one_give_the_unweighted_value():
    truth, found, images = scene(3)
    for matches in match(truth, found, images, CLASSES).values():
        plain, weighted = precision_and_recall(matches), precision_and_recall(matches, np.ones((len(images), 4)))
        np.testing.assert_allclose(np.repeat(plain[0], 4, axis=1), weighted[0], rtol=1e-14)
        np.testing.assert_allclose(np.repeat(plain[1], 4, axis=1), weighted[1], rtol=1e-14)


def test_recall_thresholds_are_counted_exactly():
    recall = np.array([hits / truths for truths in range(1, 700) for hits in range(truths + 1)])
    np.testing.assert_array_equal(_thresholds_passed(recall), np.searchsorted(RECALL_THRESHOLDS, recall, side="right"))


def test_memory_layout_of_boxes_does_not_matter():
    boxes = np.array([[0.0, 0, 10, 10], [4, 0, 10, 10], [50, 50, 5, 5]])
    expected = [[1, 6 / 14, 0], [6 / 14, 1, 0], [0, 0, 1]]
    for layout in (boxes, np.asfortranarray(boxes), np.repeat(boxes, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(box_iou(layout, layout), expected)


def test_order_of_rows_and_other_images_do_not_matter():
    truth, found, images = scene(2)
    found["score"] = np.random.default_rng(0).permutation(len(found)) / len(found)
    expected = average_precision(truth, found, images, CLASSES)
    stranger = found.assign(image="elsewhere")
    shuffled = pd.concat([found, stranger]).sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        average_precision(truth.sample(frac=1, random_state=1), shuffled, images, CLASSES), expected
    )


def test_perfect_detections_score_one_and_none_score_zero():
    truth, _, images = scene(0)
    perfect = truth.assign(score=0.9)
    everything = average_precision(truth, perfect, images, CLASSES).set_index("class")
    assert everything.loc["all", ["AP", "AR"]].tolist() == pytest.approx([1, 1], abs=1e-12)
    nothing = average_precision(truth, perfect.iloc[:0], images, CLASSES).set_index("class")
    assert nothing.loc["all", ["AP", "AR"]].tolist() == [0, 0]


def test_a_class_without_objects_is_named_and_takes_no_part():
    truth, found, images = scene(0)
    found.loc[:20, "class"] = "Bus"
    table = average_precision(truth[truth["class"] != "Bus"], found, images, CLASSES).set_index("class")
    assert np.isnan(table.loc["Bus", "AP"])
    assert table.loc["Bus", "truths"] == 0
    assert table.loc["all", "AP"] == pytest.approx(table.loc[["Car", "People"], "AP"].mean())


def test_no_object_at_all_is_undefined_not_zero():
    truth, found, images = scene(0)
    table = average_precision(truth.iloc[:0], found, images, CLASSES)
    assert table["AP"].isna().all()


def test_missing_column_and_bad_number_are_named():
    truth, found, images = scene(0)
    with pytest.raises(ValueError, match="score"):
        average_precision(truth, found.drop(columns="score"), images, CLASSES)
    found.loc[3, "w"] = np.nan
    with pytest.raises(ValueError, match="not a finite number"):
        average_precision(truth, found, images, CLASSES)


def test_voc_area_of_the_published_example():
    """Padilla et al., "A Survey on Performance Metrics for Object-Detection Algorithms", 2020: 24.56 %."""
    hits = np.zeros((1, 1, 24), dtype=bool)
    hits[..., [0, 2, 9, 11, 12, 13, 22]] = True
    matches = ClassMatches(np.zeros(24, int), np.linspace(1, 0, 24), hits, np.zeros_like(hits), np.array([[15.0]]))
    assert precision_and_recall(matches, read=whole_area)[0].item() == pytest.approx(0.2456, abs=1e-4)


def test_voc_counts_a_second_detection_of_an_object_as_false_alarm():
    truth = pd.DataFrame([("a", "Car", 0, 0, 100, 100), ("a", "Car", 30, 0, 100, 100)], columns=TRUTH_COLUMNS)
    found = pd.DataFrame(
        [("a", "Car", 0.9, 0, 0, 100, 100), ("a", "Car", 0.8, 10, 0, 100, 100)], columns=DETECTION_COLUMNS
    )
    # The second box overlaps the first object most (0.82), and the free one by 0.67.
    assert average_precision_voc(truth, found, ["a"], ["Car"])["AP50_voc"].tolist() == pytest.approx([0.5, 0.5])
    coco = average_precision(truth, found, ["a"], ["Car"]).set_index("class")
    assert coco.loc[["Car", "all"], "AP50"].tolist() == pytest.approx([1, 1])
