"""The card of a restorer: what is done to one image of a pair before the pair is fused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from degradation.factor import Modality
from tsdm_bench.cards import OURS, Card, Registry
from tsdm_bench.weights.card import WeightFile

if TYPE_CHECKING:  # names are looked up before torch is imported, which takes seconds
    from torch import Tensor

CHANNELS: dict[Modality, int] = {"ir": 1, "vis": 3}


@dataclass(frozen=True, kw_only=True)
class Restorer(Card):
    """One way of repairing an image, put in front of a method as ``restorer+method``.

    ``load(paths, device)`` returns ``restore(image) -> image``: float32 N×C×H×W in [0, 1], C = 1 for infrared and 3
    (RGB) for visible; the result has the same shape and may leave [0, 1]. With ``knows_condition`` it takes a second
    argument, the faults that the image has (:class:`fusion.restoration.truth.Fault`), which no user of a camera knows.
    """

    kind: Literal["classical", "learned", "oracle"]
    description: str
    removes: tuple[str, ...]
    """Factors that it is made for."""
    modalities: tuple[Modality, ...]
    """Images that it can restore."""
    licence: str = OURS
    year: int | None = None
    venue: str = ""
    parameters: int = 0
    weights: tuple[WeightFile, ...] = ()
    trained_on: tuple[str, ...] = ()
    """Datasets of ours whose pairs it has seen, as far as it is known."""
    knows_condition: bool = False
    among: tuple[str, ...] = ()
    """Names of the restorers that it chooses from, whose weights it needs."""
    load: Callable[[dict[str, Path], Any], Callable[..., Any]]


RESTORERS: Registry[Restorer] = Registry("restorer", Restorer, ("fusion.restoration",), "tsdm_bench.restorers")


def weights_of(restorer: Restorer) -> tuple[WeightFile, ...]:
    """The files of a restorer and of those that it chooses from, each once."""
    chosen = (file for name in restorer.among for file in weights_of(RESTORERS[name]))
    return tuple(dict.fromkeys((*restorer.weights, *chosen)))


def rounded(image: Tensor) -> Tensor:
    """An image as an 8-bit file keeps it: clamped to [0, 1] and rounded to multiples of 1/255."""
    return (image.clamp(0, 1) * 255).round() / 255
