"""From stored boxes to average precision per method and condition, as measured and in every bootstrap resample.

Detections are matched to objects once per condition; a resample only reweights images
(``detectors.evaluation.average_precision``). All methods and conditions share the same draws, so differences and ratios
of them are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.datasets.clusters import LARGEST_GAP, scene_clusters
from bench.executors.pool import Died, map_ordered
from bench.statistics.clusters import FEWEST_CLUSTERS, resample_counts
from bench.statistics.intervals import CONDITION, LEVEL, RESAMPLES, interval
from detectors.evaluation import COUNTED, FEWEST_OBJECTS, SUMMARIES, refuse_reserved
from detectors.evaluation.average_precision import IOU_THRESHOLDS, precision_and_recall
from detectors.evaluation.definitions import COCO, Definition
from detectors.evaluation.matching import AREAS, DETECTION_COLUMNS, ClassMatches, pooled
from tsdm_bench.errors import UsageError

CELL = (*CONDITION, "method")
SAMPLED = ("AP", "AP50", "AP75", "AR")
"""Values of COCO, which come with an interval."""
MEASURED = ("APs", "APm", "APl")
"""Values by object size, as measured only."""


@dataclass(frozen=True)
class DetectionSamples:
    """Average precision of every method under every condition; the first of the samples is the measured value."""

    cells: pd.DataFrame
    """One row per condition and method: factor, severity, modality, method, images, clusters (of those images), truths,
    and ``whole``: whether these are all images that any cell has."""
    classes: tuple[str, ...]
    """The classes of the dataset, the summaries ``all``, ``counted`` and ``pooled``, then the sets of classes."""
    value: dict[str, np.ndarray]
    """:data:`SAMPLED`, and the columns of another definition → cells×classes×(1 + resamples), :data:`MEASURED` →
    cells×classes×1; NaN without objects, in the resamples of what fewer than 10 clusters show, and in those of
    ``pooled`` but for an IoU of 0.5."""
    truths: np.ndarray
    """cells×classes: number of objects."""
    ignored: np.ndarray
    """cells×classes: number of objects that count neither way (difficult, crowds)."""
    objects: dict[str, int]
    """Class → its objects in all images."""
    left_out: dict[str, int]
    """Class → its objects in all images that count neither way."""
    counted: tuple[str, ...]
    """The classes with enough objects to count in the mean ``counted``."""
    sets: dict[str, tuple[str, ...]]
    """Set of classes → its classes; its value is the mean over them."""
    images: int
    """Of all cells together."""
    clusters: int
    """Scene clusters of those images."""

    def of(self, measure: str = "AP", name: str = COUNTED) -> np.ndarray:
        """cells×(1 + resamples) of one measure and class."""
        return self.value[measure][:, self.classes.index(name)]


class _Shared(NamedTuple):
    """What is the same for every cell."""

    images: list[str]
    cluster: np.ndarray
    classes: tuple[str, ...]
    means: tuple[np.ndarray, ...]
    """Which classes each mean is over: all, those with enough objects, and the sets."""
    weights: np.ndarray
    definition: Definition


class _Sampled(NamedTuple):
    """Of one cell, by the classes and then the means."""

    values: dict[str, np.ndarray]
    """Measure → classes×samples."""
    objects: np.ndarray
    ignored: np.ndarray


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
    sets: Mapping[str, Sequence[str]] | None = None,
    definition: Definition = COCO,
    workers: int = 1,
) -> DetectionSamples:
    """Average precision with bootstrap samples over scene clusters.

    ``cells`` says what was computed: a row per image, scene, factor, severity, modality and method (more columns and
    repeated rows do no harm); a method that found nothing in an image has a row here and none in ``detections``.
    ``truth`` has image, class, x, y, w, h, and ``difficult`` for objects that do not count; ``detections`` the columns
    of the stored table. Images that a cell lacks (failed cells) count neither as found nor as missed. A class counts in
    the mean ``counted`` of every cell if all images together show ``fewest_objects`` of it; ``sets`` name further
    means. The values of another ``definition`` come beside those of COCO. Raises ``ValueError`` where there is no image
    or no object, or a class has the name of a summary.
    """
    refuse_reserved(classes)
    of_sets = {name: tuple(members) for name, members in (sets or {}).items()}
    cells = cells[["image", "scene", *CELL]].drop_duplicates(["image", *CELL])
    images = cells.drop_duplicates("image").sort_values("image")
    names = images["image"].tolist()
    truth = truth if "difficult" in truth else truth.assign(difficult=False)
    shown = truth[truth["image"].isin(names)]
    hard, shown = shown[shown["difficult"].astype(bool)], shown[~shown["difficult"].astype(bool)]
    if shown.empty:
        raise ValueError(f"none of the {len(names)} images has a labelled object: average precision is undefined")
    cluster = scene_clusters(names, images["scene"].tolist(), largest_gap)
    _, weights = image_weights(images, resamples=resamples, seed=seed, largest_gap=largest_gap)
    objects, left_out = _numbers(shown, classes), _numbers(hard, classes)
    counted = tuple(name for name in classes if objects[name] >= fewest_objects)
    means = tuple(np.isin(classes, list(of)) for of in (classes, counted, *of_sets.values()))

    groups = cells.groupby(list(CELL), sort=False)
    needed = list(DETECTION_COLUMNS)  # of what is sent to other processes
    boxes = {key: found[needed] for key, found in detections.groupby(list(CELL), sort=False)}
    nothing = detections[needed].iloc[:0]
    keys = list(groups.groups)
    present = [set(group["image"]) for _, group in groups]
    shared = _Shared(names, cluster, tuple(classes), means, weights, definition)
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
    truths, ignored = np.stack([of.objects for of in results]), np.stack([of.ignored for of in results])
    table["truths"] = truths[:, len(classes)]
    value = {name: np.stack([of.values[name] for of in results]) for name in results[0].values}
    names_of = (*classes, *SUMMARIES, *of_sets)
    numbers = len(names), int(cluster.max()) + 1
    return DetectionSamples(table, names_of, value, truths, ignored, objects, left_out, counted, of_sets, *numbers)


def _numbers(objects: pd.DataFrame, classes: Sequence[str]) -> dict[str, int]:
    number = objects["class"].value_counts()
    return {name: int(number.get(name, 0)) for name in classes}


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


def _sample_task(shared: _Shared, task: tuple[pd.DataFrame, pd.DataFrame, int]) -> _Sampled:
    return _sample_cell(*task, shared)


def _of_images(table: pd.DataFrame, images: set[str]) -> pd.DataFrame:
    return table[table["image"].isin(images)]


def _sample_cell(truth: pd.DataFrame, boxes: pd.DataFrame, clusters: int, shared: _Shared) -> _Sampled:
    """All measures of one cell; a class, or a mean, that too few clusters show has no resamples."""
    classes, weights = shared.classes, shared.weights
    values: dict[str, np.ndarray] = {}
    for definition in dict.fromkeys((COCO, shared.definition)):
        matches = definition.match(truth, boxes, shared.images, classes)
        measures = _measures if definition is COCO else definition.values
        per_class = [measures(matches[name], weights) for name in classes]
        together = pooled(list(matches.values()))
        of_pooled = measures(together, None)
        of_pooled |= definition.values(_at_first_threshold(together), weights, only="AP50")
        for name, one in of_pooled.items():
            of = np.stack([measured[name] for measured in per_class])
            last = np.pad(one, (0, of.shape[1] - len(one)), constant_values=np.nan)
            everything, counted, *sets = (mean_over_classes(of[members]) for members in shared.means)
            values[name] = np.stack([*of, everything, counted, last, *sets])
        if definition is COCO:
            showing = [len(set(shared.cluster[matches[name].positives[0] > 0])) for name in classes]
            objects = np.array([int(matches[name].positives[0].sum()) for name in classes])
    unearned = np.array([*showing, *[clusters] * (1 + len(shared.means))]) < FEWEST_CLUSTERS
    for name in set(values) - set(MEASURED):
        values[name][unearned, 1:] = np.nan
    hard = truth.loc[truth["difficult"].astype(bool), "class"].value_counts()
    ignored = np.array([int(hard.get(name, 0)) for name in classes])
    return _Sampled(values, _with_sums(objects, shared.means), _with_sums(ignored, shared.means))


def _with_sums(number: np.ndarray, means: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers of the classes, then of those that each summary and set is over."""
    everything, counted, *sets = (number[members].sum() for members in means)
    return np.array([*number, everything, counted, everything, *sets])


def _measures(matches: ClassMatches, weights: np.ndarray | None) -> dict[str, np.ndarray]:
    """Every measure of COCO of one class: :data:`SAMPLED` per weighting, :data:`MEASURED` as measured."""
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
    """One row per condition, method and class, summaries and sets last: measures in [0, 1], with ``_low``, ``_high``.

    A class without objects has NaN values and ``truths`` 0; ``ignored`` are the objects that count neither way.
    """
    shape = samples.truths.shape
    cells = samples.cells.drop(columns=["truths", "whole"])
    table = cells.loc[cells.index.repeat(shape[1])].reset_index(drop=True)
    table["class"] = list(samples.classes) * shape[0]
    table["truths"] = samples.truths.ravel()
    for measure in (*SAMPLED, *MEASURED, *(name for name in samples.value if name not in (*SAMPLED, *MEASURED))):
        values = samples.value[measure]
        table[measure] = values[..., 0].ravel()
        if measure not in MEASURED:
            low, high = interval(values[..., 1:], level)
            table[f"{measure}_low"], table[f"{measure}_high"] = low.ravel(), high.ravel()
    return table.assign(ignored=samples.ignored.ravel())


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
