"""Which classes a mean is over, by the name that the card of a dataset gives to them."""

from __future__ import annotations

from collections.abc import Mapping

from bench.datasets import DATASETS
from detectors.evaluation import COUNTED
from tsdm_bench.errors import UsageError


def class_sets(dataset: str) -> Mapping[str, tuple[str, ...]]:
    """Classes by the name of a set; none where the dataset has no card here.

    >>> class_sets("m3fd")["paper"]
    ('People', 'Car', 'Lamp')
    """
    return DATASETS[dataset].class_sets if dataset in DATASETS else {}


def check_class_set(dataset: str, name: str) -> None:
    """Raise ``UsageError`` where ``name`` is no class set of a dataset, nor ``counted``, which needs none."""
    if name != COUNTED and name not in (known := class_sets(dataset)):
        sets = "; ".join(f"{each} ({', '.join(classes)})" for each, classes in known.items())
        has = f"has the class sets {sets}" if known else "has no class sets"
        raise UsageError(
            f"unknown class set {name!r}: dataset {dataset} {has}; or {COUNTED}: the classes with enough objects"
        )
