"""Pair sources: one module per dataset, found by its card."""

from __future__ import annotations

from bench.datasets.pair import Dataset
from tsdm_bench.cards import Registry

DATASETS: Registry[Dataset] = Registry("dataset", Dataset, (__name__,), "tsdm_bench.datasets")
