"""Pair sources: one module per dataset, found by its card."""

from __future__ import annotations

from bench.datasets.pair import Dataset
from bench.registry import Registry

DATASETS: Registry[Dataset] = Registry("dataset", Dataset, (__name__,), "tsdm_bench.datasets")
