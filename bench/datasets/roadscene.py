"""RoadScene: 221 road pairs cut from FLIR video. Xu et al., AAAI 2020 / U2Fusion, TPAMI 2022."""

from __future__ import annotations

from pathlib import Path

from bench.datasets.files import find_folder, pair_up
from bench.datasets.pair import Dataset, Pair, github_archive
from fusion.citations import XU_2022
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

REPOSITORY = "hanna-xu/RoadScene"
COMMIT = "ab71420f8fc96396eeb97eecf3694909b3feb656"
PARTS = ("cropinfrared", "crop_LR_visible")


def pairs(root: Path) -> list[Pair]:
    """All pairs; the part of an id before its number is used as scene."""
    folder = find_folder(root, ("RoadScene", "RoadScene-master"), PARTS)
    if folder is None:
        raise UsageError(
            f"no RoadScene pairs under {root}: looked for RoadScene/cropinfrared and RoadScene/crop_LR_visible. "
            f"Get them by `run_bench.py datasets download roadscene` (github.com/{REPOSITORY}) or name another folder "
            f"by --data-root"
        )
    return pair_up(
        images_in(folder / "cropinfrared"),
        images_in(folder / "crop_LR_visible"),
        scene=lambda image: image.rpartition("_")[0] or image,
    )


ROADSCENE = Dataset(
    name="roadscene",
    title="RoadScene",
    description="road pairs cut from FLIR video, colour",
    classes=(),
    source="Xu et al., U2Fusion, TPAMI 2022",
    citation=XU_2022,
    licence="cite U2Fusion",
    layout="RoadScene/{cropinfrared,crop_LR_visible}/*.jpg",
    obtain=f"github.com/{REPOSITORY}",
    size="221 pairs",
    archive=github_archive(REPOSITORY, COMMIT, "RoadScene", PARTS, pairs=221),
    pairs=pairs,
)
