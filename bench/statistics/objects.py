"""Which objects are found: by their size, and by how they stand out from their surroundings in each source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.datasets.pair import Box
from detectors.evaluation.matching import AREAS

SURROUND = 2.0
"""The surroundings of a box are the rest of the box enlarged by this factor about its centre."""
SEEN_FROM = 0.5
"""Signal-to-clutter ratio from which an object counts as standing out in an image."""
SIZE, SEEN = "size", "seen"
"""The two ways in which objects are told apart."""
SIZES = tuple(name for name in AREAS if name != "all")
SIGHTS = ("both", "infrared", "visible", "neither")
"""The sources in which an object stands out."""
BOX = ["image", "class", "x", "y", "w", "h"]


def signal_to_clutter(grey: np.ndarray, boxes: Sequence[Box] | Sequence[tuple[float, ...]]) -> np.ndarray:
    """Signal-to-clutter ratio |μ_object − μ_surroundings| / σ_surroundings of each box (…, x, y, w, h) in a grey image.

    The measure of infrared target detection (e.g. Gao et al., "Infrared Patch-Image Model", IEEE TIP 2013), with the
    enlarged box as neighbourhood. σ is at least one grey level, so flat surroundings do not make it infinite; 0 for a
    box that fills its neighbourhood.

    >>> grey = np.where(np.indices((60, 60)).sum(axis=0) % 2, 110, 90).astype(np.uint8)  # mean 100, σ 10
    >>> grey[20:40, 20:40] = 150
    >>> signal_to_clutter(grey, [Box("Car", 20, 20, 20, 20)]).tolist()
    [5.0]
    """
    height, width = grey.shape
    ratios = []
    for *_, x, y, w, h in boxes:
        left, top = int(np.clip(np.floor(x), 0, width - 1)), int(np.clip(np.floor(y), 0, height - 1))
        right, bottom = int(np.clip(np.ceil(x + w), left + 1, width)), int(np.clip(np.ceil(y + h), top + 1, height))
        around_x, around_y = (SURROUND - 1) / 2 * w, (SURROUND - 1) / 2 * h
        first_row, first_column = max(int(y - around_y), 0), max(int(x - around_x), 0)
        last_row, last_column = min(int(np.ceil(y + h + around_y)), height), min(int(np.ceil(x + w + around_x)), width)
        area = grey[first_row:last_row, first_column:last_column].astype(np.float64)
        outside = np.ones(area.shape, dtype=bool)
        outside[max(top - first_row, 0) : bottom - first_row, max(left - first_column, 0) : right - first_column] = (
            False
        )
        surroundings, inside = area[outside], grey[top:bottom, left:right]
        ratios.append(abs(inside.mean() - surroundings.mean()) / max(surroundings.std(), 1) if surroundings.size else 0)
    return np.array(ratios, dtype=np.float64)


def sizes(truth: pd.DataFrame) -> pd.Series:
    """The size of each object as COCO tells them apart: ``small`` below 32² pixels, ``large`` from 96² on.

    >>> sizes(pd.DataFrame({"w": [10.0, 50.0, 200.0], "h": [10.0, 50.0, 90.0]})).tolist()
    ['small', 'medium', 'large']
    """
    limits = [AREAS[name][1] for name in SIZES[:-1]]
    return pd.Series(np.array(SIZES)[np.searchsorted(limits, truth["w"] * truth["h"])], truth.index)


def sights(truth: pd.DataFrame, contrasts: pd.DataFrame) -> pd.Series:
    """In which sources each object stands out, a value of :data:`SIGHTS`; NaN where its contrast is not known.

    ``contrasts`` has the columns of a box and, as ``infrared`` and ``visible``, its signal-to-clutter ratios in the
    clean sources.
    """
    known = contrasts.drop_duplicates(BOX)
    found = truth[BOX].merge(known, on=BOX, how="left").set_axis(truth.index)
    infrared, visible = (found[name] >= SEEN_FROM for name in ("infrared", "visible"))
    named = np.select([infrared & visible, infrared, visible], SIGHTS[:3], SIGHTS[3])
    return pd.Series(named, truth.index).where(found["infrared"].notna() & found["visible"].notna())


def found_shares(fate: pd.Series, groups: pd.Series) -> list[tuple[str, int, float]]:
    """(group, objects, share that was found) of each group, without the objects that do not count or have none.

    >>> found_shares(pd.Series(["found", "missed", "found"]), pd.Series(["small", "small", "large"]))
    [('large', 1, 1.0), ('small', 2, 0.5)]
    """
    known = fate.notna() & groups.notna()
    by_group = (fate[known] == "found").groupby(groups[known])
    return [(str(name), len(found), float(found.mean())) for name, found in by_group]
