"""Your own pairs: ``ir/`` beside ``vis/`` or ``vi/``, or ``NAME_IR.png`` beside ``NAME_VI.png`` in one folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.datasets.files import images_by_stem, pair_up
from bench.datasets.labels import read_voc, read_yolo
from bench.datasets.pair import Box, Dataset, Pair
from tsdm_bench.errors import UsageError
from tsdm_bench.images import image_size

VISIBLE_NAMES = ("vis", "vi", "Vis", "visible")
INFRARED_NAMES = ("ir", "Ir", "infrared")
VOC_NAMES = ("Annotations", "Annotation", "annotations")


def _sources(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    for ir in INFRARED_NAMES:
        for vis in VISIBLE_NAMES:
            if (root / ir).is_dir() and (root / vis).is_dir():
                return images_by_stem(root / ir), images_by_stem(root / vis)
    files = images_by_stem(root)
    by_ending = [
        {stem[: -len(ending)]: path for stem, path in files.items() if stem.lower().endswith(ending)}
        for ending in ("_ir", "_vi")
    ]
    if not all(by_ending):
        raise UsageError(
            f"no pairs in {root}: expected the folders ir/ and vis/ (or vi/) with files of the same name, or files "
            f"NAME_IR.png and NAME_VI.png in one folder; name the folder by --data-root"
        )
    return by_ending[0], by_ending[1]


def _labels(root: Path, vis: dict[str, Path]) -> Callable[[str], tuple[Box, ...] | None]:
    for name in VOC_NAMES:
        if (root / name).is_dir():
            return lambda image: read_voc(path) if (path := root / name / f"{image}.xml").is_file() else None
    names_file = root / "classes.txt"
    if not (root / "labels").is_dir():
        return lambda image: None
    if not names_file.is_file():
        raise UsageError(
            f"{root}/labels holds YOLO labels but {names_file} is missing; list the class names, one a line"
        )
    names = tuple(names_file.read_text().split("\n"))
    names = tuple(name.strip() for name in names if name.strip())
    return partial(_yolo, root, vis, names)


def _yolo(root: Path, vis: dict[str, Path], names: tuple[str, ...], image: str) -> tuple[Box, ...] | None:
    path = root / "labels" / f"{image}.txt"
    return read_yolo(path, names, image_size(vis[image])) if path.is_file() and image in vis else None


def pairs(root: Path) -> list[Pair]:
    """All pairs; every pair is a scene of its own."""
    ir, vis = _sources(root)
    return pair_up(ir, vis, scene=lambda image: image, boxes=_labels(root, vis))


FOLDER = Dataset(
    name="folder",
    title="own pairs",
    description="any ir/ + vis/ folders; labels as VOC (Annotations/*.xml), YOLO (labels/*.txt, classes.txt) or none",
    classes=(),
    source="the user",
    licence="the user's",
    layout="{ir,vis}/*.png, or *_IR.png and *_VI.png",
    obtain="name your folder by --data-root",
    pairs=pairs,
)
