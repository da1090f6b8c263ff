"""Synthetic street scenes: aligned thermal and visible images rendered from one geometry, with exact boxes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from bench.datasets.pair import M3FD_CLASS_SETS, M3FD_CLASSES, Dataset, Pair
from bench.datasets.synthetic import thermal, visible
from bench.datasets.synthetic.light import backdrop_of
from bench.datasets.synthetic.scene import CONDITIONS, FRAMES_PER_STREET, MIN_SIDE, compose
from bench.datasets.synthetic.view import look

DEFAULT_COUNT = 24
DEFAULT_SIZE = (384, 512)


def _place(index: int) -> tuple[str, int, int]:
    """Condition, street and frame of scene ``index``: conditions alternate, then frames, then streets."""
    rest, condition = divmod(index, len(CONDITIONS))
    number, frame = divmod(rest, FRAMES_PER_STREET)
    return CONDITIONS[condition], number, frame


def render(index: int, seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Scene ``index`` as (infrared H×W, visible H×W×3 RGB), uint8; the same bytes for the same arguments."""
    view = look(compose(seed, *_place(index), size))
    backdrop = backdrop_of(view)
    return thermal.render(view, backdrop), visible.render(view, backdrop)


def scenes(count: int, *, seed: int = 0, size: tuple[int, int] = DEFAULT_SIZE) -> list[Pair]:
    """``count`` labelled scenes of ``size`` (height, width) pixels.

    Three frames share a street, its weather and its parked cars; their common ``scene`` (``night-003``) is the cluster
    to resample by. Scene i is the same whatever ``count`` is; another ``seed`` gives other streets. Geometry and boxes
    are computed here, images only when a pair is read.

    Boxes follow the practice of M3FD: the visible extent, cut at the image border. An object is not labelled when less
    than a fifth of its silhouette shows or when its longer side is below 12 pixels. A motorcycle and its rider (People)
    have a box each; Lamp is the head of a traffic light.

    Raises:
        ValueError: count below 1, negative seed, or a side below 64 pixels.
    """
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1 synthetic scene; ask for 1 or more")
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected 0 or a positive whole number")
    height, width = size
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"size is {height}x{width}, expected at least {MIN_SIDE} pixels each way; ask for more")
    pairs = []
    for index in range(count):
        condition, number, frame = _place(index)
        boxes = look(compose(seed, condition, number, frame, (height, width))).boxes
        read = partial(render, index, seed, (height, width))
        pairs.append(Pair(f"{seed}-{index:05d}", f"{condition}-{number:03d}", read, boxes, size=(height, width)))
    return pairs


def _default_pairs(root: Path) -> list[Pair]:
    """The default scenes; rendered here, so ``root`` is not looked at."""
    return scenes(DEFAULT_COUNT)


SYNTHETIC = Dataset(
    name="synthetic",
    title="Synthetic street scenes",
    description=(
        "Aligned street scenes rendered from one geometry: a thermal image from temperatures and emissivities, a "
        "visible image by day, at dusk, at night and in fog, and exact boxes of the six M3FD classes. Not photographs."
    ),
    classes=M3FD_CLASSES,
    class_sets=M3FD_CLASS_SETS,
    source="rendered by this project (bench/datasets/synthetic)",
    licence="AGPL-3.0-or-later, as the project",
    layout="nothing on disk",
    obtain="nothing to obtain: rendered when read",
    pairs=_default_pairs,
    size=f"{DEFAULT_COUNT} scenes of {DEFAULT_SIZE[1]}×{DEFAULT_SIZE[0]}, any number by `scenes(count)`",
    synthetic=True,
)
