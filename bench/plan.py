"""From a suite to the list of cells: which pair under which condition, with which methods."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.datasets import DATASETS
from bench.datasets.pair import Dataset, Pair
from bench.errors import UsageError
from bench.registry import FACTORS
from bench.suite import Suite

log = logging.getLogger(__name__)


class Condition(NamedTuple):
    """Factor × severity × which modality is hit. The clean pair is one condition, shared by all factors."""

    factor: str
    severity: int
    modality: str


CLEAN = Condition("clean", 0, "both")


@dataclass(frozen=True)
class Cell:
    """The unit of work: one pair under one condition, for the methods that are still missing."""

    pair: Pair
    condition: Condition
    methods: tuple[str, ...]


def conditions(suite: Suite) -> list[Condition]:
    """The conditions of a suite, clean first, then factor by factor with rising severity.

    ``both`` means that one modality where the factor can hit only one; a modality that it cannot hit is left out.
    """
    found = [CLEAN] if 0 in suite.severities else []
    for name in suite.factors:
        factor = FACTORS[name]
        for modality in suite.modalities:
            if modality == "both" and len(factor.modalities) == 1:
                modality = factor.modalities[0]
            if modality != "both" and modality not in factor.modalities:
                continue
            found += [Condition(name, severity, modality) for severity in sorted(set(suite.severities)) if severity]
    return list(dict.fromkeys(found))


def select_pairs(suite: Suite, data_root: Path | None) -> tuple[Dataset, list[Pair]]:
    """The dataset and its pairs that the suite asks for, those without a partner left out with a warning.

    ``limit`` takes pairs evenly over the whole list, so that a small run still sees every kind of scene.
    """
    dataset = DATASETS[suite.dataset]
    if data_root is None and not dataset.synthetic:
        raise UsageError(
            f"dataset {dataset.name} needs its images: name their folder by --data-root or TSDM_BENCH_DATA (looked for "
            f"{dataset.layout}; get it: {dataset.obtain}). To see the harness without data: python run_bench.py"
        )
    pairs = dataset.pairs(data_root or Path())
    for pair in pairs:
        if pair.problem:
            log.warning("%s: %s; the pair is left out", dataset.name, pair.problem)
    pairs = [pair for pair in pairs if not pair.problem and suite.split in (None, pair.split)]
    if not pairs:
        where = f" in split {suite.split!r}" if suite.split else ""
        raise UsageError(
            f"dataset {dataset.name} has no complete pair{where} under {data_root}; expected {dataset.layout}"
        )
    if suite.limit and suite.limit < len(pairs):
        pairs = [pairs[index * len(pairs) // suite.limit] for index in range(suite.limit)]
    return dataset, pairs


def plan(suite: Suite, pairs: list[Pair], done: Collection[tuple[str, Condition, str]] = frozenset()) -> list[Cell]:
    """The cells that are not yet ``done`` (image, condition, method), pair by pair so that each is read once."""
    cells = []
    for pair in pairs:
        for condition in conditions(suite):
            missing = tuple(name for name in suite.methods if (pair.image, condition, name) not in done)
            if missing:
                cells.append(Cell(pair, condition, missing))
    return cells
