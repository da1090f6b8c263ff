from __future__ import annotations

import numpy as np
import pytest

from detectors.detection import Detection
from detectors.merging import SAME_OBJECT, merge_detections

SIZE = (100, 200)


def one(label: str, score: float, *box: float) -> Detection:
    return Detection(label, score, *box)


def test_boxes_of_one_object_become_their_mean_weighted_by_score() -> None:
    """Equations of the paper by hand: x = Σ c·x / Σ c, c = Σ c / boxes × min(boxes, detectors) / detectors."""
    (found,) = merge_detections([[one("Car", 0.8, 10, 20, 40, 30)], [one("Car", 0.2, 14, 20, 40, 34)]], SIZE)
    assert found.label == "Car"
    assert found[1:] == pytest.approx((0.5, 10.8, 20.0, 40.0, 30.8), abs=1e-4)


def test_a_box_that_one_of_two_finds_alone_keeps_half_of_its_score() -> None:
    (found,) = merge_detections([[one("Car", 0.8, 10, 20, 40, 30)], []], SIZE)
    assert found[1:] == pytest.approx((0.4, 10.0, 20.0, 40.0, 30.0), abs=1e-4)


def test_three_boxes_of_two_detectors_count_as_two() -> None:
    """Σ c / 3 × min(3, 2) / 2."""
    twice = [one("Car", 0.9, 10, 20, 40, 30), one("Car", 0.3, 10, 20, 40, 31)]
    (found,) = merge_detections([twice, [one("Car", 0.6, 10, 20, 40, 30)]], SIZE)
    assert found.score == pytest.approx(0.6, abs=1e-6)
    assert found.h == pytest.approx(30 + 0.3 / 1.8, abs=1e-3)


def test_classes_and_distant_boxes_stay_apart_best_first() -> None:
    ir = [one("Car", 0.3, 10, 20, 40, 30), one("People", 0.9, 10, 20, 40, 30)]
    vis = [one("Car", 0.5, 110, 20, 40, 30)]
    found = merge_detections([ir, vis], SIZE)
    assert [(of.label, round(of.score, 3)) for of in found] == [("People", 0.45), ("Car", 0.25), ("Car", 0.15)]
    assert len(merge_detections([ir, vis], SIZE, most=2)) == 2


@pytest.mark.parametrize(("shift", "number"), [(10.0, 1), (13.0, 2)])
def test_the_overlap_decides_whether_two_boxes_are_one(shift: float, number: int) -> None:
    """Of two squares of side 40 at a distance the overlap is (40 − d) / (40 + d): 0.6 and 0.51."""
    assert (40 - 10) / (40 + 10) > SAME_OBJECT > (40 - 13) / (40 + 13)
    pair = [[one("Car", 0.8, 10, 20, 40, 40)], [one("Car", 0.8, 10 + shift, 20, 40, 40)]]
    assert len(merge_detections(pair, SIZE)) == number


@pytest.mark.filterwarnings("error")
def test_boxes_without_area_and_beyond_the_image_do_no_harm() -> None:
    ir = [one("Car", 0.8, 200, 20, 0, 30), one("Car", 0.6, 190, 90, 20, 20)]
    (found,) = merge_detections([ir, []], SIZE)
    assert found[2:] == pytest.approx((190, 90, 10, 10), abs=1e-3)
    assert merge_detections([[], []], SIZE) == []


def test_whatever_the_order_of_detectors_and_boxes() -> None:
    random = np.random.default_rng(0)
    found = [
        [one("Car", float(s), *box) for s, box in zip(random.random(20), random.uniform(5, 60, (20, 4)), strict=True)]
        for _ in range(2)
    ]
    mixed = [found[1][::-1], found[0][::-1]]
    for a, b in zip(merge_detections(found, SIZE), merge_detections(mixed, SIZE), strict=True):
        assert a[1:] == pytest.approx(b[1:], abs=1e-3)
