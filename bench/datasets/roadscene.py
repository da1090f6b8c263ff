"""RoadScene: 221 road pairs cut from FLIR video. Xu et al., AAAI 2020 / U2Fusion, TPAMI 2022."""

from __future__ import annotations

from pathlib import Path

from bench.datasets.files import find_folder, images_by_stem, pair_up
from bench.datasets.pair import Dataset, Pair
from bench.errors import UsageError

REPOSITORY = "https://github.com/hanna-xu/RoadScene"


def pairs(root: Path) -> list[Pair]:
    """All pairs; the part of an id before its number is used as scene."""
    folder = find_folder(root, ("RoadScene", "RoadScene-master"), ("cropinfrared", "crop_LR_visible"))
    if folder is None:
        raise UsageError(
            f"no RoadScene pairs under {root}: looked for RoadScene/cropinfrared and RoadScene/crop_LR_visible. "
            f"Get them from {REPOSITORY} or name another folder by --data-root"
        )
    return pair_up(
        images_by_stem(folder / "cropinfrared"),
        images_by_stem(folder / "crop_LR_visible"),
        scene=lambda image: image.rpartition("_")[0] or image,
    )


ROADSCENE = Dataset(
    name="roadscene",
    title="RoadScene",
    description="road pairs cut from FLIR video, colour",
    classes=(),
    source="Xu et al., U2Fusion, TPAMI 2022",
    licence="cite U2Fusion",
    layout="RoadScene/{cropinfrared,crop_LR_visible}/*.jpg",
    obtain=REPOSITORY,
    size="221 pairs",
    pairs=pairs,
)
