"""The pictures of the page: inputs and results as small WebP images, with the boxes of the detector as numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.executors.pool import available_cores
from bench.plan import Condition
from bench.report.figure import class_colours
from bench.report.outcomes import Outcome
from bench.report.stored import StoredPictures
from detectors.evaluation.fates import SHOWN_FROM

BUDGET = 7_000_000
"""Bytes of all pictures together before they become text, which takes a third more: the page stays below 15 MB."""
QUALITY = 72
FIRST_SIDE = 720
"""Longest side, in pixels, of a first try."""
SMALLEST_SIDE = 160
Key = tuple[str, Condition, str]


def picture_data(stored: StoredPictures, budget: int = BUDGET) -> tuple[dict[str, Any], dict[str, str]] | None:
    """What the browser of the page shows, and its pictures as data addresses, by ``pair/condition/name``.

    Their size is chosen so that all take at most ``budget`` bytes. None where no result is stored.
    """
    images, conditions = stored.images(), list(stored.conditions())
    keys = [(image, condition, name) for image in images for condition in conditions for name in stored.names]
    with ThreadPoolExecutor(available_cores()) as pool:
        read = dict(zip(keys, pool.map(lambda key: _small(stored.read(*key)), keys), strict=True))
        there = {key: picture for key, picture in read.items() if picture is not None}
        shown = [image for image in images if any(key[0] == image for key in there)]
        if not shown:
            return None
        packed = _within(budget, {key: pixels for key, (pixels, _) in there.items()}, pool)
    place_of = {
        key: f"{shown.index(image)}/{conditions.index(condition)}/{name}"
        for key in there
        for image, condition, name in [key]
    }
    tiles = {place_of[key]: _address(content) for key, content in packed.items()}
    outcomes = {
        (image, condition, name): of
        for image in shown
        for condition in conditions
        for name, of in stored.outcomes(image, condition).items()
    }
    labels = {item.label for of in outcomes.values() for group in of for item in group}
    facts = {
        "pairs": shown,
        "conditions": [stored.title(condition) for condition in conditions],
        "names": stored.names,
        "titles": stored.titles,
        "size": [next(size for key, (_, size) in there.items() if key[0] == image) for image in shown],
        "boxes": {place_of[key]: _boxes(of) for key, of in outcomes.items() if key in place_of},
        "colours": class_colours(stored.record.classes, labels),
        "judged": [image in stored.labelled for image in shown],
        "shown_from": SHOWN_FROM,
    }
    return facts, tiles


def _small(pixels: np.ndarray | None) -> tuple[np.ndarray, tuple[int, int]] | None:
    """An image no larger than the first try, and the width and height that its boxes are measured in."""
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    return _resized(pixels, FIRST_SIDE), (width, height)


def _resized(pixels: np.ndarray, side: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    return cv2.resize(
        pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )


def _within(budget: int, pictures: Mapping[Key, np.ndarray], pool: ThreadPoolExecutor) -> dict[Key, bytes]:
    """The pictures as WebP of one longest side, the largest that a few tries find within ``budget``."""
    side = min(FIRST_SIDE, max(max(pixels.shape[:2]) for pixels in pictures.values()))
    sample = list(pictures.values())[:: max(1, len(pictures) // 12)]
    of_sample = _total(pool.map(_webp, sample, repeat(side)))
    side = _smaller(side, of_sample * len(pictures) / len(sample), budget)
    while True:
        packed = dict(zip(pictures, pool.map(_webp, pictures.values(), repeat(side)), strict=True))
        total = _total(packed.values())
        if total <= budget or side <= SMALLEST_SIDE:
            return packed
        side = _smaller(side, total, budget)


def _total(contents: Iterable[bytes]) -> int:
    return sum(map(len, contents))


def _smaller(side: int, total: float, budget: int) -> int:
    """The side at which ``total`` bytes would fit; small pictures take more bytes for each pixel."""
    return side if total <= budget else max(SMALLEST_SIDE, int(side * (budget / total) ** 0.6 * 0.97))


def _webp(pixels: np.ndarray, side: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(_resized(pixels, side)).save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def _address(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def _boxes(of: Outcome) -> list[list[Any]]:
    """Kind, class, score, x, y, w, h of each box."""
    found = [
        [kind, box.label, round(box.score, 2), *(round(side, 1) for side in box[2:])]
        for kind, group in (("hit", of.hits), ("alarm", of.alarms))
        for box in group
    ]
    return found + [["miss", box.label, None, *(round(side, 1) for side in box[1:])] for box in of.misses]
