"""MSRS: road pairs by day and night. Tang et al., PIAFusion, Information Fusion 2022."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.datasets.files import find_folder, images_by_stem, pair_up
from bench.datasets.labels import read_yolo
from bench.datasets.pair import Box, Dataset, Pair, github_archive
from tsdm_bench.errors import UsageError
from tsdm_bench.images import image_size

CLASSES = ("person", "bicycle", "car")
REPOSITORY = "Linfeng-Tang/MSRS"


def _boxes(folder: Path, visible: dict[str, Path], image: str) -> tuple[Box, ...] | None:
    path = folder / "labels" / f"{image}.txt"
    if not path.is_file() or image not in visible:
        return None
    return read_yolo(path, CLASSES, image_size(visible[image]))


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
        visible = images_by_stem(folder / split / "vi")
        found += pair_up(
            images_by_stem(folder / split / "ir"),
            visible,
            scene=lambda image: {"D": "day", "N": "night"}.get(image[-1], "unknown"),
            boxes=partial(_boxes, folder / split, visible),
            split=lambda image, split=split: split,
        )
    return found


MSRS = Dataset(
    name="msrs",
    title="MSRS",
    description="road pairs by day and night; persons, bicycles and cars where YOLO labels are there",
    classes=CLASSES,
    source="Tang et al., PIAFusion, Information Fusion 83–84, 2022",
    licence="research",
    layout="MSRS/{train,test}/{ir,vi}/*.png, MSRS/{train,test}/labels/*.txt",
    obtain=f"github.com/{REPOSITORY}",
    size="1,444 pairs",
    archive=github_archive(REPOSITORY, "main", "MSRS", ("train/ir", "train/vi", "test/ir", "test/vi")),
    pairs=pairs,
)
