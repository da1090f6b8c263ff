from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.statistics.objects import found_objects, recall_by_contrast, signal_to_clutter

SIDES = ["x", "y", "w", "h"]


def test_ratio_of_a_square_on_a_checkerboard():
    grey = np.where(np.indices((60, 60)).sum(axis=0) % 2, 110, 90).astype(np.uint8)  # mean 100, σ 10
    grey[20:40, 20:40] = 150
    assert signal_to_clutter(grey, [(20, 20, 20, 20)]) == pytest.approx([5.0])


def test_brighter_and_darker_count_alike_and_no_contrast_is_zero():
    grey = np.full((60, 60), 100, dtype=np.uint8)
    grey[10:20, 10:20], grey[40:50, 40:50] = 130, 70
    assert signal_to_clutter(grey, [(10, 10, 10, 10), (40, 40, 10, 10), (10, 40, 10, 10)]) == pytest.approx([30, 30, 0])


def test_boxes_at_the_border_and_of_the_whole_image():
    grey = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
    ratios = signal_to_clutter(grey, [(-5, -5, 12, 12), (38.5, 28.5, 9, 9), (0, 0, 40, 30)])
    assert np.isfinite(ratios).all()
    assert ratios[2] == 0


def test_found_objects_are_those_that_a_detection_takes():
    truth = pd.DataFrame([("a", "Car", 0, 0, 10, 10), ("a", "Car", 4, 0, 10, 10), ("b", "Car", 0, 0, 10, 10)])
    truth.columns = ["image", "class", *SIDES]
    rows = [("a", "Car", 0.9, 1, 0, 10, 10), ("b", "Car", 0.1, 0, 0, 10, 10), ("b", "Bus", 0.9, 0, 0, 10, 10)]
    detections = pd.DataFrame(rows, columns=["image", "class", "score", *SIDES])
    assert found_objects(truth, detections).tolist() == [True, False, False]
    assert found_objects(truth, detections, found_from=0.05).tolist() == [True, False, True]


def test_recall_rises_with_contrast_where_only_the_clear_are_found():
    contrast = np.linspace(0, 8, 80)
    table = recall_by_contrast(contrast, contrast > 4)
    assert table["objects"].tolist() == [20] * 4
    assert table["recall"].tolist() == [0, 0, 1, 1]
