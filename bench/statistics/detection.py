"""From stored boxes to average precision per method and condition, as measured and in every bootstrap resample.

Detections are matched to objects once per condition; a resample only reweights images
(``detectors.evaluation.average_precision``). All methods and conditions share the same draws, so differences and ratios
of them are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bench.datasets.clusters import LARGEST_GAP, scene_clusters
from bench.executors.pool import Died, map_ordered
from bench.statistics.clusters import FEWEST_CLUSTERS, resample_counts
from bench.statistics.intervals import CONDITION, LEVEL, RESAMPLES, interval
from detectors.evaluation import COUNTED, FEWEST_OBJECTS, SUMMARIES, refuse_reserved
from detectors.evaluation.average_precision import IOU_THRESHOLDS, precision_and_recall
from detectors.evaluation.matching import AREAS, ClassMatches, match, pooled
from tsdm_bench.errors import UsageError

CELL = (*CONDITION, "method")
SAMPLED = ("AP", "AP50", "AP75", "AR")
"""Values that come with an interval."""
MEASURED = ("APs", "APm", "APl")
"""Values by object size, as measured only."""


@dataclass(frozen=True)
class DetectionSamples:
    """Average precision of every method under every condition; the first of the samples is the measured value."""

    cells: pd.DataFrame
    """One row per condition and method: factor, severity, modality, method, images, clusters (of those images), truths,
    and ``whole``: whether these are all images that any cell has."""
    classes: tuple[str, ...]
    """The classes of the dataset, then the summaries ``all``, ``counted`` and ``pooled``."""
    value: dict[str, np.ndarray]
    """:data:`SAMPLED` → cells×classes×(1 + resamples), :data:`MEASURED` → cells×classes×1; NaN without objects, in the
    resamples of what fewer than 10 clusters show, and in those of ``pooled`` but for AP50."""
    truths: np.ndarray
    """cells×classes: number of objects."""
    objects: dict[str, int]
    """Class → its objects in all images."""
    counted: tuple[str, ...]
    """The classes with enough objects to count in the mean ``counted``."""
    images: int
    """Of all cells together."""
    clusters: int
    """Scene clusters of those images."""

    def of(self, measure: str = "AP", name: str = COUNTED) -> np.ndarray:
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
    fewest_objects: int = FEWEST_OBJECTS,
    workers: int = 1,
) -> DetectionSamples:
    """Average precision with bootstrap samples over scene clusters.

    ``cells`` says what was computed: a row per image, scene, factor, severity, modality and method (more columns and
    repeated rows do no harm); a method that found nothing in an image has a row here and none in ``detections``.
    ``truth`` has image, class, x, y, w, h, and ``difficult`` for objects that do not count; ``detections`` the columns
    of the stored table. Images that a cell lacks (failed cells) count neither as found nor as missed. A class counts in
    the mean ``counted`` of every cell if all images together show ``fewest_objects`` of it. Raises ``ValueError`` where
    there is no image or no object, or a class has the name of a summary.
    """
    refuse_reserved(classes)
    cells = cells[["image", "scene", *CELL]].drop_duplicates(["image", *CELL])
    images = cells.drop_duplicates("image").sort_values("image")
    names = images["image"].tolist()
    shown = truth[truth["image"].isin(names)]
    shown = shown[~shown["difficult"].astype(bool)] if "difficult" in shown else shown
    if shown.empty:
        raise ValueError(f"none of the {len(names)} images has a labelled object: average precision is undefined")
    cluster = scene_clusters(names, images["scene"].tolist(), largest_gap)
    _, weights = image_weights(images, resamples=resamples, seed=seed, largest_gap=largest_gap)
    number = shown["class"].value_counts()
    objects = {name: int(number.get(name, 0)) for name in classes}
    counts = np.array([objects[name] >= fewest_objects for name in classes], dtype=bool)

    groups = cells.groupby(list(CELL), sort=False)
    boxes = dict(list(detections.groupby(list(CELL), sort=False)))
    nothing = detections.iloc[:0]
    keys = list(groups.groups)
    present = [set(group["image"]) for _, group in groups]
    shared = names, cluster, tuple(classes), counts, weights
    clusters = [len(set(cluster[[name in of for name in names]])) for of in present]
    tasks = [
        (_of_images(truth, of), _of_images(boxes.get(key, nothing), of), count)
        for key, of, count in zip(keys, present, clusters, strict=True)
    ]
    sample = partial(_sample_task, shared)
    computed = list(map_ordered(sample, tasks, workers) if workers > 1 else map(sample, tasks))
    results = [result for result in computed if not isinstance(result, Died)]
    if len(results) < len(computed):
        raise UsageError("a process that computed average precision ended, most likely for lack of memory; try again")

    table = pd.DataFrame(keys, columns=list(CELL))
    table["images"] = [len(of) for of in present]
    table["clusters"] = clusters
    table["whole"] = table["images"] == len(names)
    truths = np.stack([count for _, count in results])
    table["truths"] = truths[:, len(classes)]
    value = {name: np.stack([values[name] for values, _ in results]) for name in (*SAMPLED, *MEASURED)}
    counted = tuple(name for name, enough in zip(classes, counts, strict=True) if enough)
    return DetectionSamples(
        table, (*classes, *SUMMARIES), value, truths, objects, counted, len(names), int(cluster.max()) + 1
    )


def image_weights(
    rows: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0, largest_gap: int = LARGEST_GAP
) -> tuple[list[str], np.ndarray]:
    """The images of ``rows`` (columns image, scene), sorted, and how often each is drawn: images×(1 + resamples).

    The first column is 1 everywhere: what was measured. Whatever is resampled by these weights is paired.
    """
    images = rows.drop_duplicates("image").sort_values("image")
    names = images["image"].tolist()
    cluster = scene_clusters(names, images["scene"].tolist(), largest_gap)
    draws = resample_counts(cluster.max() + 1, resamples, seed)[cluster]
    return names, np.concatenate([np.ones((len(names), 1)), draws], axis=1)


def _sample_task(shared: tuple, task: tuple) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return _sample_cell(*task, *shared)


def _of_images(table: pd.DataFrame, images: set[str]) -> pd.DataFrame:
    return table[table["image"].isin(images)]


def _sample_cell(
    truth: pd.DataFrame,
    boxes: pd.DataFrame,
    clusters: int,
    images: list[str],
    cluster: np.ndarray,
    classes: tuple[str, ...],
    counts: np.ndarray,
    weights: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All measures of one cell, each classes×samples with the summaries last, and the number of objects."""
    matches = match(truth, boxes, images, classes)
    per_class = [_measures(matches[name], weights) for name in classes]
    together = pooled(list(matches.values()))
    of_pooled = _measures(together, weights[:, :1])
    values = {}
    for name in (*SAMPLED, *MEASURED):
        of = np.stack([measures[name] for measures in per_class])
        last = np.pad(of_pooled[name], (0, of.shape[1] - 1), constant_values=np.nan)
        values[name] = np.stack([*of, mean_over_classes(of), mean_over_classes(of[counts]), last])
    values["AP50"][-1] = precision_and_recall(_at_first_threshold(together), weights)[0][0]
    showing = [len(set(cluster[matches[name].positives[0] > 0])) for name in classes]
    unearned = np.array([*showing, *[clusters] * len(SUMMARIES)]) < FEWEST_CLUSTERS
    for name in SAMPLED:
        values[name][unearned, 1:] = np.nan
    count = np.array([int(matches[name].positives[0].sum()) for name in classes])
    return values, np.array([*count, count.sum(), count[counts].sum(), count.sum()])


def _measures(matches: ClassMatches, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Every measure of one class: :data:`SAMPLED` per weighting, :data:`MEASURED` as measured."""
    ap, ar = precision_and_recall(matches, weights)
    values = {
        "AP": ap.mean(axis=0),
        "AP50": ap[0],
        "AP75": ap[np.argmin(np.abs(IOU_THRESHOLDS - 0.75))],
        "AR": ar.mean(axis=0),
    }
    for measure, area in zip(MEASURED, ("small", "medium", "large"), strict=True):
        values[measure] = precision_and_recall(matches, area=list(AREAS).index(area))[0].mean(axis=0)
    return values


def _at_first_threshold(matches: ClassMatches) -> ClassMatches:
    """The matches at IoU 0.5 alone."""
    return replace(matches, hit=matches.hit[:, :1], ignored=matches.ignored[:, :1])


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of the classes that are defined; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def detection_table(samples: DetectionSamples, level: float = LEVEL) -> pd.DataFrame:
    """One row per condition, method and class, the summaries last: measures in [0, 1], with ``_low`` and ``_high``.

    A class without objects has NaN values and ``truths`` 0.
    """
    shape = samples.truths.shape
    cells = samples.cells.drop(columns=["truths", "whole"])
    table = cells.loc[cells.index.repeat(shape[1])].reset_index(drop=True)
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
    truth: pd.DataFrame, detections: pd.DataFrame, cells: pd.DataFrame, classes: Sequence[str], **settings: Any
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
