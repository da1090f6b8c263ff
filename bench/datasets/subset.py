"""The card of a subset: which pairs of a dataset a paper, or a table of ours, reports on."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib.resources import files

from bench.datasets.pair import Pair
from tsdm_bench.cards import OURS, Card, Registry
from tsdm_bench.errors import UsageError

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Subset(Card):
    """Some pairs of a dataset: those of the list ``subsets.csv`` under its name, of a split, or all that are published.

    The source says who reports on them. Degraded inputs are those of the dataset: a pair is degraded the same way in a
    run of a subset and in one of the whole.
    """

    dataset: str
    pairs: int
    """How many there are; a set of another number is refused, since its means would be of something else."""
    split: str = ""
    licence: str = OURS
    """Of the list, not of the images."""

    def select(self, pairs: list[Pair]) -> list[Pair]:
        """The pairs of the subset, in the order of the dataset; raises ``UsageError`` where one is not there."""
        ids = _ids(self.name)
        found = [pair for pair in pairs if (not ids or pair.image in ids) and self.split in ("", pair.split)]
        if len(found) == self.pairs:
            return found
        lacking = sorted(ids - {pair.image for pair in found})
        named = f" (not there: {', '.join(lacking[:SHOWN])}{'…' * (len(lacking) > SHOWN)})" if lacking else ""
        raise UsageError(
            f"subset {self.name} is {self.pairs} pairs of {self.dataset}, here are {len(found)} of them{named}; "
            f"complete the dataset, or leave the subset out"
        )


SUBSETS: Registry[Subset] = Registry("subset", Subset, ("bench.datasets",), "tsdm_bench.subsets")


@functools.cache
def _ids(name: str) -> frozenset[str]:
    """The ids that the list has for a subset; empty where it is not a matter of ids."""
    text = files("bench.datasets").joinpath("subsets.csv").read_text(encoding="utf-8")
    return frozenset(row["id"] for row in csv.DictReader(text.splitlines()) if row["subset"] == name)


M3FD72 = Subset(
    name="m3fd72",
    title="M3FD, 72 labelled pairs",
    dataset="m3fd",
    pairs=72,
    source="TSDM-Bench: 619 boxes of all six classes; 43 of the pairs are of the official training split",
)
M3FD300 = Subset(
    name="m3fd300",
    title="M3FD, the 300 fusion pairs",
    dataset="m3fd_fusion",
    pairs=300,
    source="Liu et al., TarDAL, CVPR 2022: M3FD_Fusion",
)
LLVIP_TEST = Subset(
    name="llvip_test",
    title="LLVIP, test split",
    dataset="llvip",
    pairs=3463,
    split="test",
    source="Jia et al., LLVIP, ICCVW 2021: visible/test and infrared/test",
)
ROADSCENE221 = Subset(
    name="roadscene221",
    title="RoadScene, all 221 pairs",
    dataset="roadscene",
    pairs=221,
    source="Xu et al., U2Fusion, TPAMI 2022",
)
TNO42 = Subset(
    name="tno42",
    title="TNO, 42 pairs",
    dataset="tno",
    pairs=42,
    source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion, Image/Source-Image/TNO",
)
TNO10 = Subset(
    name="tno10",
    title="TNO, 10 pairs with published values",
    dataset="tno",
    pairs=10,
    source="github.com/Linfeng-Tang/Evaluation-for-Image-Fusion: the pairs whose metric values are published",
)
