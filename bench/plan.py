"""From a suite to the list of cells: which pair under which condition, with which methods."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from bench.datasets import DATASETS
from bench.datasets.clusters import scene_clusters
from bench.datasets.files import refuse_faults
from bench.datasets.pair import Dataset, Pair
from bench.subsets import SUBSETS
from bench.suite import Modality, Suite
from degradation.factor import Factor
from degradation.mixed_condition import MixedCondition, file_word, named_condition
from degradation.presets import expand
from tsdm_bench.errors import UsageError
from tsdm_bench.names import check_image_name

log = logging.getLogger(__name__)


class Condition(NamedTuple):
    """Factor × severity × which modality is hit. The clean pair is one condition, shared by all factors."""

    factor: str
    severity: int
    modality: Modality

    @property
    def words(self) -> tuple[str, str, str]:
        """Its three parts as they stand in names of files and folders."""
        return file_word(self.factor), str(self.severity), self.modality


CLEAN = Condition("clean", 0, "both")
TRAINING_SPLIT = "train"
HELD_OUT_EVERY = 3
"""Where scenes are divided, every third cluster of neighbouring frames is held out."""


@dataclass(frozen=True)
class Cell:
    """The unit of work: one pair under one condition, for the methods that are still missing."""

    pair: Pair
    condition: Condition
    methods: tuple[str, ...]


def conditions(suite: Suite) -> list[Condition]:
    """The conditions of a suite, clean first, then factor by factor with rising severity.

    ``both`` means that one modality where the factor can hit only one; a modality that it cannot hit is left out. A
    condition such as ``ir:contrast`` or ``vis:rain+ir:stripe_noise`` says itself what it hits.
    """
    found = [CLEAN] if 0 in suite.severities else []
    for name in expand(suite.factors):
        factor, hit = named_condition(name)
        for modality in (hit,) if hit else suite.modalities:
            if modality == "both" and len(factor.modalities) == 1:
                modality = factor.modalities[0]
            if modality != "both" and modality not in factor.modalities:
                continue
            found += [
                Condition(factor.name, severity, modality) for severity in sorted(set(suite.severities)) if severity
            ]
    return list(dict.fromkeys(found))


def factors_of(suite: Suite) -> dict[str, Factor | MixedCondition]:
    """The factors and mixed conditions that a suite names, by the name that its conditions bear."""
    named = [named_condition(name)[0] for name in expand(suite.factors)]
    return {factor.name: factor for factor in named}


def hits(suite: Suite) -> dict[str, tuple[Modality, ...]]:
    """Which images each factor of a suite degrades, one after the other."""
    degraded = [condition for condition in conditions(suite) if condition != CLEAN]
    of: dict[str, dict[Modality, None]] = {}
    for condition in degraded:
        of.setdefault(condition.factor, {})[condition.modality] = None
    return {factor: tuple(modalities) for factor, modalities in of.items()}


def select_pairs(suite: Suite, data_root: Path | None, *, detects: bool = True) -> tuple[Dataset, list[Pair]]:
    """The dataset and its pairs that the suite asks for, those without a partner left out with a warning.

    Where detectors are retrained, only pairs that they are not trained on. ``limit`` takes pairs evenly over the whole
    list, so that a small run still sees every kind of scene. Raises ``UsageError`` where it is not clear which files
    are meant, where what is made of an image cannot have its name or, unless nothing ``detects``, what labels say.
    """
    dataset, pairs = _all_pairs(suite, data_root)
    trained = {pair.image for pair in _training_part(suite, pairs)} if suite.retrains else set()
    if suite.subset:
        pairs = SUBSETS[suite.subset].select(pairs)
    pairs = [pair for pair in pairs if pair.image not in trained]
    for pair in pairs:
        if pair.problem:
            log.warning("%s: %s; the pair is left out", dataset.name, pair.problem)
    pairs = [pair for pair in pairs if not pair.problem and suite.split in (None, pair.split)]
    if not pairs:
        where = f" in split {suite.split!r}" if suite.split else ""
        where += f" held out from training (detection.split: {suite.detection.split})" if suite.retrains else ""
        raise UsageError(
            f"dataset {dataset.name} has no complete pair{where} under {data_root}; expected {dataset.layout}"
        )
    pairs = _evenly(pairs, suite.limit)
    for pair in pairs:
        check_image_name(pair.image)
    detects = detects and suite.detector is not None
    refuse_faults(dataset.name, pairs, with_labels=detects)
    if detects:
        _tell_of_labels(dataset, pairs)
    return dataset, pairs


def _tell_of_labels(dataset: Dataset, pairs: Sequence[Pair]) -> None:
    """Log what a reader of detection results should know of the labels."""
    unlabelled = sum(pair.boxes is None for pair in pairs)
    if 0 < unlabelled < len(pairs):
        log.warning(
            "%s: %d of %d pairs have no label file and take no part in detection", dataset.name, unlabelled, len(pairs)
        )
    notes = [note for pair in pairs for note in pair.notes]
    if notes:
        log.warning("%s: %s (%d such notes; `datasets verify` lists all)", dataset.name, notes[0], len(notes))


def with_split(suite: Suite, data_root: Path | None) -> Suite:
    """A suite that retrains, with the division of pairs that it uses named."""
    split = split_of_training(suite, _all_pairs(suite, data_root)[1])
    return suite.model_copy(update={"detection": suite.detection.model_copy(update={"split": split})})


def select_training_pairs(suite: Suite, data_root: Path | None) -> list[Pair]:
    """The labelled pairs on which the detectors of a retraining protocol are trained."""
    dataset, pairs = _all_pairs(suite, data_root)
    part = _training_part(suite, pairs)
    refuse_faults(dataset.name, part, with_labels=True)
    # A labelled image that cannot be read stays: the training names it.
    labelled = [pair for pair in part if (pair.boxes is not None or pair.label_file) and not pair.problem]
    if not labelled:
        raise UsageError(
            f"dataset {dataset.name} has no labelled pair to train on ({len(part)} training pairs without labels) "
            f"under {data_root}; protocol {suite.detection.protocol} needs boxes: add them, or use --protocol fixed"
        )
    return _evenly(labelled, suite.detection.limit)


def near_training(held_out: Sequence[Pair], training: Sequence[Pair]) -> list[str]:
    """Images that are held out but neighbour a training image (see :func:`scene_clusters`)."""
    pairs = [*training, *held_out]
    clusters = scene_clusters([pair.image for pair in pairs], [pair.scene for pair in pairs])
    trained = set(clusters[: len(training)])
    tested = zip(held_out, clusters[len(training) :], strict=True)
    return [pair.image for pair, cluster in tested if cluster in trained]


def _all_pairs(suite: Suite, data_root: Path | None) -> tuple[Dataset, list[Pair]]:
    """All pairs of the dataset, in its order."""
    dataset = dataset_of(suite, data_root)
    return dataset, dataset.pairs(data_root or Path())


def dataset_of(suite: Suite, data_root: Path | None) -> Dataset:
    """The dataset of a suite; raises ``UsageError`` where it needs a place and none is named."""
    dataset = DATASETS[suite.dataset]
    if suite.subset and (of := SUBSETS[suite.subset].dataset) != dataset.name:
        raise UsageError(f"subset {suite.subset} is one of dataset {of}, not of {dataset.name}; see `list subsets`")
    if data_root is None and not dataset.synthetic:
        raise UsageError(
            f"dataset {dataset.name} needs its images: name their folder by --data-root or TSDM_BENCH_DATA (looked for "
            f"{dataset.layout}; get it: {dataset.obtain}). To see the harness without data: python run_bench.py"
        )
    return dataset


def split_of_training(suite: Suite, pairs: Sequence[Pair]) -> Literal["official", "scenes"]:
    """How the ``pairs`` of a dataset are divided: as the suite says, else by the official split unless it leaks.

    It leaks where a pair that it holds out is a frame beside one to train on, as every one of M3FD's is.
    """
    if suite.detection.split == "scenes" or not any(pair.split for pair in pairs):
        return "scenes"
    parts: dict[bool, list[Pair]] = {True: [], False: []}
    for pair in pairs:
        parts[pair.split == TRAINING_SPLIT].append(pair)
    leaks = suite.detection.split is None and near_training(parts[False], parts[True])
    return "scenes" if leaks else "official"


def _training_part(suite: Suite, pairs: list[Pair]) -> list[Pair]:
    """The pairs to train on: the split of that name, or all but every third cluster of neighbouring frames."""
    if split_of_training(suite, pairs) == "official":
        return [pair for pair in pairs if pair.split == TRAINING_SPLIT]
    clusters = scene_clusters([pair.image for pair in pairs], [pair.scene for pair in pairs])
    return [
        pair for pair, cluster in zip(pairs, clusters, strict=True) if cluster % HELD_OUT_EVERY != HELD_OUT_EVERY - 1
    ]


def _evenly(pairs: list[Pair], limit: int | None) -> list[Pair]:
    if limit is None or limit >= len(pairs):
        return pairs
    return [pairs[index * len(pairs) // limit] for index in range(limit)]


def balanced(cells: Sequence[Cell], alone: Collection[str] = ()) -> list[Cell]:
    """Cells in an order of which every beginning is a fair sample: a pair under all of its conditions, then the next
    one, and pairs spread evenly over the dataset. Methods named in ``alone`` get cells of their own.

    >>> [cell.pair for cell in balanced([Cell(pair, CLEAN, ("ir",)) for pair in range(6)])]
    [0, 4, 2, 1, 5, 3]
    """
    by_pair: dict[Pair, list[Cell]] = {}
    for cell in cells:
        by_pair.setdefault(cell.pair, []).append(cell)
    bits = max(len(by_pair) - 1, 1).bit_length()
    places = sorted(range(len(by_pair)), key=lambda place: int(f"{place:0{bits}b}"[::-1], 2))
    pairs, ordered = list(by_pair.values()), []
    for cell in (cell for place in places for cell in pairs[place]):
        together = tuple(name for name in cell.methods if name not in alone)
        own = [(name,) for name in cell.methods if name in alone]
        ordered += [replace(cell, methods=methods) for methods in (together, *own) if methods]
    return ordered


def plan(suite: Suite, pairs: list[Pair], done: Collection[tuple[str, Condition, str]] = frozenset()) -> list[Cell]:
    """The cells that are not yet ``done`` (image, condition, method), pair by pair so that each is read once."""
    cells = []
    for pair in pairs:
        for condition in conditions(suite):
            missing = tuple(name for name in suite.methods if (pair.image, condition, name) not in done)
            if missing:
                cells.append(Cell(pair, condition, missing))
    return cells
