"""Which parts of an image a figure enlarges: by hand, where detectors disagree, or where methods differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np

from bench.datasets.pair import Box
from bench.report.outcomes import Outcome
from detectors.evaluation.matching import box_iou
from tsdm_bench.errors import UsageError

MOST = 3
"""Enlarged regions of one image."""
AUTOMATIC = 2
"""Regions that are looked for where none is given."""
CONTEXT = 1.6
"""A region shows this many times the object."""
SMALLEST = 40
"""Pixels."""
SHARE = 6
"""A region that is chosen for its differences is this fraction of the image wide and high."""
CORNERS = {"lr": "lower right", "ll": "lower left", "ur": "upper right", "ul": "upper left"}


@dataclass(frozen=True)
class Region:
    """A part of an image: left, top, width, height in pixels, and where it is shown enlarged."""

    box: tuple[float, float, float, float]
    corner: str = ""
    """A value of :data:`CORNERS`, or nothing: where it hides least."""

    def refuse_outside(self, size: tuple[int, int], image: str) -> None:
        """Raise ``UsageError`` where the region leaves an image of ``size`` (height, width)."""
        x, y, w, h = self.box
        height, width = size
        if x < 0 or y < 0 or w < 2 or h < 2 or x + w > width or y + h > height:
            raise UsageError(
                f"--zoom {x:g},{y:g},{w:g},{h:g} leaves image {image} of {width}×{height} pixels; expected "
                f"left,top,width,height within it"
            )


def disputed_regions(
    boxes: Sequence[Box], outcomes: Sequence[Outcome], size: tuple[int, int], most: int = AUTOMATIC
) -> list[Region]:
    """Regions around the objects on which the methods disagree most, small objects first; none where all agree.

    Each has the aspect ratio of the image (``size`` is height, width) and lies within it.
    """
    height, width = size
    missed = {box: sum(box in of.misses for of in outcomes) for box in boxes}
    disputed = [box for box, times in missed.items() if 0 < times < len(outcomes)]
    disputed.sort(key=lambda box: (abs(missed[box] - len(outcomes) / 2), box.w * box.h))
    regions: list[tuple[float, float, float, float]] = []
    for box in disputed:
        scale = max(CONTEXT * max(box.w / width, box.h / height), SMALLEST / width)
        w, h = min(scale, 1.0) * width, min(scale, 1.0) * height
        x = float(np.clip(box.x + box.w / 2 - w / 2, 0, width - w))
        y = float(np.clip(box.y + box.h / 2 - h / 2, 0, height - h))
        if scale < 0.6 and not box_iou(np.array([(x, y, w, h)]), np.array(regions).reshape(-1, 4)).any():
            regions.append((x, y, w, h))
        if len(regions) == most:
            break
    return [Region(region) for region in regions]


def differing_regions(fused: Mapping[str, np.ndarray], most: int = AUTOMATIC) -> list[Region]:
    """The regions in which the results of the methods differ most: where their grey levels deviate most on average.

    None for fewer than two images, or where all are equal.

    >>> flat, spot = np.zeros((60, 90), np.uint8), np.zeros((60, 90), np.uint8)
    >>> spot[20:30, 45:60] = 200
    >>> differing_regions({"a": flat, "b": spot}, 1)[0].box
    (45, 20, 15, 10)
    """
    if len(fused) < 2:
        return []
    grey = np.stack([image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in fused.values()])
    height, width = grey.shape[1:]
    w, h = max(2, width // SHARE), max(2, height // SHARE)
    deviation = cv2.boxFilter(grey.std(axis=0), -1, (w, h), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = deviation[: height - h + 1, : width - w + 1].copy()
    regions: list[Region] = []
    while len(regions) < most and inside.max() > 0:
        y, x = (int(place) for place in np.unravel_index(inside.argmax(), inside.shape))
        regions.append(Region((x, y, w, h)))
        inside[max(0, y - h) : y + h, max(0, x - w) : x + w] = 0
    return regions


def corners_for(regions: Sequence[Region], size: tuple[int, int], share: float) -> list[str]:
    """The corner in which each region is shown: the one that was given, else such that all hide least.

    ``share`` is the side of an enlarged region as a fraction of the tile.
    """
    if not regions:
        return []
    height, width = size
    best, least = None, np.inf
    for corners in permutations(CORNERS.values(), len(regions)):
        if any(region.corner and region.corner != corner for region, corner in zip(regions, corners, strict=True)):
            continue
        cost = 0.0
        for corner, shown in zip(corners, regions, strict=True):
            left, top = (1 - share if side in corner else 0.0 for side in ("right", "lower"))
            inset = np.array((left * width, top * height, share * width, share * height))
            cost += sum(_covered(inset, np.array(region.box)) for region in regions)
            x, y = shown.box[0] + shown.box[2] / 2, shown.box[1] + shown.box[3] / 2
            cost -= 0.01 * (abs(x / width - ("right" in corner)) + abs(y / height - ("lower" in corner)))
        if cost < least:
            best, least = list(corners), cost
    if best is None:
        raise UsageError("--zoom: two regions cannot be shown in one corner; give each another of ul, ur, ll, lr")
    return best


def _covered(inset: np.ndarray, region: np.ndarray) -> float:
    """The part of ``region`` that lies under ``inset``."""
    low = np.maximum(inset[:2], region[:2])
    high = np.minimum(inset[:2] + inset[2:], region[:2] + region[2:])
    return float(np.prod(np.maximum(high - low, 0)) / np.prod(region[2:]))


def asked_regions(texts: Sequence[str]) -> tuple[dict[str, tuple[Region, ...]] | None, int]:
    """Regions by image (under ``""`` those of every other image), or None and how many are to be chosen.

    ``texts`` are ``x,y,w,h``, ``x,y,w,h,ul``, ``IMAGE:x,y,w,h``, ``none`` or ``auto:N``. Raises ``UsageError`` for
    anything else and for more than three regions of one image.

    >>> asked_regions(["auto:3"]), asked_regions(["none"]), asked_regions([])
    ((None, 3), ({}, 0), (None, 2))
    >>> asked_regions(["7:10,20,30,40,ul"])[0]["7"][0]
    Region(box=(10.0, 20.0, 30.0, 40.0), corner='upper left')
    """
    if not texts:
        return None, AUTOMATIC
    if len(texts) == 1 and texts[0] == "none":
        return {}, 0
    if len(texts) == 1 and texts[0].partition(":")[0] == "auto":
        number = texts[0].partition(":")[2] or str(AUTOMATIC)
        if not number.isdecimal() or not 1 <= int(number) <= MOST:
            raise UsageError(f"--zoom {texts[0]}: expected auto:1 to auto:{MOST}")
        return None, int(number)
    regions: dict[str, tuple[Region, ...]] = {}
    for text in texts:
        image, region = _asked_region(text)
        regions[image] = (*regions.get(image, ()), region)
        if len(regions[image]) > MOST:
            raise UsageError(f"--zoom: {len(regions[image])} regions of one image; expected at most {MOST}")
    return regions, 0


def _asked_region(text: str) -> tuple[str, Region]:
    image, _, numbers = text.rpartition(":")
    parts = [part.strip() for part in numbers.split(",")]
    corner = parts.pop() if len(parts) == 5 else ""
    try:
        x, y, w, h = map(float, parts)
        if corner and corner not in CORNERS:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--zoom {text}: expected X,Y,W,H in pixels such as 100,50,80,60, with a corner ({', '.join(CORNERS)}) "
            f"behind or IMAGE: in front if need be, or `none`, or auto:N"
        ) from None
    return image, Region((x, y, w, h), CORNERS.get(corner, ""))
