"""What a dataset gives: aligned pairs with their boxes, and the card that says where they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detectors.evaluation import SUMMARIES
from tsdm_bench.cards import Card

M3FD_CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
M3FD_CLASS_SETS = {"paper": ("People", "Car", "Lamp"), "m3fd6": M3FD_CLASSES}
"""``paper``: person, car and traffic light, which the TSDM-Fusion paper boxes in its figures."""


class Box(NamedTuple):
    """A labelled object: class name, left, top, width, height in pixels (continuous, 0 = left edge of the image)."""

    label: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Pair:
    """One aligned infrared–visible pair, not yet read.

    ``read()`` gives (infrared H×W, visible H×W×3 RGB), both uint8. Pairs are compared without that function, so that a
    worker recognises the pair of every cell that is sent to it. ``boxes`` is None where the dataset has no labels,
    and empty where it has labels but this image shows no object. ``difficult`` objects (as VOC marks them) are neither
    missed nor found: detections of them do not count.
    """

    image: str
    scene: str
    read: Callable[[], tuple[np.ndarray, np.ndarray]] = field(compare=False)
    boxes: tuple[Box, ...] | None = None
    split: str = ""
    problem: str = ""
    """Why the pair cannot be read, where that is known from the listing (a missing partner)."""
    files: tuple[Path, ...] = ()
    """The image files it is read from, infrared first; empty where it is rendered."""
    label_file: Path | None = None
    """The file its boxes come from; None where it has none."""
    difficult: tuple[Box, ...] = ()
    faults: tuple[str, ...] = ()
    """Why it is not clear which files are meant; a run refuses such a pair."""
    label_faults: tuple[str, ...] = ()
    """What its label file holds that cannot be understood, by file and line; a run that detects refuses it."""
    notes: tuple[str, ...] = ()
    """What was understood but is unusual: a label that is repeated, a box that hangs over the border."""
    size: tuple[int, int] | None = None
    """(H, W), where it is known without reading the images."""

    @property
    def pixels(self) -> int | None:
        """Of one of its images, where its size is known."""
        return self.size and math.prod(self.size)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file that a dataset is published in, and which part of it is the layout."""

    url: str
    """A file, or a folder of Google Drive that holds ``file``."""
    inside: str | None
    """The folder of the archive in which ``parts`` lie; None: wherever they lie together."""
    folder: str
    """The folder below the data root that ``parts`` go to."""
    parts: tuple[str, ...]
    more: tuple[str, ...] = ()
    """Further parts, unpacked where the archive has them."""
    file: str = ""
    """Its name in a folder of Google Drive."""
    md5: str = ""
    """Hexadecimal, where the archive is known to stay the same."""
    pairs: int = 0
    """How many pairs it holds, all of them whole: what is checked after unpacking, beside the hash or in its place."""


@dataclass(frozen=True, kw_only=True)
class LooseFile:
    """A file that is published apart from the archive of a dataset, such as its labels."""

    urls: tuple[str, ...]
    place: str
    """Where it goes, below the data root."""
    problem: Callable[[Path], str]
    """What is wrong with the file that arrived; empty where nothing is."""


def github_archive(
    repository: str,
    version: str,
    folder: str,
    parts: tuple[str, ...],
    *,
    pairs: int,
    below: str = "",
    md5: str = "",
    more: tuple[str, ...] = (),
) -> Archive:
    """What GitHub makes of a ``version`` (commit or branch); ``below`` is the folder of ``parts`` in it."""
    top = f"{repository.partition('/')[2]}-{version}"
    url = f"https://github.com/{repository}/archive/{version}.zip"
    inside = f"{top}/{below}" if below else top
    return Archive(url=url, inside=inside, folder=folder, parts=parts, md5=md5, pairs=pairs, more=more)


@dataclass(frozen=True, kw_only=True)
class Dataset(Card):
    """The card of a dataset. ``pairs(root)`` lists what lies under a data root, in a stable order."""

    description: str
    classes: tuple[str, ...]
    layout: str
    """Where files are expected below the data root, in the published layout."""
    obtain: str
    """How a person gets the data."""
    pairs: Callable[[Path], list[Pair]]
    """Raises ``UsageError`` where nothing of the layout lies under the root."""
    size: str = ""
    archive: Archive | None = None
    """What ``datasets download`` fetches; None where a person has to get the data."""
    beside: tuple[LooseFile, ...] = ()
    """What it fetches besides."""
    terms: str = ""
    """What a person has to accept before anything is downloaded."""
    synthetic: bool = False
    class_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Classes by the name of a set that papers report on, such as ``paper``; tables show the mean over one by
    ``--classes``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, members in self.class_sets.items():
            if strangers := [of for of in members if of not in self.classes]:
                raise ValueError(
                    f"Dataset {self.name!r}: class set {name} holds {strangers[0]!r}, which is no class of it"
                )
            if name in (*self.classes, *SUMMARIES) or not members:
                raise ValueError(
                    f"Dataset {self.name!r}: class set {name!r} is empty, or called like a class or a mean"
                )
