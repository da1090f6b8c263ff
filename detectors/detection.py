"""A detected object, as all rooms pass it on."""

from __future__ import annotations

from typing import NamedTuple


class Detection(NamedTuple):
    """A detected object: dataset class, score in [0, 1], left, top, width, height in pixels of the image."""

    label: str
    score: float
    x: float
    y: float
    w: float
    h: float
