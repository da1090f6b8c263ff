"""Both images to the detector without fusing them: what a fusion method has to beat beside the better single source.

A card here stands among the methods of a run, and gives detections alone: no fused image, so no fusion metric, no cost
of fusing and no place in a ranking of fusion methods.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fusion.method import Method
from tsdm_bench.cards import Registry
from tsdm_bench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Unfused(Method):
    """One way to give a detector both images.

    Either ``load`` gives an image of several :attr:`channels` that one detector reads, or detectors look at each of
    :attr:`views` and what they find is merged.
    """

    kind: Literal["unfused"] = "unfused"
    channels: int = 3
    """Of the image that ``load`` makes of a pair."""
    views: tuple[str, ...] = ()
    """Methods whose images are looked at apart; empty where there is one image."""
    own_detector: bool = False
    """Whether it needs a detector that was trained for it: then no protocol with one detector for all methods."""


UNFUSED: Registry[Unfused] = Registry("method", Unfused, ("bench.unfused",), "tsdm_bench.unfused")


def refuse_unfit(methods: Iterable[str], protocol: str, detects: bool) -> None:
    """Raise ``UsageError`` where one of ``methods`` gives detections alone and the run can have none of it."""
    for name in methods:
        if name not in UNFUSED:
            continue
        if not detects:
            raise UsageError(
                f"method {name} gives detections and no fused image, and this run has no detector or no labelled pair: "
                f"leave {name} out, or give a detector and labels"
            )
        if UNFUSED[name].own_detector and protocol == "fixed":
            raise UsageError(
                f"method {name} needs a detector trained on {UNFUSED[name].channels} channels, and protocol fixed has "
                f"one detector of 3 for all methods: use --protocol retrain, or leave {name} out"
            )


def no_image(name: str) -> UsageError:
    """What to say where a fused image is asked for and the method ``name`` makes none."""
    return UsageError(
        f"method {name} gives a detector both images and makes no fused image: name a fusion method here, or run it "
        f"with a detector (--methods {name} --protocol retrain)"
    )
