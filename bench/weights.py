"""All weight files by name: they are part of the cards of what reads them."""

from __future__ import annotations

from collections.abc import Iterator

from fusion.method import METHODS
from tsdm_bench.cards import Registry
from tsdm_bench.weights.card import WeightFile


def _within() -> Iterator[tuple[str, WeightFile]]:
    for method in METHODS.values():
        yield from ((f"method {method.name}", file) for file in method.weights)


WEIGHT_FILES: Registry[WeightFile] = Registry(
    "weight file", WeightFile, within=_within, shown_by="run_bench.py weights list"
)


def readers(file: WeightFile) -> list[str]:
    """Names of the methods that read ``file``."""
    return [method.name for method in METHODS.values() if file in method.weights]
