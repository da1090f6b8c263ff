"""Which images show nearly the same: neighbouring frames of one video."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

LARGEST_GAP = 20
"""Frames of one video whose numbers differ by no more than this are taken for one view of one place."""

_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)$")


def scene_clusters(images: Sequence[str], scenes: Sequence[str], largest_gap: int = LARGEST_GAP) -> np.ndarray:
    """Cluster number of each image: runs of neighbouring frame numbers within a scene.

    Images join where their scene and the text around the last number of their id agree and consecutive numbers differ
    by ``largest_gap`` at most; an id without a number is a cluster of its own. With ``largest_gap=0`` every image is.
    Clusters are numbered from 0 in the order of their first image.

    >>> scene_clusters(["a_001", "a_010", "a_900", "b"], ["day", "day", "day", "day"]).tolist()
    [0, 0, 1, 2]
    """
    if len(images) != len(scenes):
        raise ValueError(f"expected one scene per image, got {len(images)} images and {len(scenes)} scenes")
    keys = []
    for image, scene in zip(images, scenes, strict=True):
        found = _LAST_NUMBER.match(image)
        before, number, after = found.groups() if found else (image, "0", "")
        keys.append((str(scene), before, after, int(number), image))
    run, previous, runs = -1, None, {}
    for key in sorted(set(keys)):
        joined = previous is not None and key[:3] == previous[:3] and 0 <= key[3] - previous[3] <= largest_gap
        run += not (joined and largest_gap > 0)
        runs[key], previous = run, key
    renumbered: dict[int, int] = {}
    return np.array([renumbered.setdefault(runs[key], len(renumbered)) for key in keys], dtype=int)
