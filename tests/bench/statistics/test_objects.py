from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.statistics.objects import BOX, found_shares, sights, signal_to_clutter, sizes


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


def test_objects_are_told_apart_by_the_sources_that_show_them():
    truth = pd.DataFrame([("a", "Car", x, 0.0, 10.0, 10.0) for x in (0.0, 20.0, 40.0, 60.0, 80.0)], columns=BOX)
    contrasts = truth.iloc[:4].assign(infrared=[2.0, 2.0, 0.1, 0.1], visible=[2.0, 0.1, 2.0, 0.1])
    repeated = pd.concat([contrasts, contrasts.iloc[:1]])  # a box that is labelled twice
    assert sights(truth.set_axis([7, 8, 9, 5, 6]), repeated).to_dict() == {
        7: "both",
        8: "infrared",
        9: "visible",
        5: "neither",
        6: pytest.approx(np.nan, nan_ok=True),
    }


def test_sizes_are_those_of_coco():
    sides = [31.9, 32.1, 95.9, 96.1]
    assert sizes(pd.DataFrame({"w": sides, "h": sides})).tolist() == ["small", "medium", "medium", "large"]


def test_shares_leave_out_what_does_not_count():
    fate = pd.Series(["found", np.nan, "missed", "found", "found"])
    groups = pd.Series(["both", "both", "both", np.nan, "neither"])
    assert found_shares(fate, groups) == [("both", 2, 0.5), ("neither", 1, 1.0)]
