"""MSRS: road pairs by day and night. Tang et al., PIAFusion, Information Fusion 2022."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.datasets.files import LabelFolder, find_folder, pair_up
from bench.datasets.labels import read_yolo
from bench.datasets.pair import Dataset, Pair, github_archive
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

CLASSES = ("person", "bicycle", "car")
REPOSITORY = "Linfeng-Tang/MSRS"
DETECTION_COMMIT = "2052589d3a714d0285c8792e24d2db290d84b6ea"


def pairs(root: Path) -> list[Pair]:
    """All pairs, train before test; the last letter of an id tells day (D) from night (N)."""
    folder = find_folder(root, ("MSRS", "MSRS-main"), ("test",))
    if folder is None:
        raise UsageError(
            f"no MSRS pairs under {root}: looked for MSRS/test/ir and MSRS/test/vi. Get them by `run_bench.py datasets "
            f"download msrs` (github.com/{REPOSITORY}) or name another folder by --data-root"
        )
    found: list[Pair] = []
    for split in ("train", "test"):
        found += pair_up(
            images_in(folder / split / "ir"),
            images_in(folder / split / "vi"),
            scene=lambda image: {"D": "day", "N": "night"}.get(image[-1], "unknown"),
            labels=LabelFolder(folder / split / "labels", ".txt", partial(read_yolo, names=CLASSES)),
            split=split,
        )
    return found


CITATION = r"""@article{tang2022piafusion,
  author  = {Tang, Linfeng and Yuan, Jiteng and Zhang, Hao and Jiang, Xingyu and Ma, Jiayi},
  title   = {{PIAFusion}: A Progressive Infrared and Visible Image Fusion Network Based on Illumination
             Aware},
  journal = {Information Fusion},
  volume  = {83--84},
  pages   = {79--92},
  year    = {2022},
  doi     = {10.1016/j.inffus.2022.03.007},
}"""

MSRS = Dataset(
    name="msrs",
    title="MSRS",
    description="road pairs by day and night; persons, bicycles and cars where YOLO labels are there",
    classes=CLASSES,
    source="Tang et al., PIAFusion, Information Fusion 83–84, 2022",
    citation=CITATION,
    licence="research",
    layout="MSRS/{train,test}/{ir,vi}/*.png, MSRS/{train,test}/labels/*.txt",
    obtain=f"github.com/{REPOSITORY}",
    size="1,444 pairs",
    archive=github_archive(
        REPOSITORY,
        "main",
        "MSRS",
        ("train/ir", "train/vi", "test/ir", "test/vi"),
        pairs=1444,
        more=("train/labels", "test/labels", "detection/ir", "detection/vi", "detection/labels"),
    ),
    pairs=pairs,
)


def detection_pairs(root: Path) -> list[Pair]:
    """The pairs that were published with boxes, under names of their own."""
    folder = find_folder(root, ("MSRS/detection", "MSRS-main/detection", "detection"), ("ir", "vi", "labels"))
    if folder is None:
        raise UsageError(
            f"no labelled MSRS pairs under {root}: looked for MSRS/detection/ir, vi and labels. Get them by "
            f"`run_bench.py datasets download msrs_detection` (github.com/{REPOSITORY}) or name another folder by "
            f"--data-root"
        )
    return pair_up(
        images_in(folder / "ir"),
        images_in(folder / "vi"),
        scene=lambda image: image,
        labels=LabelFolder(folder / "labels", ".txt", partial(read_yolo, names=CLASSES)),
    )


MSRS_DETECTION = Dataset(
    name="msrs_detection",
    title="MSRS (detection)",
    description="the 80 pairs of MSRS with published boxes, under names of their own; every pair a scene of its own",
    classes=CLASSES,
    source=MSRS.source,
    licence=MSRS.licence,
    layout="MSRS/detection/{ir,vi}/*.png, MSRS/detection/labels/*.txt",
    obtain=f"detection of github.com/{REPOSITORY}",
    size="80 pairs",
    archive=github_archive(
        REPOSITORY, DETECTION_COMMIT, "MSRS/detection", ("ir", "vi", "labels"), pairs=80, below="detection"
    ),
    pairs=detection_pairs,
)
