"""The card of a detector that is known by name. Any other file can be given by path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tsdm_bench.cards import Card, Registry
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.location import cache_dir, missing

COCO_LABELS = "the 80 classes of COCO"


@dataclass(frozen=True, kw_only=True)
class DetectorCard(Card):
    """One detector; its name is what ``--detector`` takes."""

    labels: str
    """The classes that it knows, in words."""
    image_size: int
    """Side of its input in pixels."""
    backend: Literal["onnxruntime", "ultralytics"]
    weights: tuple[WeightFile, ...] = ()
    """The file that is opened, then others of the same network (initial weights for a training). Empty for an official
    detector of ultralytics, of which no fixed file is known: ultralytics downloads the newest on first use."""
    protocol: Literal["fixed"] = "fixed"

    @property
    def download(self) -> bool:
        """Whether it is fetched on first use; otherwise it is packaged, or put in place by hand."""
        return not self.weights or bool(self.weights[0].urls)

    def is_here(self, weights_dir: Path | None) -> bool:
        """Whether its file is on this machine."""
        if self.weights:
            return not missing(self.weights[:1], weights_dir)
        return any((place / self.name).is_file() for place in (weights_dir, cache_dir()) if place)


DETECTORS: Registry[DetectorCard] = Registry("detector", DetectorCard, ("detectors.known",), "tsdm_bench.detectors")
