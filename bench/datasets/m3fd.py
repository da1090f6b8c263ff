"""M3FD: 4,200 labelled street pairs (detection) and 300 fusion pairs. Liu et al., CVPR 2022."""

from __future__ import annotations

import csv
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from bench.datasets import coco
from bench.datasets.files import LabelFolder, LabelSource, find_folder, pair_up
from bench.datasets.labels import read_voc
from bench.datasets.pair import M3FD_CLASS_SETS, M3FD_CLASSES, Archive, Dataset, LooseFile, Pair, github_archive
from fusion.citations import LIU_2022
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

SOURCE = "Liu et al., Target-aware Dual Adversarial Learning (TarDAL), CVPR 2022"
FUSION_PAIRS = "CharlesShan-hub/M3FD-Fusion-Backup"
FUSION_PAIRS_MD5 = "e11dcc73ff6f590d927631467930abb6"
DRIVE = "https://drive.google.com/drive/folders/1H-oO7bgRuVFYDcMGvxstT1nmy0WF_Y_6"
LABEL_FILES = tuple(f"meta/instances_{part}2014.json" for part in ("train", "val"))
"""The boxes of all 4,200 pairs in COCO's form, as a fork of TarDAL's repository has them below data/M3FD."""
LABELS = tuple(
    f"https://raw.githubusercontent.com/ganlumomo/TarDAL/{version}/data/M3FD"
    for version in ("main", "be5f1cc2092a5768e6e53c3a1a99e8bd22e0c6d9")
)


@cache
def scene_table() -> dict[str, tuple[str, str]]:
    """(scene, split) by image id, for all 4,200 ids: daytime, overcast, night, challenge; train, val, test."""
    text = files("bench.datasets").joinpath("m3fd_scenes.csv").read_text(encoding="utf-8")
    return {row["id"]: (row["scene"], row["split"]) for row in csv.DictReader(text.splitlines())}


def scene_of(image: str) -> str:
    """Scene of an image by the published list (day, night…), ``unknown`` where it is not in it."""
    return scene_table().get(image, ("", ""))[0] or "unknown"


def split_of(image: str) -> str:
    """Part of the dataset (``train``, ``val``, ``test``) of an image, empty where the list names none."""
    return scene_table().get(image, ("", ""))[1]


def _pairs(root: Path, name: str) -> list[Pair]:
    folder = find_folder(root, (name,), ("Ir", "Vis"))
    if folder is None:
        raise UsageError(
            f"no M3FD pairs under {root}: looked for {name}/Ir and {name}/Vis. Get {name}.zip from {DRIVE} , unpack it "
            f"there, or name another folder by --data-root. To see the harness without data: python run_bench.py"
        )
    return pair_up(
        images_in(folder / "Ir"),
        images_in(folder / "Vis"),
        scene=scene_of,
        labels=_labels(folder, root),
        split=split_of,
    )


def _labels(folder: Path, root: Path) -> LabelSource:
    """Where the boxes are: beside the images (VOC, COCO), else in the detection set, of which all pairs are frames."""
    published = tuple(path for name in LABEL_FILES if (path := folder / name).is_file())
    if published and not (folder / "Annotation").is_dir():
        return coco.CocoLabels(published, M3FD_CLASSES)
    place = folder if (folder / "Annotation").is_dir() else root / "M3FD_Detection"
    return LabelFolder(place / "Annotation", ".xml", partial(read_voc, names=M3FD_CLASSES))


M3FD = Dataset(
    name="m3fd",
    title="M3FD (detection)",
    description="labelled street pairs, six classes, four kinds of scene",
    classes=M3FD_CLASSES,
    class_sets=M3FD_CLASS_SETS,
    source=SOURCE,
    citation=LIU_2022,
    licence="research; cite TarDAL",
    layout="M3FD_Detection/{Ir,Vis}/*.png, M3FD_Detection/Annotation/*.xml",
    obtain=f"M3FD_Detection.zip from {DRIVE}",
    size="4,200 pairs, 34,407 boxes",
    archive=Archive(
        url=DRIVE,
        file="M3FD_Detection.zip",
        inside=None,
        folder="M3FD_Detection",
        parts=("Ir", "Vis", "Annotation"),
        pairs=4200,
    ),
    pairs=partial(_pairs, name="M3FD_Detection"),
)

M3FD_FUSION = Dataset(
    name="m3fd_fusion",
    title="M3FD (fusion)",
    description="the 300 fusion pairs of M3FD, with the boxes of the detection set",
    classes=M3FD_CLASSES,
    class_sets=M3FD_CLASS_SETS,
    source=SOURCE,
    citation=LIU_2022,
    licence="research; cite TarDAL",
    layout="M3FD_Fusion/{Ir,Vis}/*.png, M3FD_Fusion/meta/instances_{train,val}2014.json",
    obtain=f"M3FD_Fusion.zip from {DRIVE}, or github.com/{FUSION_PAIRS}",
    size="300 pairs",
    archive=github_archive(
        FUSION_PAIRS, "master", "M3FD_Fusion", ("Ir", "Vis"), pairs=300, below="M3FD_Fusion", md5=FUSION_PAIRS_MD5
    ),
    beside=tuple(
        LooseFile(urls=tuple(f"{place}/{name}" for place in LABELS), place=f"M3FD_Fusion/{name}", problem=coco.problem)
        for name in LABEL_FILES
    ),
    pairs=partial(_pairs, name="M3FD_Fusion"),
)
