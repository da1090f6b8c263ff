"""Your own pairs: ``ir/`` beside ``vis/`` or ``vi/``, or ``NAME_IR.png`` beside ``NAME_VI.png`` in one folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.datasets.files import Images, LabelFolder, pair_up
from bench.datasets.labels import LabelFault, Labels, read_classes, read_voc, read_yolo, spelling
from bench.datasets.pair import Dataset, Pair
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in, short

log = logging.getLogger(__name__)

VISIBLE_NAMES = ("vis", "vi", "Vis", "visible")
INFRARED_NAMES = ("ir", "Ir", "infrared")
VOC_NAMES = ("Annotations", "Annotation", "annotations")


def _sources(root: Path) -> tuple[Images, Images]:
    folders = [_different(root, names) for names in (INFRARED_NAMES, VISIBLE_NAMES)]
    if all(folders):
        for several in folders:
            if len(several) > 1:
                raise UsageError(f"which is meant, {' or '.join(map(str, several))}? rename or remove all but one")
        return images_in(folders[0][0]), images_in(folders[1][0])
    by_ending: tuple[dict, dict] = ({}, {})
    for stem, files in images_in(root).items():
        for images, ending in zip(by_ending, ("_ir", "_vi"), strict=True):
            if stem.lower().endswith(ending):
                name = stem[: -len(ending)]
                images[name] = (*images.get(name, ()), *files)
    if others := [stem for stem in images_in(root) if not stem.lower().endswith(("_ir", "_vi"))]:
        log.warning("%s: %d images end neither on _IR nor on _VI (%s): left out", short(root), len(others), others[0])
    if not all(by_ending):
        raise UsageError(
            f"no pairs in {root}: expected the folders ir/ and vis/ (or vi/) with files of the same name, or files "
            f"NAME_IR.png and NAME_VI.png in one folder; name the folder by --data-root"
        )
    return by_ending


def _different(root: Path, names: Sequence[str]) -> list[Path]:
    """The folders of these names; one that several names mean, where case does not count, once."""
    there = [root / name for name in names if (root / name).is_dir()]
    return [path for index, path in enumerate(there) if not any(map(path.samefile, there[:index]))]


def _labels(root: Path, images: Images) -> LabelFolder | None:
    """VOC where there is a folder for it, else YOLO, else none."""
    for name in VOC_NAMES:
        if (root / name).is_dir():
            if (root / "labels").is_dir():
                log.warning("%s: labels are read from %s, not from labels", short(root), name)
            return LabelFolder(root / name, ".xml", read_voc)
    folder, names_file = root / "labels", root / "classes.txt"
    if not folder.is_dir():
        return None
    if not names_file.is_file():
        raise UsageError(f"{folder} holds YOLO labels but {names_file} is missing; list the class names, one a line")
    try:
        names = read_classes(names_file)
    except LabelFault as fault:
        unread = Labels(faults=(str(fault),))
        return LabelFolder(folder, ".txt", lambda path, size: unread, absent=unread)
    found = {path.stem for path in folder.glob("*.txt") if not path.name.startswith(".")} - {names_file.stem}
    if not found:
        return None
    if not found & images.keys():
        raise UsageError(f"none of the {len(found)} label files in {folder} has the name of an image; rename them")
    if strays := sorted(found - images.keys()):
        log.warning("%s: %d label files belong to no image (%s)", short(folder), len(strays), ", ".join(strays[:5]))
    if empty := len(images.keys() - found):
        log.info("%s: %d of %d images have no label file: taken as showing no object, as YOLO has it",
                 short(folder), empty, len(images))  # fmt: skip
    return LabelFolder(folder, ".txt", partial(read_yolo, names=names), absent=Labels())


def _label_file(pair: Pair) -> str:
    return short(pair.label_file) if pair.label_file else pair.image


def _of_one_spelling(pairs: list[Pair]) -> list[Pair]:
    """The pairs; those that spell a class otherwise than a pair before them get a fault."""
    first: dict[str, tuple[str, Pair]] = {}
    checked = []
    for pair in pairs:
        faults = []
        for name in dict.fromkeys(box.label for box in (*(pair.boxes or ()), *pair.difficult)):
            known, where = first.setdefault(spelling(name), (name, pair))
            if known != name:
                faults.append(
                    f"{_label_file(pair)}: class {name!r} is spelt {known!r} in {_label_file(where)}; use one"
                )
        checked.append(replace(pair, boxes=None, difficult=(), label_faults=tuple(faults)) if faults else pair)
    return checked


def pairs(root: Path) -> list[Pair]:
    """All pairs; every pair is a scene of its own."""
    ir, vis = _sources(root)
    return _of_one_spelling(pair_up(ir, vis, scene=lambda image: image, labels=_labels(root, {**ir, **vis})))


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
