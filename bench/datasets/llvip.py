"""LLVIP: street pairs at low light with pedestrians. Jia et al., ICCV workshops 2021."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.datasets.files import LabelFolder, find_folder, pair_up
from bench.datasets.labels import read_voc
from bench.datasets.pair import Archive, Dataset, Pair
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

CLASSES = ("person",)
DRIVE_FILE = "https://drive.google.com/file/d/1VTlT3Y7e1h-Zsne4zahjx5q0TK2ClMVv"


def pairs(root: Path) -> list[Pair]:
    """All pairs, train before test; the first two digits of an id name the camera position, used as scene."""
    folder = find_folder(root, ("LLVIP",), ("infrared", "visible"))
    if folder is None:
        raise UsageError(
            f"no LLVIP pairs under {root}: looked for LLVIP/infrared and LLVIP/visible. Accept the terms and get "
            f"LLVIP.zip from {DRIVE_FILE} , unpack it there, or name another folder by --data-root"
        )
    found: list[Pair] = []
    for split in ("train", "test"):
        found += pair_up(
            images_in(folder / "infrared" / split),
            images_in(folder / "visible" / split),
            scene=lambda image: image[:2],
            labels=LabelFolder(folder / "Annotations", ".xml", partial(read_voc, names=CLASSES)),
            split=split,
        )
    return found


CITATION = r"""@inproceedings{jia2021llvip,
  author    = {Jia, Xinyu and Zhu, Chuang and Li, Minzhen and Tang, Wenqi and Zhou, Wenli},
  title     = {{LLVIP}: A Visible-Infrared Paired Dataset for Low-Light Vision},
  booktitle = {IEEE/CVF International Conference on Computer Vision Workshops (ICCVW)},
  pages     = {3489--3497},
  year      = {2021},
  doi       = {10.1109/ICCVW54120.2021.00389},
}"""

LLVIP = Dataset(
    name="llvip",
    title="LLVIP",
    description="pedestrians at low light, 1280×1024, class person",
    classes=CLASSES,
    source="Jia et al., LLVIP: A Visible-infrared Paired Dataset for Low-light Vision, ICCVW 2021",
    citation=CITATION,
    licence="non-commercial, no identification of people",
    layout="LLVIP/{infrared,visible}/{train,test}/*.jpg, LLVIP/Annotations/*.xml",
    obtain=f"LLVIP.zip from {DRIVE_FILE} (terms must be accepted)",
    size="15,488 pairs",
    archive=Archive(
        url=DRIVE_FILE,
        file="LLVIP.zip",
        inside=None,
        folder="LLVIP",
        parts=("infrared", "visible", "Annotations"),
        pairs=15488,
    ),
    terms="for non-commercial use only; no person in the images is to be identified (the terms of LLVIP)",
    pairs=pairs,
)
