"""From stored boxes to average precision per method and condition, as measured and in every bootstrap resample.

Detections are matched to objects once per condition; a resample only reweights images
(``detectors.evaluation.average_precision``). All methods and conditions share the same draws, so differences and ratios
of them are paired.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pandas as pd

from bench.statistics.clusters import LARGEST_GAP, resample_counts, scene_clusters
from bench.statistics.intervals import CONDITION, LEVEL, RESAMPLES, interval
from detectors.evaluation.average_precision import IOU_THRESHOLDS, precision_and_recall
from detectors.evaluation.matching import AREAS, match

CELL = (*CONDITION, "method")
SAMPLED = ("AP", "AP50", "AP75", "AR")
"""Values that come with an interval."""
MEASURED = ("APs", "APm", "APl")
"""Values by object size, as measured only."""
ALL = "all"
"""The row of the mean over the classes that have objects."""


@dataclass(frozen=True)
class DetectionSamples:
    """Average precision of every method under every condition; the first of the samples is the measured value."""

    cells: pd.DataFrame
    """One row per condition and method: factor, severity, modality, method, images, truths."""
    classes: tuple[str, ...]
    """The classes of the dataset, then ``all``."""
    value: dict[str, np.ndarray]
    """:data:`SAMPLED` → cells×classes×(1 + resamples), :data:`MEASURED` → cells×classes×1; NaN without objects."""
    truths: np.ndarray
    """cells×classes: number of objects."""

    def of(self, measure: str = "AP", name: str = ALL) -> np.ndarray:
        """cells×(1 + resamples) of one measure and class."""
        return self.value[measure][:, self.classes.index(name)]


def sample_detection(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    cells: pd.DataFrame,
    classes: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    largest_gap: int = LARGEST_GAP,
    workers: int = 1,
) -> DetectionSamples:
    """Average precision with bootstrap samples over scene clusters.

    ``cells`` says what was computed: a row per image, scene, factor, severity, modality and method (more columns and
    repeated rows do no harm); a method that found nothing in an image has a row here and none in ``detections``.
    ``truth`` has image, class, x, y, w, h; ``detections`` the columns of the stored table. Images that a cell lacks
    (failed cells) count neither as found nor as missed. Raises ``ValueError`` where there is no image or no object.
    """
    cells = cells[["image", "scene", *CELL]].drop_duplicates(["image", *CELL])
    images = cells.drop_duplicates("image").sort_values("image")
    names = images["image"].tolist()
    if not truth["image"].isin(names).any():
        raise ValueError(f"none of the {len(names)} images has a labelled object: average precision is undefined")
    cluster = scene_clusters(names, images["scene"].tolist(), largest_gap)
    draws = resample_counts(cluster.max() + 1, resamples, seed)[cluster]
    weights = np.concatenate([np.ones((len(names), 1)), draws], axis=1)

    groups = cells.groupby(list(CELL), sort=False)
    boxes = dict(list(detections.groupby(list(CELL), sort=False)))
    nothing = detections.iloc[:0]
    keys = list(groups.groups)
    present = [set(group["image"]) for _, group in groups]
    tasks = (
        [_of_images(truth, of) for of in present],
        [_of_images(boxes.get(key, nothing), of) for key, of in zip(keys, present, strict=True)],
        repeat(names),
        repeat(tuple(classes)),
        repeat(weights),
    )
    if workers > 1:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            results = list(pool.map(_sample_cell, *tasks, chunksize=8))
    else:
        results = list(map(_sample_cell, *tasks))

    table = pd.DataFrame(keys, columns=list(CELL))
    table["images"] = [len(of) for of in present]
    counts = np.stack([count for _, count in results])
    table["truths"] = counts[:, -1]
    value = {name: np.stack([values[name] for values, _ in results]) for name in (*SAMPLED, *MEASURED)}
    return DetectionSamples(table, (*classes, ALL), value, counts)


def _of_images(table: pd.DataFrame, images: set[str]) -> pd.DataFrame:
    return table[table["image"].isin(images)]


def _sample_cell(
    truth: pd.DataFrame, boxes: pd.DataFrame, images: list[str], classes: tuple[str, ...], weights: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All measures of one cell, each classes×samples with the mean over classes last, and the number of objects."""
    matches = match(truth, boxes, images, classes)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in (*SAMPLED, *MEASURED)}
    for name in classes:
        ap, ar = precision_and_recall(matches[name], weights)
        rows["AP"].append(ap.mean(axis=0))
        rows["AP50"].append(ap[0])
        rows["AP75"].append(ap[np.argmin(np.abs(IOU_THRESHOLDS - 0.75))])
        rows["AR"].append(ar.mean(axis=0))
        for measure, area in zip(MEASURED, ("small", "medium", "large"), strict=True):
            rows[measure].append(precision_and_recall(matches[name], area=list(AREAS).index(area))[0].mean(axis=0))
    values = {name: np.stack([*of, mean_over_classes(np.stack(of))]) for name, of in rows.items()}
    count = [int(matches[name].positives[0].sum()) for name in classes]
    return values, np.array([*count, sum(count)])


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of the classes that are defined; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def detection_table(samples: DetectionSamples, level: float = LEVEL) -> pd.DataFrame:
    """One row per condition, method and class (``all`` last): every measure in [0, 1], with ``_low`` and ``_high``.

    A class without objects has NaN values and ``truths`` 0.
    """
    shape = samples.truths.shape
    table = samples.cells.loc[samples.cells.index.repeat(shape[1])].reset_index(drop=True).drop(columns="truths")
    table["class"] = list(samples.classes) * shape[0]
    table["truths"] = samples.truths.ravel()
    for measure in (*SAMPLED, *MEASURED):
        values = samples.value[measure]
        table[measure] = values[..., 0].ravel()
        if measure in SAMPLED:
            low, high = interval(values[..., 1:], level)
            table[f"{measure}_low"], table[f"{measure}_high"] = low.ravel(), high.ravel()
    return table


def detection_by_scene(
    truth: pd.DataFrame, detections: pd.DataFrame, cells: pd.DataFrame, classes: Sequence[str], **settings
) -> pd.DataFrame:
    """:func:`detection_table` for the images of each scene alone (day, night…), with a column ``scene``.

    Scenes whose images show no object are left out. ``settings`` are those of :func:`sample_detection`.
    """
    tables = []
    for scene, part in cells.groupby("scene", sort=True):
        of_scene, images = detections[detections["image"].isin(part["image"])], set(part["image"])
        labelled = truth[truth["image"].isin(images)]
        if len(labelled):
            samples = sample_detection(labelled, of_scene, part, classes, **settings)
            tables.append(detection_table(samples).assign(scene=scene))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
