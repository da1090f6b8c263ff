"""Image files on disk, and the pairing of two folders by file stem."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from bench.datasets.pair import Box, Pair
from tsdm_bench.images import IMAGE_SUFFIXES, ImageProblem, read_grey, read_rgb, short


def read_pair(ir: Path, vis: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read both halves (H×W, H×W×3, uint8); raises :class:`ImageProblem` where their sizes differ."""
    infrared, visible = read_grey(ir), read_rgb(vis)
    if infrared.shape != visible.shape[:2]:
        sizes = [
            f"{short(path)} is {image.shape[1]}×{image.shape[0]}" for path, image in ((ir, infrared), (vis, visible))
        ]
        raise ImageProblem(f"{sizes[0]} but {sizes[1]}; a pair must be aligned and of one size")
    return infrared, visible


def images_by_stem(folder: Path) -> dict[str, Path]:
    """The image files directly in ``folder`` by stem, sorted; empty where there is no such folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}


def pair_up(
    ir: dict[str, Path],
    vis: dict[str, Path],
    *,
    scene: Callable[[str], str],
    boxes: Callable[[str], tuple[Box, ...] | None] = lambda image: None,
    split: Callable[[str], str] = lambda image: "",
    label_file: Callable[[str], Path | None] = lambda image: None,
) -> list[Pair]:
    """Match two folders by stem. A half without a partner stays in the list: reading it tells which file is missing."""
    pairs = []
    for image in sorted(ir.keys() | vis.keys()):
        files = tuple(images[image] for images in (ir, vis) if image in images)
        if len(files) == 2:
            read = partial(read_pair, *files)
            problem = ""
        else:
            kind, path = ("visible", ir[image]) if image in ir else ("infrared", vis[image])
            problem = f"{short(path)} has no {kind} partner of the same name"
            read = partial(_refuse, problem)
        pairs.append(Pair(image, scene(image), read, boxes(image), split(image), problem, files, label_file(image)))
    return pairs


def _refuse(problem: str) -> tuple[np.ndarray, np.ndarray]:
    raise ImageProblem(problem)


def find_folder(root: Path, names: Iterable[str], required: Iterable[str]) -> Path | None:
    """The first of ``root/name`` (then ``root`` itself) that contains every sub-folder of ``required``."""
    for folder in (*(root / name for name in names), root):
        if all((folder / part).is_dir() for part in required):
            return folder
    return None
