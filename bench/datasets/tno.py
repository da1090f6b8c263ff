"""TNO: the classic military pairs, in the 42-pair selection that fusion papers use. Toet, Data in Brief 2017."""

from __future__ import annotations

from pathlib import Path

from bench.datasets.files import find_folder, pair_up
from bench.datasets.pair import Dataset, Pair, github_archive
from tsdm_bench.errors import UsageError
from tsdm_bench.images import images_in

SELECTION = "Linfeng-Tang/Evaluation-for-Image-Fusion"
COMMIT = "0e87153be77320e31ef2cabb5820518d2ac56bac"
BELOW = "Image/Source-Image/TNO"


def pairs(root: Path) -> list[Pair]:
    """All pairs; every pair is a scene of its own."""
    for visible in ("vi", "vis"):
        folder = find_folder(root, ("TNO",), ("ir", visible))
        if folder is not None:
            return pair_up(images_in(folder / "ir"), images_in(folder / visible), scene=lambda image: image)
    raise UsageError(
        f"no TNO pairs under {root}: looked for TNO/ir and TNO/vi. Get the 42 pairs by `run_bench.py datasets download "
        f"tno` ({BELOW} of github.com/{SELECTION}) or name another folder by --data-root"
    )


CITATION = r"""@article{toet2017tno,
  author  = {Toet, Alexander},
  title   = {The {TNO} Multiband Image Data Collection},
  journal = {Data in Brief},
  volume  = {15},
  pages   = {249--251},
  year    = {2017},
  doi     = {10.1016/j.dib.2017.09.038},
}"""

TNO = Dataset(
    name="tno",
    title="TNO",
    description="the classic grey pairs, 42-pair selection",
    classes=(),
    source="Toet, The TNO Multiband Image Data Collection, Data in Brief 15, 2017",
    citation=CITATION,
    licence="research",
    layout="TNO/{ir,vi}/*.png",
    obtain=f"{BELOW} of github.com/{SELECTION}",
    size="42 pairs",
    archive=github_archive(SELECTION, COMMIT, "TNO", ("ir", "vi"), pairs=42, below=BELOW),
    pairs=pairs,
)
