"""Seeing objects, not only images: how each object stands out from its surroundings, and whether it was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.evaluation.matching import AREAS, match_boxes

SURROUND = 2.0
"""The surroundings of a box are the rest of the box enlarged by this factor about its centre."""
FOUND_FROM = 0.25
BINS = 4


def signal_to_clutter(grey: np.ndarray, boxes: Sequence[tuple[float, float, float, float]]) -> np.ndarray:
    """Signal-to-clutter ratio |μ_object − μ_surroundings| / σ_surroundings of each box (x, y, w, h) in a grey image.

    The measure of infrared target detection (e.g. Gao et al., "Infrared Patch-Image Model", IEEE TIP 2013), with the
    enlarged box as neighbourhood. σ is at least one grey level, so flat surroundings do not make it infinite; 0 for a
    box that fills its neighbourhood.
    """
    height, width = grey.shape
    grey = grey.astype(np.float64)
    ratios = []
    for x, y, w, h in boxes:
        left, top = int(np.clip(np.floor(x), 0, width - 1)), int(np.clip(np.floor(y), 0, height - 1))
        right, bottom = int(np.clip(np.ceil(x + w), left + 1, width)), int(np.clip(np.ceil(y + h), top + 1, height))
        around_x, around_y = (SURROUND - 1) / 2 * w, (SURROUND - 1) / 2 * h
        rows = slice(max(int(y - around_y), 0), min(int(np.ceil(y + h + around_y)), height))
        columns = slice(max(int(x - around_x), 0), min(int(np.ceil(x + w + around_x)), width))
        outside = np.ones(grey.shape, dtype=bool)
        outside[top:bottom, left:right] = False
        surroundings = grey[rows, columns][outside[rows, columns]]
        inside = grey[top:bottom, left:right]
        ratios.append(abs(inside.mean() - surroundings.mean()) / max(surroundings.std(), 1) if surroundings.size else 0)
    return np.array(ratios, dtype=np.float64)


def found_objects(truth: pd.DataFrame, detections: pd.DataFrame, found_from: float = FOUND_FROM) -> pd.Series:
    """Whether each row of ``truth`` was found by a detection of its class (IoU ≥ 0.5, score ≥ ``found_from``).

    Both tables are of one method under one condition; matching is that of COCO.
    """
    everywhere, sides = np.array([AREAS["all"]]), ["x", "y", "w", "h"]
    found = pd.Series(False, index=truth.index)
    strong = detections[detections["score"] >= found_from].sort_values("score", ascending=False, kind="stable")
    by_key = dict(list(strong.groupby(["image", "class"])))
    for key, objects in truth.groupby(["image", "class"]):
        if key in by_key:
            taken = match_boxes(by_key[key][sides].to_numpy(float), objects[sides].to_numpy(float), everywhere)[0][0, 0]
            found[objects.index[taken[taken >= 0]]] = True
    return found


def recall_by_contrast(contrast: np.ndarray, found: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Share of objects found in equally filled bins of their contrast: columns low, high, objects, recall."""
    edges = np.quantile(contrast, np.linspace(0, 1, bins + 1))
    number = np.clip(np.searchsorted(edges, contrast, side="right") - 1, 0, bins - 1)
    rows = [(edges[b], edges[b + 1], int((number == b).sum()), found[number == b].mean()) for b in range(bins)]
    return pd.DataFrame(rows, columns=["low", "high", "objects", "recall"])
