"""Image files on disk, the pairing of two folders by file stem, and their labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.datasets.labels import Labels
from bench.datasets.pair import Pair
from tsdm_bench.errors import UsageError
from tsdm_bench.images import ImageProblem, image_size, read_grey, read_rgb, short, the_one

SHOWN = 5
"""Faults that a refusal lists; `datasets verify` lists all."""

Images = Mapping[str, tuple[Path, ...]]
"""Files by image name, as :func:`tsdm_bench.images.images_in` lists them."""


def read_pair(ir: Path, vis: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read both halves (H×W, H×W×3, uint8); raises :class:`ImageProblem` where their sizes differ."""
    infrared, visible = read_grey(ir), read_rgb(vis)
    if infrared.shape != visible.shape[:2]:
        sizes = [
            f"{short(path)} is {image.shape[1]}×{image.shape[0]}" for path, image in ((ir, infrared), (vis, visible))
        ]
        raise ImageProblem(f"{sizes[0]} but {sizes[1]}; a pair must be aligned and of one size")
    return infrared, visible


class LabelSource(Protocol):
    """Where the labels of a dataset lie, and how those of one image are read."""

    @property
    def absent(self) -> Labels | None:
        """What an image without labels has: None = it is not labelled, ``Labels()`` = it shows no object."""

    def path(self, image: str) -> Path:
        """The file that holds the labels of an image; one that does not exist where it has none."""

    def of(self, image: str, size: tuple[int, int] | None) -> Labels:
        """The labels of an image of ``size`` (H, W), None where that cannot be read."""


@dataclass(frozen=True)
class LabelFolder:
    """Where the labels of a dataset lie, one file per image, and how one is read."""

    folder: Path
    suffix: str
    read: Callable[[Path, tuple[int, int] | None], Labels]
    """From a label file and the size (H, W) of its image, None where that cannot be read."""
    absent: Labels | None = None
    """What an image without a label file has: None = it is not labelled, ``Labels()`` = it shows no object."""

    def path(self, image: str) -> Path:
        """Where the labels of an image lie, if there are any."""
        return self.folder / f"{image}{self.suffix}"

    def of(self, image: str, size: tuple[int, int] | None) -> Labels:
        """What the label file of an image says."""
        return self.read(self.path(image), size)


def pair_up(
    ir: Images,
    vis: Images,
    *,
    scene: Callable[[str], str],
    split: Callable[[str], str] | str = "",
    labels: LabelSource | None = None,
) -> list[Pair]:
    """Match two folders by stem, and read the labels of each pair.

    A half without a partner, and a name that several files have, stay in the list: reading the pair tells what is
    wrong with it.
    """
    split_of = (lambda image: split) if isinstance(split, str) else split
    return [_pair(image, ir, vis, scene(image), split_of(image), labels) for image in sorted(ir.keys() | vis.keys())]


def _pair(image: str, ir: Images, vis: Images, scene: str, split: str, labels: LabelSource | None) -> Pair:
    files, faults, problem = [], [], ""
    for images in (ir, vis):
        if image in images:
            try:
                files.append(the_one(images[image]))
            except ImageProblem as error:
                faults.append(str(error))
    if image not in ir or image not in vis:
        kind, path = ("visible", ir[image][0]) if image in ir else ("infrared", vis[image][0])
        problem = f"{short(path)} has no {kind} partner of the same name"
    wrong = "; ".join([*faults, problem] if problem else faults)
    read = partial(_refuse, wrong) if wrong else partial(read_pair, *files)
    found, label_file = labels.absent if labels else None, None
    size = image_size(files[-1]) if files else None
    if labels and files and os.path.lexists(labels.path(image)):
        label_file = labels.path(image)
        found = labels.of(image, size)
    placed = size is not None or label_file is None
    known = found if found is not None and not found.faults and placed else None
    return Pair(
        image,
        scene,
        read,
        boxes=known.boxes if known else None,
        difficult=known.difficult if known else (),
        split=split,
        problem=problem,
        files=tuple(files),
        label_file=label_file,
        faults=tuple(faults),
        label_faults=found.faults if found else (),
        notes=found.notes if found else (),
        size=size,
    )


def _refuse(problem: str) -> tuple[np.ndarray, np.ndarray]:
    raise ImageProblem(problem)


def repeated_names(pairs: Iterable[Pair]) -> list[str]:
    """A fault for every name that several pairs have, such as one in the training and in the test part."""
    of_name: dict[str, list[Pair]] = {}
    for pair in pairs:
        of_name.setdefault(pair.image, []).append(pair)
    return [
        f"{' and '.join(short(pair.files[0]) for pair in several)} are pairs of one name; rename all but one"
        for several in of_name.values()
        if len(several) > 1 and all(pair.files for pair in several)
    ]


def refuse_faults(dataset: str, pairs: Iterable[Pair], *, with_labels: bool) -> None:
    """Raise ``UsageError`` where files of ``pairs`` (and labels, where they are to be used) cannot be understood."""
    pairs = list(pairs)
    of_files = [*(fault for pair in pairs for fault in pair.faults), *repeated_names(pairs)]
    of_labels = [fault for pair in pairs for fault in pair.label_faults] if with_labels else []
    if faults := list(dict.fromkeys(of_files + of_labels)):
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        aside = ", or leave detection out by --detector none" if of_labels and not of_files else ""
        raise UsageError(
            f"dataset {dataset}: {len(faults)} fault{'s' * (len(faults) > 1)} in its files: {'; '.join(faults[:SHOWN])}"
            f"{more}. Repair them (`run_bench.py datasets verify {dataset}` lists all){aside}"
        )


def find_folder(root: Path, names: Iterable[str], required: Iterable[str]) -> Path | None:
    """The first of ``root/name`` (then ``root`` itself) that contains every sub-folder of ``required``."""
    for folder in (*(root / name for name in names), root):
        if all((folder / part).is_dir() for part in required):
            return folder
    return None
