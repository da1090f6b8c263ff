"""All weight files by name: they are part of the cards of what reads them."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.card import DETECTORS
from fusion.method import METHODS
from fusion.restoration.restorer import RESTORERS
from tsdm_bench.cards import Registry
from tsdm_bench.weights.card import WeightFile

READ_BY = (METHODS, RESTORERS, DETECTORS)


def _within() -> Iterator[tuple[str, WeightFile]]:
    for cards in READ_BY:
        for card in cards.values():
            yield from ((f"{cards.kind} {card.name}", file) for file in card.weights)


WEIGHT_FILES: Registry[WeightFile] = Registry(
    "weight file", WeightFile, within=_within, shown_by="run_bench.py weights list"
)


def readers(file: WeightFile) -> list[str]:
    """Names of the methods, restorers and detectors that read ``file``."""
    return [card.name for cards in READ_BY for card in cards.values() if file in card.weights]
