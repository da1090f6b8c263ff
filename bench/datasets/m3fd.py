"""M3FD: 4,200 labelled street pairs (detection) and 300 fusion pairs. Liu et al., CVPR 2022."""

from __future__ import annotations

import csv
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from bench.datasets.files import LabelFolder, find_folder, pair_up
from bench.datasets.labels import read_voc
from bench.datasets.pair import M3FD_CLASSES, Dataset, Pair, github_archive
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

SOURCE = "Liu et al., Target-aware Dual Adversarial Learning (TarDAL), CVPR 2022"
FUSION_PAIRS = "CharlesShan-hub/M3FD-Fusion-Backup"
FUSION_PAIRS_MD5 = "e11dcc73ff6f590d927631467930abb6"
DRIVE = "https://drive.google.com/drive/folders/1H-oO7bgRuVFYDcMGvxstT1nmy0WF_Y_6"


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
    # The fusion pairs are frames of the detection set: its boxes apply to them.
    labels = folder if (folder / "Annotation").is_dir() else root / "M3FD_Detection"
    return pair_up(
        images_in(folder / "Ir"),
        images_in(folder / "Vis"),
        scene=scene_of,
        labels=LabelFolder(labels / "Annotation", ".xml", partial(read_voc, names=M3FD_CLASSES)),
        split=split_of,
    )


CITATION = r"""@inproceedings{liu2022tardal,
  author    = {Liu, Jinyuan and Fan, Xin and Huang, Zhanbo and Wu, Guanyao and Liu, Risheng and Zhong, Wei and
             Luo, Zhongxuan},
  title     = {Target-Aware Dual Adversarial Learning and a Multi-Scenario Multi-Modality Benchmark to Fuse
             Infrared and Visible for Object Detection},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {5802--5811},
  year      = {2022},
  doi       = {10.1109/CVPR52688.2022.00571},
}"""

M3FD = Dataset(
    name="m3fd",
    title="M3FD (detection)",
    description="labelled street pairs, six classes, four kinds of scene",
    classes=M3FD_CLASSES,
    source=SOURCE,
    citation=CITATION,
    licence="research; cite TarDAL",
    layout="M3FD_Detection/{Ir,Vis}/*.png, M3FD_Detection/Annotation/*.xml",
    obtain=f"M3FD_Detection.zip from {DRIVE}",
    size="4,200 pairs, 34,407 boxes",
    pairs=partial(_pairs, name="M3FD_Detection"),
)

M3FD_FUSION = Dataset(
    name="m3fd_fusion",
    title="M3FD (fusion)",
    description="the 300 fusion pairs of M3FD; boxes where M3FD_Detection lies beside them",
    classes=M3FD_CLASSES,
    source=SOURCE,
    citation=CITATION,
    licence="research; cite TarDAL",
    layout="M3FD_Fusion/{Ir,Vis}/*.png",
    obtain=f"M3FD_Fusion.zip from {DRIVE}, or github.com/{FUSION_PAIRS}",
    size="300 pairs",
    archive=github_archive(
        FUSION_PAIRS, "master", "M3FD_Fusion", ("Ir", "Vis"), pairs=300, below="M3FD_Fusion", md5=FUSION_PAIRS_MD5
    ),
    pairs=partial(_pairs, name="M3FD_Fusion"),
)
